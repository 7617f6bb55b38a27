"""The dbt-duckdb plugin of the endpoint backend: SQL functions for the ledger macros.

Registering them costs nothing; whatever is heavy is imported when a ledger first opens a step with
`ai_backend: endpoint`. Profile: `module_paths: [scripts]`, `plugins: [{module: faultline.endpoint.plugin}]`.
"""

import atexit
import os
import threading

from dbt.adapters.duckdb.environments.local import LocalEnvironment
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.events.logging import AdapterLogger
from dbt_common.exceptions import DbtRuntimeError

ROW = [
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
    "VARCHAR",
]  # step, inspection_id, content_sha256, image_path, prompt_text
OUTCOME = (
    "STRUCT(raw_response VARCHAR, error VARCHAR, is_retryable BOOLEAN, input_tokens BIGINT, output_tokens BIGINT, "
    "latency_ms DOUBLE, finish_reason VARCHAR, served_model VARCHAR, request_count BIGINT, cost DOUBLE, "
    "answered_for VARCHAR, asked_at TIMESTAMP, asked_in VARCHAR)"
)
_logger = AdapterLogger("faultline")
_guard = threading.Lock()
_sessions: dict[str, object] = {}


def _say(text: str):
    _logger.info(f"AI endpoint: {text}")


def _cancel_sessions():
    for session in _sessions.values():
        session.cancel()


class Plugin(BasePlugin):
    """Registers the functions faultline_ai_* on the connection."""

    def update_connection_config(self, creds, config):
        """Refuse a second run with a clear text, where DuckDB would speak of a lock on a file."""
        path = os.environ.get("FAULTLINE_AI_STORE") or f"{creds.path}.answers"
        if os.path.exists(f"{path}.lock"):
            from faultline.endpoint.store import RunLock, refusal_text

            holder = RunLock(path).holder()
            if holder is not None:
                raise DbtRuntimeError("faultline AI: " + refusal_text(holder))

    def configure_connection(self, conn):
        """Define the functions. They have side effects: DuckDB must not drop, repeat or fold their calls."""
        path = self.creds.path

        def session():
            with _guard:
                if path not in _sessions:
                    from faultline.endpoint.session import Session

                    _sessions[path] = Session(path, _say)
                    atexit.register(_sessions[path].close)
                return _sessions[path]

        def submit(step, inspection_id, content_sha256, image_path, prompt_text):
            return session().submit(step, inspection_id, content_sha256, image_path, prompt_text)

        def outcome(step, inspection_id, content_sha256, image_path, prompt_text):
            return session().outcome(step, inspection_id, content_sha256, image_path, prompt_text)

        def has_outcome(step, inspection_id, content_sha256, image_path, prompt_text):
            return session().has_outcome(step, inspection_id, content_sha256, image_path, prompt_text)

        for name, function, parameters, returns in (
            ("faultline_ai_open", lambda settings: session().open(settings), ["VARCHAR"], "VARCHAR"),
            ("faultline_ai_begin", lambda step, rows: session().begin(step, rows), ["VARCHAR", "BIGINT"], "BOOLEAN"),
            ("faultline_ai_submit", submit, ROW, "BOOLEAN"),
            ("faultline_ai_drain", lambda step: session().drain(step), ["VARCHAR"], "VARCHAR"),
            ("faultline_ai_outcome", outcome, ROW, OUTCOME),
            ("faultline_ai_has_outcome", has_outcome, ROW, "BOOLEAN"),
        ):
            conn.create_function(name, function, parameters, returns, null_handling="special", side_effects=True)
        # Python functions that outlive the interpreter make the driver complain at exit.
        atexit.register(conn.close)
        _let_cancel_through()


def _let_cancel_through():
    """DuckDB cannot interrupt a Python function, so dbt's Ctrl-C has to reach the engine by itself."""
    if getattr(LocalEnvironment, "_faultline_cancels", False):
        return
    cancel_query = LocalEnvironment.cancel.__func__

    def cancel(cls, connection):
        _cancel_sessions()
        cancel_query(cls, connection)

    LocalEnvironment.cancel = classmethod(cancel)
    LocalEnvironment._faultline_cancels = True
