"""One dbt run: what each step asks, rows in, outcomes out. The SQL functions of the plugin end here."""

import datetime
import json
import os
import threading
from collections.abc import Callable

from faultline.endpoint import EndpointError
from faultline.endpoint.budget import Limits
from faultline.endpoint.engine import Engine
from faultline.endpoint.images import ImageSettings
from faultline.endpoint.questions import Question, Step, answer_key
from faultline.endpoint.store import RunLock, Spent, Store
from faultline.endpoint.tally import progress_line

FREE = {"input_tokens": 0, "output_tokens": 0, "latency_ms": None, "request_count": 0, "cost": 0.0}


def store_path(duckdb_path: str) -> str:
    """Where the answers of a database are kept."""
    path = os.environ.get("FAULTLINE_AI_STORE", "")
    if path:
        return path
    if not duckdb_path or duckdb_path.startswith(":memory:"):
        raise EndpointError(
            "the database is in memory, so answers would be lost with it: set FAULTLINE_AI_STORE to a file for them"
        )
    return duckdb_path + ".answers"


def read_step(settings: dict) -> Step:
    """The step out of what dbt hands over (all values may be texts there)."""
    options = json.loads(settings.get("request_options") or "{}")
    if not isinstance(options, dict):
        raise EndpointError(f"request_options of model '{settings['model']}' must be a JSON object")
    longest = options.get("max_completion_tokens") or options.get("max_tokens") or settings["max_answer_tokens"]
    return Step(
        step=settings["step"],
        model=settings["model"],
        served_as=settings["served_as"],
        prompt_version=settings["prompt_version"],
        prompt_md5=settings["prompt_md5"],
        prompt_text=settings["prompt_text"],
        sends_image=bool(settings["sends_image"]),
        labels=tuple(settings["labels"]),
        actions=tuple(settings["actions"]),
        answer_keys=json.loads(settings["response_schema"]) if settings.get("response_schema") else {},
        structured_output=settings.get("structured_output") or "json_schema",
        request_options=options,
        input_price=float(settings.get("input_price") or 0) / 1e6,
        output_price=float(settings.get("output_price") or 0) / 1e6,
        estimated_input_tokens=int(settings.get("estimated_input_tokens") or 0),
        estimated_output_tokens=int(settings.get("estimated_output_tokens") or 0),
        max_answer_tokens=int(longest),
    )


def read_limits(settings: dict) -> Limits:
    """Limits out of the vars; negative = none."""

    def limit(name, kind):
        value = kind(settings[name])
        return None if value < 0 else value

    concurrency = int(settings["concurrency"])
    if not 1 <= concurrency <= 1024:
        raise EndpointError(f"ai_concurrency is {concurrency}; it is a number from 1 to 1024")
    return Limits(
        concurrency=concurrency,
        requests_per_minute=limit("requests_per_minute", float) or None,
        tokens_per_minute=limit("tokens_per_minute", float) or None,
        timeout_seconds=float(settings["timeout_seconds"]),
        max_tries=max(1, int(settings["max_tries"])),
        outage_seconds=float(settings["outage_seconds"]),
        calls_per_run=limit("calls_per_run", int),
        calls_per_day=limit("calls_per_day", int),
        cost_per_run=limit("cost_per_run", float),
        cost_per_day=limit("cost_per_day", float),
        spent_before=Spent(*settings["spent"]),
    )


class Session:
    """Everything of one run. Opened once per step; safe to call from any thread."""

    def __init__(self, duckdb_path: str, say: Callable[[str], None] = lambda text: None, store: str | None = None):
        self._duckdb_path, self._say, self._store_file = duckdb_path, say, store
        self._guard = threading.RLock()
        self._steps: dict[str, Step] = {}
        self._asked: dict[str, set[str]] = {}
        self._may_know: dict[str, bool] = {}
        self._knew: dict[str, bool] = {}
        self._engine: Engine | None = None
        self._store: Store | None = None
        self._lock: RunLock | None = None
        self._run_id = ""
        self._images = ImageSettings("")
        self._limits: dict = {}
        self._cancelled = False

    def open(self, settings_json: str) -> str:
        """Get ready to answer a step out of the store. Calls nobody yet."""
        settings = json.loads(settings_json)
        with self._guard:
            if self._run_id and self._run_id != settings["run_id"]:
                self.close()  # another dbt invocation in the same process
            self._run_id = settings["run_id"]
            if self._store is None:
                path = self._store_file or store_path(self._duckdb_path)
                lock = RunLock(path)
                lock.acquire()
                self._lock = lock
                self._store = Store(path)
                self._store.forget_failures_of_other_runs(self._run_id)
            images = settings["images"]
            self._images = ImageSettings(
                images["root"],
                int(images["edge_px"]),
                int(images["quality"]),
                int(images["max_pixels"]),
                images["url_prefix"],
            )
            self._limits = settings["limits"]
            step = read_step(settings["step"])
            self._steps[step.step] = step
            self._asked[step.step] = set()
            # Of a question never asked before nothing is known: 100,000 rows need not be looked up one by one.
            self._knew[step.step] = self._may_know[step.step] = self._store.has_answers_to(step.question)
        return step.question

    def begin(self, step: str, expected: int) -> bool:
        """Calls are about to be made for so many rows of a step."""
        with self._guard:
            reads_images = self._steps[step].sends_image and not self._images.url_prefix
            if reads_images and not os.path.isdir(self._images.root):
                # Else every row would count a failure, for a disk that is not mounted.
                raise EndpointError(f"there is no folder of images '{self._images.root}': set FAULTLINE_IMAGES")
            if self._engine is None:
                base_url = os.environ.get("FAULTLINE_AI_BASE_URL", "")
                if not base_url:
                    raise EndpointError(
                        "the backend endpoint needs FAULTLINE_AI_BASE_URL, for instance http://127.0.0.1:8000/v1 "
                        "(and FAULTLINE_AI_API_KEY where the server asks for a key)"
                    )
                key = os.environ.get("FAULTLINE_AI_API_KEY", "")
                limits = read_limits(self._limits)
                self._engine = Engine(base_url, key, limits, self._images, self._store, self._run_id, self._say)
                if self._cancelled:
                    self._engine.cancel()
        self._may_know[step] = True
        self._engine.begin(expected)
        return True

    def submit(
        self, step: str, inspection_id: str, content_sha256: str | None, image_path: str | None, prompt_text: str | None
    ) -> bool:
        """One row. False where the run was stopped and the row stays pending."""
        question = self._question(step, inspection_id, content_sha256, image_path, prompt_text)
        with self._guard:
            if question.key in self._asked[step] or (self._knew[step] and self._store.has_answer(question.key)):
                return True
            self._asked[step].add(question.key)
        return self._engine.submit(question)

    def drain(self, step: str) -> str:
        """Wait for the rows of a step; the tally as JSON."""
        tally = self._engine.finish()
        if tally.stopped == "cancelled":
            raise EndpointError("the run was cancelled; what was received is kept")
        if tally.submitted:
            self._say(f"{step}: " + progress_line(tally, tally.answered + tally.failed, 0))
        return json.dumps(
            {
                "stopped": tally.stopped,
                "detail": tally.detail,
                "answered": tally.answered,
                "failed": tally.failed,
                "requests": tally.requests,
                "throttled": tally.throttled,
                "cost": tally.cost,
                "most_in_flight": tally.most_in_flight,
            }
        )

    def outcome(
        self, step: str, inspection_id: str, content_sha256: str | None, image_path: str | None, prompt_text: str | None
    ) -> dict | None:
        """What is known about a row: an answer of any run, a failure of this one, or nothing."""
        question = self._question(step, inspection_id, content_sha256, image_path, prompt_text)
        row = self._store.answer(question.key)
        if row is not None:
            found = {
                "raw_response": row["raw_response"],
                "error": None,
                "is_retryable": True,
                "input_tokens": row["input_tokens"],
                "output_tokens": row["output_tokens"],
                "latency_ms": row["latency_ms"],
                "finish_reason": row["finish_reason"],
                "served_model": row["served_model"],
            }
        else:
            row = self._failure(question)
            if row is None:
                return None
            found = {
                "raw_response": None,
                "error": row["error"],
                "is_retryable": bool(row["is_retryable"]),
                "input_tokens": None,
                "output_tokens": None,
                "latency_ms": None,
                "finish_reason": None,
                "served_model": None,
            }
        asked_at = datetime.datetime.fromtimestamp(row["asked_at"], datetime.UTC).replace(tzinfo=None)
        if row["inspection_id"] != inspection_id:
            return found | FREE | {"answered_for": row["inspection_id"], "asked_at": None, "asked_in": None}
        facts = {"request_count": row["requests_sent"], "cost": row["cost"], "answered_for": None, "asked_at": asked_at}
        return found | facts | {"asked_in": row["run_id"]}

    def has_outcome(self, *row) -> bool:
        """Whether outcome() would give one."""
        if self._may_know.get(row[0]) is False:
            return False
        question = self._question(*row)
        return self._store.has_answer(question.key) or self._failure(question) is not None

    def _failure(self, question: Question):
        """Rows of the same content share what a server said, not what became of one row's file."""
        row = self._store.failure(question.key, self._run_id)
        is_shared = row is not None and (row["requests_sent"] > 0 or row["inspection_id"] == question.inspection_id)
        return row if is_shared else None

    def cancel(self):
        """Ctrl-C: drop what is in flight."""
        self._cancelled = True
        if self._engine is not None:
            self._engine.cancel()

    def close(self):
        """Let go of the server, the store and the lock."""
        with self._guard:
            if self._engine is not None:
                self._engine.close()
            if self._store is not None:
                self._store.close()
            if self._lock is not None:
                self._lock.release()
            self._engine = self._store = self._lock = None
            self._cancelled = False
            self._steps, self._asked, self._may_know, self._knew = {}, {}, {}, {}

    def _question(self, step, inspection_id, content_sha256, image_path, prompt_text) -> Question:
        asked = self._steps.get(step)
        if asked is None:
            raise EndpointError(f"step '{step}' was not opened: the endpoint answers only through an AI ledger")
        key = answer_key(asked, content_sha256, prompt_text, self._images)
        return Question(key, asked, inspection_id, content_sha256, image_path, prompt_text)
