"""An OpenAI-compatible server on loopback that answers, misbehaves on demand, obeys what it is told, and keeps a log.

Started as a process of its own (`python fault_server.py --log FILE`), so that its log survives a client that is killed.
The first line of its output is its port. `POST /control` replaces its behaviour, `GET /stats` tells its counts.

Behaviour (all keys optional):
    latency_ms, tail_share, tail_ms       how long an answer takes; a share of calls takes tail_ms
    cap, retry_after                      more than `cap` requests in flight: 429 with Retry-After
    rpm, burst                            a bucket of requests, refilled at rpm per minute: 429 with the true wait
    script                                list of faults, one per request in order of arrival, then none
    first_row                             list of faults of the row that arrives first, one per attempt, then none
    shares                                {fault: share}, drawn from the body and the number of its attempt
    answer                                a text that every call is answered with
    models                                names that exist; any other gives 404

Faults: 429, 500, 502, 503, 400, 401, 404, 413, 422, hang, drop, truncated, html, wrong_type, huge, deep, endless,
    trickle, empty, no_choices, filtered, cut_off.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import random
import re
import sys
import time

OBEYED = "OBEYED"


def step_of(text: str) -> str:
    """Which step a request is, told from its words."""
    if "root cause" in text:
        return "diagnose"
    return "extract" if "JSON object" in text and "area_ratio" in text else "classify"


class Conversation:
    """What a model sees of one request body."""

    def __init__(self, body: dict):
        self.system, self.user, self.images = [], [], []
        for message in body.get("messages", []):
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            for part in parts:
                if part["type"] == "text":
                    (self.system if message["role"] == "system" else self.user).append(part["text"])
                else:
                    self.images.append(part["image_url"]["url"])

    def outside_delimiters(self) -> str:
        """All text that a model may take for an instruction: not what stands between the data tags of a user."""
        user = re.sub(r"<inspection_data>.*?</inspection_data>", "", "\n".join(self.user), flags=re.DOTALL)
        return "\n".join(self.system) + "\n" + user

    def text(self) -> str:
        return "\n".join(self.system + self.user)


def honest_answer(body: dict, conversation: Conversation) -> str:
    """An answer of the right form that depends on the content alone."""
    digest = hashlib.sha256(json.dumps([conversation.text(), conversation.images]).encode()).digest()
    step = step_of(conversation.text())
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    properties = schema.get("properties", {})
    if step == "extract":
        return json.dumps(
            {
                "location": "edge",
                "area_ratio": f"{digest[0] / 256:.3f}",
                "count": str(1 + digest[1] % 4),
                "confidence": "0.9",
            }
        )
    if step == "diagnose":
        codes = re.findall(r"\b([A-Z]{3}-[A-Z]+)\b", "\n".join(conversation.system))
        answer = {"root_cause": "tool wear", "action": "Rework", "confidence": 0.8}
        if codes:
            answer["root_cause_code"] = codes[digest[0] % len(codes)]
        return json.dumps(answer)
    labels = properties.get("label", {}).get("enum") or ["Appearance Defect", "No Defect"]
    label = labels[digest[0] % len(labels)]
    return json.dumps({"label": label}) if schema else label


class State:
    def __init__(self, log_path: str | None):
        self.behaviour: dict = {}
        self.log = open(log_path, "a", buffering=1) if log_path else None  # noqa: SIM115
        self.seen: dict[str, int] = {}
        self.reset()

    def reset(self):
        self.in_flight = self.most_in_flight = self.arrived = self.answered = 0
        self.status_counts: dict[str, int] = {}
        self.injected: list[str] = []
        self.last_body: dict | None = None
        self.last_headers: dict = {}
        self.bucket, self.bucket_at = None, time.monotonic()
        self.early_retries = 0
        self.not_before: dict[str, float] = {}
        self.gone = 0
        self.first_key: str | None = None

    def write(self, event: str, key: str, **facts):
        if self.log:
            self.log.write(json.dumps({"event": event, "key": key, "time": time.time(), **facts}) + "\n")

    def fault(self, key: str) -> str | None:
        script = self.behaviour.get("script")
        if script:
            return script.pop(0)
        attempt = self.seen.get(key, 0)
        self.first_key = self.first_key or key
        if self.behaviour.get("first_row") and key == self.first_key:
            return self.behaviour["first_row"].pop(0)
        draw = random.Random(f"{key}|{attempt}").random()
        for name, share in self.behaviour.get("shares", {}).items():
            if draw < share:
                return name
            draw -= share
        return None

    def quota_wait(self) -> float:
        """Seconds until the bucket holds a request again; 0 takes one."""
        rpm = self.behaviour.get("rpm")
        if not rpm:
            return 0
        now = time.monotonic()
        burst = self.behaviour.get("burst", rpm)
        level = burst if self.bucket is None else min(burst, self.bucket + (now - self.bucket_at) * rpm / 60)
        self.bucket_at = now
        if level >= 1:
            self.bucket = level - 1
            return 0
        self.bucket = level
        return (1 - level) * 60 / rpm


class Handler(asyncio.Protocol):
    def __init__(self, state: State):
        self.state, self.buffer, self.transport, self.need = state, bytearray(), None, None
        self.task = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        if self.task:
            self.task.cancel()

    def data_received(self, data):
        self.buffer += data
        while True:
            if self.need is None:
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    return
                head = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
                self.method, self.path, _ = head[0].split(" ", 2)
                self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:])}
                self.need = int(self.headers.get("content-length", 0))
                del self.buffer[: end + 4]
            if len(self.buffer) < self.need:
                return
            body = bytes(self.buffer[: self.need])
            del self.buffer[: self.need]
            self.need = None
            self.request(body)

    def request(self, body: bytes):
        state = self.state
        if self.path == "/control":
            state.behaviour = json.loads(body or b"{}")
            state.seen.clear()
            state.reset()
            self.send(200, {})
        elif self.path == "/stats":
            names = (
                "in_flight",
                "most_in_flight",
                "arrived",
                "answered",
                "status_counts",
                "injected",
                "last_body",
                "last_headers",
                "early_retries",
                "gone",
            )
            self.send(200, {name: getattr(state, name) for name in names})
        elif self.method == "POST":
            # Latency 0 faults are quick and the rest is one timer: no task per request unless one is needed.
            self.task = asyncio.get_running_loop().create_task(self.chat(body))
        else:
            self.send(404, {"error": {"message": "no such path"}})

    async def chat(self, raw: bytes):
        state, behaviour = self.state, self.state.behaviour
        key = hashlib.md5(raw).hexdigest()
        state.arrived += 1
        state.in_flight += 1
        state.most_in_flight = max(state.most_in_flight, state.in_flight)
        state.write("arrived", key)
        try:
            if time.monotonic() < state.not_before.get(key, 0):
                state.early_retries += 1
            cap = behaviour.get("cap")
            if cap and state.in_flight > cap:
                return self.refuse(429, key, behaviour.get("retry_after"))
            wait = state.quota_wait()
            if wait:
                return self.refuse(429, key, wait)
            fault = state.fault(key)
            state.seen[key] = state.seen.get(key, 0) + 1
            if fault and fault.isdigit():
                return self.refuse(int(fault), key, behaviour.get("retry_after"))
            latency = behaviour.get("latency_ms", 0)
            if behaviour.get("tail_share") and random.random() < behaviour["tail_share"]:
                latency = behaviour["tail_ms"]
            if latency:
                await asyncio.sleep(latency / 1000)
            if fault == "hang":
                await asyncio.sleep(3600)
            if fault == "drop":
                state.write("dropped", key)
                self.transport.abort()
                return None
            return await self.answer(raw, key, fault)
        except asyncio.CancelledError:
            state.gone += 1
            raise
        finally:
            state.in_flight -= 1

    def refuse(self, status: int, key: str, retry_after: float | None):
        state = self.state
        state.write("refused", key, status=status)
        headers = {}
        if retry_after is not None:
            headers["Retry-After"] = f"{retry_after:g}" if isinstance(retry_after, (int, float)) else retry_after
            if isinstance(retry_after, (int, float)):
                state.not_before[key] = time.monotonic() + retry_after
        texts = {400: "invalid image data", 401: "Incorrect API key provided", 404: "The model does not exist"}
        self.send(status, {"error": {"message": texts.get(status, f"fault {status}"), "code": None}}, headers)

    async def answer(self, raw: bytes, key: str, fault: str | None):
        state, behaviour = self.state, self.state.behaviour
        body = json.loads(raw)
        state.last_body, state.last_headers = body, self.headers
        if behaviour.get("models") and body.get("model") not in behaviour["models"]:
            return self.refuse(404, key, None)
        conversation = Conversation(body)
        for url in conversation.images:
            if url.startswith("data:"):
                base64.b64decode(url.partition(",")[2], validate=True)
        hostile = [text for text in behaviour.get("obeys", []) if text in conversation.outside_delimiters()]
        if hostile:
            state.injected.extend(hostile)
        content = OBEYED if hostile else behaviour.get("answer") or honest_answer(body, conversation)
        finish = "stop"
        if fault == "filtered":
            content, finish = None, "content_filter"
        elif fault == "cut_off":
            content, finish = content[: len(content) // 2], "length"
        elif fault == "empty":
            content = ""
        reply = {
            "id": "chatcmpl-" + key[:8],
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"] + "-served",
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": len(conversation.text()) // 4 + 100, "completion_tokens": 9, "total_tokens": 0},
        }
        if fault == "no_choices":
            reply["choices"] = []
        payload = json.dumps(reply).encode()
        content_type = "application/json"
        if fault == "truncated":
            payload = payload[: len(payload) // 2]
        elif fault == "html":
            payload, content_type = b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"
        elif fault == "wrong_type":
            content_type = "application/octet-stream"
        elif fault == "huge":
            payload = payload[:-1] + b', "padding": "' + b"x" * 10_000_000 + b'"}'
        elif fault == "deep":
            payload = b'{"choices": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
        state.write("answered", key)
        state.answered += 1
        if fault in ("endless", "trickle"):
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            chunk = b"x" * (65536 if fault == "endless" else 1)
            while not self.transport.is_closing():
                self.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await asyncio.sleep(0 if fault == "endless" else 0.05)
            return None
        self.send(200, payload, content_type=content_type)
        return None

    def send(self, status: int, payload, headers: dict | None = None, content_type: str = "application/json"):
        counts = self.state.status_counts
        counts[str(status)] = counts.get(str(status), 0) + 1
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {len(payload)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode() + payload)


async def serve(log_path: str | None, behaviour: dict):
    state = State(log_path)
    state.behaviour = behaviour
    server = await asyncio.get_running_loop().create_server(lambda: Handler(state), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--log")
    parser.add_argument("--behaviour", default="{}")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.log, json.loads(options.behaviour)))
    except KeyboardInterrupt:
        sys.exit(0)
