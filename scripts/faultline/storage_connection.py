"""`storage-connection`: a storage connection of Lakehouse, for an external volume on OSS, COS or S3.

Not an operation of dbt: dbt hands no secret of the environment to a macro, it and its adapter write statements into
their logs, and so does the vendor's connector where one fails. This command sends the one statement through the
connector itself, with its log off. The keys come from FAULTLINE_STORAGE_ACCESS_ID and FAULTLINE_STORAGE_ACCESS_KEY;
with a role there are none.
"""

import argparse
import logging
import os
import re
from typing import Any

from faultline import UsageError
from faultline.warehouse import Warehouse, add_warehouse_arguments

# What each kind of storage needs, and what it calls its keys.
REQUIRED = {"oss": ("endpoint",), "cos": ("region", "app_id"), "s3": ("endpoint", "region")}
REQUIRED_WITH_ROLE = {"oss": ("region", "endpoint"), "cos": ("region", "app_id"), "s3": ("region",)}
KEY_NAMES = {
    "oss": ("access_id", "access_key"),
    "cos": ("access_key", "secret_key"),
    "s3": ("access_key", "secret_key"),
}
ACCESS_VARIABLES = ("FAULTLINE_STORAGE_ACCESS_ID", "FAULTLINE_STORAGE_ACCESS_KEY")
HIDDEN = "***"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="name of the connection; one that exists already stays as it is")
    parser.add_argument("--kind", required=True, choices=sorted(REQUIRED), help="where the bucket is")
    parser.add_argument("--endpoint", help="oss, s3: address of the service")
    parser.add_argument("--region", help="cos, s3, or a role: region of the bucket")
    parser.add_argument("--app-id", help="cos: number at the end of the bucket's name")
    parser.add_argument("--role-arn", help="role that Lakehouse takes on, in the place of keys")
    parser.add_argument("--dry-run", action="store_true", help="print the statement without its keys, send nothing")
    add_warehouse_arguments(parser)


def access_keys() -> tuple[str, str]:
    missing = [name for name in ACCESS_VARIABLES if not os.environ.get(name)]
    if missing:
        raise UsageError(f"{' and '.join(missing)} not set in the environment (or give --role-arn)")
    access_id, access_key = (os.environ[name] for name in ACCESS_VARIABLES)
    return access_id, access_key


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def statement(arguments: argparse.Namespace, keys: tuple[str, str] | None) -> str:
    """CREATE STORAGE CONNECTION in the documented form of its kind."""
    if not re.fullmatch(r"[A-Za-z_]\w*", arguments.name, re.ASCII):
        raise UsageError(f"the name of a connection is letters, digits and underscores, not {arguments.name}")
    required = REQUIRED_WITH_ROLE if arguments.role_arn else REQUIRED
    given = {name: getattr(arguments, name) for name in ("endpoint", "region", "app_id")}
    missing = [name for name in required[arguments.kind] if not given[name]]
    if missing:
        raise UsageError(f"{arguments.kind} needs " + " and ".join(f"--{name.replace('_', '-')}" for name in missing))
    parts = {name: value for name, value in given.items() if value}
    if arguments.role_arn:
        parts["role_arn"] = arguments.role_arn
    elif keys:
        parts |= dict(zip(KEY_NAMES[arguments.kind], keys, strict=True))
    listed = " ".join(f"{name}={literal(value)}" for name, value in parts.items())
    return f"create storage connection if not exists {arguments.name} type {arguments.kind} {listed}"


def send(credentials: Any, sql: str) -> None:
    """One statement, of which nothing is written down here."""
    from clickzetta import connect

    logging.disable(logging.CRITICAL)
    try:
        names = ("username", "password", "service", "instance", "workspace", "schema", "vcluster")
        connection = connect(**{name: getattr(credentials, name) for name in names})
        connection.cursor().execute(sql)
        connection.close()
    finally:
        logging.disable(logging.NOTSET)


def run(arguments: argparse.Namespace) -> int:
    if arguments.dry_run:
        print(statement(arguments, (HIDDEN, HIDDEN)) + ";")
        return 0
    keys = None if arguments.role_arn else access_keys()
    sql = statement(arguments, keys)
    warehouse = Warehouse(arguments.target or "lakehouse", arguments.profiles_dir, arguments.vars)
    if not warehouse.is_lakehouse:
        raise UsageError("storage connections are for Singdata Lakehouse: the target is another engine")
    try:
        send(warehouse.credentials, sql)
    except Exception as error:  # the connector knows no class of errors of its own
        text = str(error)  # may quote the statement
        for key in keys or ():
            text = text.replace(literal(key), HIDDEN).replace(key, HIDDEN)
        raise UsageError(f"Lakehouse refused the connection: {text}") from None
    print(f"The storage connection {arguments.name} is there.")
    return 0
