"""The tables of a build, read through the connection of the dbt adapter: the same code on DuckDB and on Lakehouse.

The profile, its target and its secrets are those that dbt uses; nothing is configured a second time.
"""

import argparse
import json
import os
import random
import re
import time
from pathlib import Path
from typing import Any

from faultline import UsageError

PROJECT = Path(__file__).resolve().parents[2]
LOCK_WAIT_SECONDS = 60.0


def add_warehouse_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("warehouse")
    group.add_argument("--target", help="target of the dbt profile (default: FAULTLINE_TARGET, else duckdb)")
    group.add_argument("--profiles-dir", type=Path, default=PROJECT / "profiles", help="folder of profiles.yml")
    group.add_argument("--vars", default="{}", help="dbt vars as JSON or YAML, as they were given to dbt build")


def landing_folder() -> Path:
    """The landing folder of DuckDB, as the macro landing_path finds it."""
    return Path(os.environ.get("FAULTLINE_LANDING", "demo_plant/landing"))


class Warehouse:
    """One open connection. Use it as a context manager: on DuckDB it holds the lock of the database file.

    On DuckDB it reads only. Raises UsageError where the file is not there: opening it would leave an empty one behind.
    """

    def __init__(self, target: str | None, profiles_dir: Path, variables: str = "{}") -> None:
        # dbt takes over a second to import: only a command that needs it pays.
        import yaml
        from dbt.adapters.factory import get_adapter, register_adapter, reset_adapters
        from dbt.config.runtime import RuntimeConfig, load_profile, load_project
        from dbt.flags import set_from_args
        from dbt.mp_context import get_mp_context
        from dbt_common.context import set_invocation_context
        from dbt_common.exceptions import DbtBaseException

        self._errors = (DbtBaseException,)
        try:
            given = yaml.safe_load(variables) or {}
        except yaml.YAMLError as error:
            raise UsageError(f"--vars is neither JSON nor YAML: {error}") from error
        set_invocation_context(dict(os.environ))
        arguments = argparse.Namespace(
            project_dir=str(PROJECT), profiles_dir=str(profiles_dir), target=target, vars=given, threads=1, which="show"
        )
        set_from_args(arguments, None)
        try:
            profile = load_profile(str(PROJECT), given, None, target, 1)
            project = load_project(str(PROJECT), True, profile, given)
            config = RuntimeConfig.from_parts(project, profile, arguments)
        except DbtBaseException as error:
            raise UsageError(f"the dbt profile cannot be used: {error}") from error
        self.variables: dict[str, Any] = {**config.vars.to_dict().get("faultline", config.vars.to_dict()), **given}
        reset_adapters()
        register_adapter(config, get_mp_context())
        self._adapter = get_adapter(config)
        self._credentials = config.credentials
        self._connection: Any = None
        if not self.is_lakehouse:
            if not self._credentials.is_motherduck and not Path(self._credentials.path).is_file():
                raise UsageError(f"there is no database {self._credentials.path}: run make build first")
            self._credentials.config_options = {
                **(self._credentials.config_options or {}),
                "access_mode": "READ_ONLY",
            }

    @property
    def credentials(self) -> Any:
        """Those of the profile."""
        return self._credentials

    @property
    def is_lakehouse(self) -> bool:
        return self._credentials.type == "clickzetta"

    def __enter__(self) -> "Warehouse":
        give_up_at = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            self._connection = self._adapter.connection_named("faultline")
            self._connection.__enter__()
            try:
                self._adapter.execute("select 1", fetch=True)
                return self
            except Exception as error:  # the engine's own errors differ, and pass the adapter unwrapped
                self.__exit__()
                # Another process has the database file: a dbt build, or a second command like this one.
                if "lock" not in str(error).lower() or time.monotonic() > give_up_at:
                    raise UsageError(f"the warehouse cannot be opened: {error}") from error
                time.sleep(0.2 + random.random() / 5)

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__(None, None, None)
        self._adapter.cleanup_connections()
        close_all = getattr(self._adapter.connections, "close_all_connections", None)
        if close_all is not None:
            close_all()

    def table(self, name: str, schema: str | None = None) -> str:
        """The full name of a model, or of a table in another schema, quoted as the adapter quotes."""
        return self._adapter.Relation.create(
            database=self._credentials.database, schema=schema or self._credentials.schema, identifier=name
        ).render()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """All rows of a query, column names in lower case.

        Raises UsageError where a table was never built, and with the engine's own words for any other error.
        """
        try:
            _, result = self._adapter.execute(sql, fetch=True)
        except self._errors as error:
            missing = re.search(r"Table with name (\S+) does not exist", str(error))
            if missing and not self.is_lakehouse:
                raise UsageError(
                    f"the database {self._credentials.path} holds no {missing[1]}: run make build first"
                ) from error
            raise UsageError(f"{error}") from error
        names = [name.lower() for name in result.column_names]
        return [dict(zip(names, row, strict=True)) for row in result.rows]

    def execute(self, sql: str) -> None:
        self._adapter.execute(sql, auto_begin=False, fetch=False)

    def literal(self, value: str | None) -> str:
        """A text as a literal of the engine; Lakehouse reads backslash escapes and no doubled quote."""
        if value is None:
            return "null"
        if self.is_lakehouse:
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return "'" + value.replace("'", "''") + "'"


def json_object(text: str | None) -> dict[str, Any]:
    """A flat JSON object from a column; an empty one where there is none."""
    return json.loads(text) if text else {}
