"""The HTTP side of the stand-in: log in, submitJob, getJob over TLS on loopback, as the vendor's connector calls them."""

from __future__ import annotations

import base64
import io
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import trustme

from .dialect import Refused
from .engine import Engine, Result

CATEGORIES = {
    "string": "STRING",
    "tinyint": "INT8",
    "smallint": "INT16",
    "int": "INT32",
    "bigint": "INT64",
    "float": "FLOAT32",
    "double": "FLOAT64",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "json": "JSON",
}


def type_message(name: str) -> dict:
    if name in CATEGORIES:
        return {"category": CATEGORIES[name], "nullable": True}
    if name in ("timestamp_ntz", "timestamp_ltz"):
        return {"category": name.upper(), "nullable": True, "timestampInfo": {"tsUnit": "MICROSECONDS"}}
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", name)
    if decimal:
        return {
            "category": "DECIMAL",
            "nullable": True,
            "decimalTypeInfo": {"precision": decimal[1], "scale": decimal[2]},
        }
    return {"category": "STRING", "nullable": True}


def result_message(result: Result) -> dict:
    table = result.table
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    fields = [
        {"name": name, "type": type_message(kind)} for name, kind in zip(table.column_names, result.types, strict=True)
    ]
    return {
        "metadata": {"format": "ARROW", "type": "EMBEDDED", "timeZone": "UTC", "fields": fields},
        "data": {"data": [base64.b64encode(buffer.getvalue()).decode()] if table.num_rows else []},
    }


class Gateway:
    """A server with its own certificate; `environment` is what a dbt process needs to find and trust it."""

    def __init__(self, engine: Engine, folder: Path, password: str = "pass of the stand-in"):
        self.engine = engine
        self.password = password
        self.jobs: dict[str, dict] = {}
        self.waiting: dict[str, dict] = {}
        self.logins: list[str] = []
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(gateway.respond(self.path, body, self.headers)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.environment = {
            "CZ_SERVICE": f"localhost:{self.server.server_port}",
            "CZ_INSTANCE": "standin",
            "CZ_WORKSPACE": engine.workspace,
            "CZ_USER": "dbt",
            "DBT_ENV_SECRET_CZ_PASSWORD": password,
            "CZ_SCHEMA": "faultline",
            "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def respond(self, path: str, body: dict, headers) -> dict:
        if path == "/clickzetta-portal/user/loginSingle":
            self.logins.append(body.get("username", ""))
            if body.get("password") != self.password:
                return {"code": 401, "msg": "wrong user or password"}
            return {"code": 0, "data": {"token": "of-standin"}}
        if headers.get("X-ClickZetta-Token") != "of-standin":
            return self.failure("CZLH-60003", "Illegal authorization")
        if path == "/lh/submitJob":
            return self.submit(body["jobDesc"])
        if path == "/lh/getJob":
            request = next(value for value in body.values() if isinstance(value, dict))
            job = json.dumps(request)
            identity = next((i for i in self.jobs if f'"{i}"' in job), None)
            if identity is None:
                return self.failure("CZLH-60005", "job does not exist")
            return self.jobs[identity]
        return self.failure("CZLH-60000", f"no such path: {path}")

    @staticmethod
    def failure(code: str, message: str) -> dict:
        return {"status": {"state": "FAILED", "errorCode": code, "errorMessage": message, "message": ""}}

    def submit(self, job: dict) -> dict:
        identity = job["jobId"]["id"]
        sql_job = job["sqlJob"]
        [sql] = sql_job["query"]
        settings = (sql_job.get("sqlConfig") or {}).get("hint") or {}
        schema = sql_job.get("defaultNamespace", ["", "public"])[-1] if sql_job.get("defaultNamespace") else "public"
        try:
            result = self.engine.run(sql, settings, schema)
            message = {
                "status": {"state": "SUCCEED", "errorCode": "", "errorMessage": "", "message": ""},
                "resultSet": result_message(result),
            }
        except Refused as refused:
            code, _, text = str(refused).partition(" ")
            message = self.failure(code if code.startswith("CZLH") else "CZLH-42000", text or str(refused))
        except Exception as error:
            message = self.failure("CZLH-00000", f"standin broke: {type(error).__name__}: {error}")
        self.jobs[identity] = message
        # A refresh is answered late, as a long job is: the connector has to come back for it.
        if message["status"]["state"] == "SUCCEED" and re.search(r"^\s*(/\*.*?\*/\s*)?refresh", sql, re.I | re.S):
            return {"status": {"state": "RUNNING", "errorCode": "", "errorMessage": "", "message": ""}}
        return message
