"""An MES that misbehaves: it fails, hangs, drops connections, answers twice, and may be killed and started again.

What it took stands in an SQLite file and survives it. Started as a program: mes_server.py DATABASE PORT TROUBLE SEED
"""

import hashlib
import json
import random
import socket
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HANG_SECONDS = 1.3


class Store:
    """Accepted actions, once per key and version; anything that should never happen stands in `violations`."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(
            """
            pragma journal_mode = wal;
            pragma synchronous = off;
            create table if not exists accepted (
                action_key text, version integer, operation text, body_md5 text, primary key (action_key, version)
            );
            create table if not exists deliveries (action_key text, version integer);
            create table if not exists violations (what text);
            """
        )

    def accept(self, action: dict, body_md5: str) -> None:
        key, version = action["action_key"], action["version"]
        with self._lock:
            self._database.execute("insert into deliveries values (?, ?)", (key, version))
            known = self._database.execute(
                "select body_md5 from accepted where action_key = ? and version = ?", (key, version)
            ).fetchone()
            if known is not None:
                if known[0] != body_md5:
                    self._violate(f"{key} version {version} came back with other content")
                return
            newest = self._database.execute(
                "select max(version) from accepted where action_key = ?", (key,)
            ).fetchone()[0]
            if version != (newest or 0) + 1:
                self._violate(f"{key} version {version} came after version {newest}")
            self._database.execute(
                "insert into accepted values (?, ?, ?, ?)", (key, version, action["operation"], body_md5)
            )

    def _violate(self, what: str) -> None:
        self._database.execute("insert into violations values (?)", (what,))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "MesServer"

    def do_POST(self) -> None:  # the name is given by http.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            draw = self.server.random.random()
            is_early = self.server.random.random() < 0.5
        trouble = draw < self.server.trouble
        kind = int(draw / self.server.trouble * 6) if trouble else None
        if kind == 0:
            return self.answer(500, {"error": "no luck"})
        if kind == 1:
            return self.answer(503, {"error": "busy"}, {"Retry-After": "0.1"})
        if kind in (2, 3) and is_early:  # lost on the way in
            return self.drop()
        document = json.loads(body)
        actions = document.get("actions", [document])
        single = "actions" not in document
        for action in actions:
            key = self.headers["Idempotency-Key"] if single else action.pop("idempotency_key")
            if key != f"{action['action_key']}:{action['version']}":
                self.server.store.accept({"action_key": f"wrong idempotency key {key}", **action}, "")
            content = json.dumps(action, sort_keys=True).encode()
            self.server.store.accept(action, hashlib.md5(content).hexdigest())
        results = [
            {"action_key": one["action_key"], "version": one["version"], "status": "accepted", "mes_reference": "M-1"}
            for one in actions
        ]
        reply = results[0] if single else {"results": results}
        if kind == 2:  # taken, but the answer is lost
            return self.drop()
        if kind == 3 and self.server.random.random() < 0.2:
            time.sleep(HANG_SECONDS)
        if kind == 4:
            self.answer(200, reply)
            return self.answer(200, reply)
        if kind == 5:
            return self.answer(200, "<html>gateway</html>")
        return self.answer(200, reply)

    def answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass


class MesServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, database: Path, port: int, trouble: float, seed: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.store, self.trouble, self.random, self.lock = (
            Store(database),
            trouble,
            random.Random(seed),
            threading.Lock(),
        )

    def handle_error(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    MesServer(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])).serve_forever()
