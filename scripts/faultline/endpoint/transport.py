"""One HTTP request, and every bound on what comes back.

aiohttp and not the official client: at 128 requests in flight that one spends 2.4 ms of CPU a call and reaches half
of what the latency allows, aiohttp spends 0.3 ms and reaches 90 %; and only a body read in pieces can be bounded.
"""

import asyncio
import email.utils
import json
import re
import time
import urllib.parse
import urllib.request
from typing import NamedTuple

import aiohttp

from faultline.endpoint import EndpointError

MAX_REPLY_BYTES = 1_000_000
MAX_ANSWER_CHARACTERS = 20_000
MAX_ERROR_CHARACTERS = 300
QUOTA_CODES = ("insufficient_quota", "billing", "arrearage")


class Answer(NamedTuple):
    text: str
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None
    served_model: str | None


class Fault(Exception):
    """A request without an answer.

    kind: throttled    the server asks to slow down; says nothing about the row
          unreachable  there was no server; says nothing about the row either
          transient    may pass by itself: try again
          refused      this row will not be answered in this form
          unusable     the server worked, but what it sent is no answer; asked again only by a later run
          set_up       no row can be answered: key, address or model is wrong, or the account is empty
    """

    def __init__(self, kind: str, text: str, may_have_cost: bool = False, retry_after: float | None = None):
        super().__init__(text)
        self.kind, self.text, self.may_have_cost, self.retry_after = kind, text, may_have_cost, retry_after


class Reply(NamedTuple):
    answer: Answer
    limits: dict[str, str]


def plain(text: str) -> str:
    """What a server said, fit for a table and a log: one line, short, nothing unprintable."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()[:MAX_ERROR_CHARACTERS]


def seconds_to_wait(headers) -> float | None:
    """Retry-After as seconds: a number, a date, or the millisecond form some servers add."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            return float(value)
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def read_answer(content: bytes) -> Answer:
    """The answer out of a chat completion; whatever else it is, is a fault with a reason."""
    try:
        reply = json.loads(content)
    except RecursionError:
        raise Fault("unusable", "the reply is nested too deeply", may_have_cost=True) from None
    except ValueError:
        raise Fault(
            "transient", f"the reply is no JSON: {plain(content[:80].decode(errors='replace'))}", True
        ) from None
    try:
        choice = reply["choices"][0]
        message, finish_reason = choice["message"], choice.get("finish_reason")
        text = message.get("content")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Fault("transient", "the reply is no chat completion", may_have_cost=True) from None
    if finish_reason == "content_filter" or (not text and message.get("refusal")):
        raise Fault("refused", "the model refused: " + plain(str(message.get("refusal") or finish_reason)), True)
    if isinstance(text, list):  # some servers give the parts of a message
        text = "".join(part.get("text", "") for part in text if isinstance(part, dict))
    if not isinstance(text, str) or not text.strip():
        reason = "" if finish_reason in (None, "stop") else f" (finish reason {plain(str(finish_reason))})"
        raise Fault("unusable", "the answer is empty" + reason, may_have_cost=True)
    if len(text) > MAX_ANSWER_CHARACTERS:
        raise Fault("unusable", f"the answer has {len(text)} characters, more than {MAX_ANSWER_CHARACTERS}", True)
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Answer(
        text.replace("\0", ""),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _short(finish_reason),
        _short(reply.get("model")),
    )


def _count(value) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40 else None


def _short(value) -> str | None:
    return plain(value)[:100] if isinstance(value, str) else None


def fault_of_status(status: int, content: bytes, retry_after: float | None) -> Fault:
    """What an HTTP error means for the row and for the run."""
    said = plain(content[:2000].decode(errors="replace"))
    text = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in (402, 429) and any(code in said.lower() for code in QUOTA_CODES):
        return Fault("set_up", text)
    if status == 429 or (status in (503, 529) and retry_after is not None):
        return Fault("throttled", text, retry_after=retry_after)
    if status in (401, 402, 403, 404, 405):
        return Fault("set_up", text)
    if status in (408, 409, 425) or status >= 500:
        return Fault("transient", text, retry_after=retry_after)
    if 300 <= status < 400:
        return Fault("set_up", f"HTTP {status}: the server redirects; set the address it leads to")
    return Fault("refused", text)


class Transport:
    """The connections to one server."""

    def __init__(self, base_url: str, api_key: str, timeout_seconds: float):
        if not re.match(r"https?://[^/\s]+", base_url):
            raise EndpointError("FAULTLINE_AI_BASE_URL must be an address such as http://127.0.0.1:8000/v1")
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._timeout_seconds = timeout_seconds
        self._key_bytes = api_key.encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),  # a server's cookies are no business of a run
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=min(10, timeout_seconds)),
            headers=headers,
        )
        # Once, and not with every request as trust_env would.
        host = urllib.parse.urlsplit(self._url).hostname or ""
        scheme = self._url.partition(":")[0]
        self._proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)

    async def close(self):
        await self._session.close()

    async def ask(self, body: bytes) -> Reply:
        """Send one request. Raises Fault where there is no answer."""
        try:
            # Redirects are not followed: they would carry the key to another host.
            async with self._session.post(self._url, data=body, allow_redirects=False, proxy=self._proxy) as response:
                content = await self._bounded(response)
                if response.status != 200:
                    raise fault_of_status(response.status, content, seconds_to_wait(response.headers))
                limits = {
                    name.lower(): value for name, value in response.headers.items() if "ratelimit" in name.lower()
                }
                return Reply(read_answer(content), limits)
        except TimeoutError:
            raise Fault(
                "transient", f"no complete answer within {self._timeout_seconds:g} s", may_have_cost=True
            ) from None
        except aiohttp.ClientConnectorError as error:
            raise Fault("unreachable", f"cannot connect: {plain(str(error.os_error))}") from None
        except aiohttp.InvalidURL:
            raise Fault("set_up", "FAULTLINE_AI_BASE_URL is no address") from None
        except (aiohttp.ClientError, ConnectionError, asyncio.IncompleteReadError) as error:
            raise Fault("transient", f"the connection broke ({type(error).__name__})", may_have_cost=True) from None

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        received = bytearray()
        async for piece in response.content.iter_any():
            received += piece
            if len(received) > MAX_REPLY_BYTES:
                response.close()
                raise Fault("unusable", f"the reply is longer than {MAX_REPLY_BYTES} bytes", may_have_cost=True)
        # Some servers repeat the key in what they say.
        return bytes(received.replace(self._key_bytes, b"***") if self._key_bytes else received)
