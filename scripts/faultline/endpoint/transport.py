"""One HTTP request, and every bound on what comes back.

aiohttp and not the official client: at 128 requests in flight that one spends 2.4 ms of CPU a call and reaches half
of what the latency allows, aiohttp spends 0.3 ms and reaches 90 %; and only a body read in pieces can be bounded.
"""

import asyncio
import base64
import email.utils
import json
import re
import time
import urllib.parse
import urllib.request
import zlib
from typing import NamedTuple

import aiohttp

from faultline.endpoint import EndpointError

MAX_REPLY_BYTES = 1_000_000
MAX_ANSWER_CHARACTERS = 20_000
MAX_ERROR_CHARACTERS = 300
# The account is empty, under whatever status (DashScope says it with 400); a plain 429 may speak of billing as well.
QUOTA_CODES = ("insufficient_quota", "billing_hard_limit", "billing_not_active", "arrearage")
SHORTEST_SECRET = 8  # characters; a shorter key (none, EMPTY, x) is a placeholder, and may be part of any answer


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
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", storable(text)).strip()[:MAX_ERROR_CHARACTERS]


def storable(text: str) -> str:
    """Without null bytes and halves of characters (JSON lets both through), which no table takes."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


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
        parts = [part.get("text") for part in text if isinstance(part, dict)]
        text = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(text, str) or not text.strip():
        reason = "" if finish_reason in (None, "stop") else f" (finish reason {plain(str(finish_reason))})"
        raise Fault("unusable", "the answer is empty" + reason, may_have_cost=True)
    if len(text) > MAX_ANSWER_CHARACTERS:
        raise Fault("unusable", f"the answer has {len(text)} characters, more than {MAX_ANSWER_CHARACTERS}", True)
    usage = reply.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Answer(
        storable(text),
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
    if any(code in said.lower() for code in QUOTA_CODES):
        return Fault("set_up", text)
    if status == 429 or (status in (503, 529) and retry_after is not None):
        return Fault("throttled", text, retry_after=retry_after)
    if status in (401, 402, 403, 404, 405, 407):
        return Fault("set_up", text)
    if status in (408, 409, 425) or status >= 500:
        return Fault("transient", text, retry_after=retry_after)
    if 300 <= status < 400:
        return Fault("set_up", f"HTTP {status}: the server redirects; set the address it leads to")
    return Fault("refused", text)


class Secrets:
    """What must not be repeated. Some servers do, in an answer or an error."""

    def __init__(self, *secrets: str):
        forms = set()
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET:
                in_json = [json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)]
                forms |= {secret, *in_json, *(form.replace("/", "\\/") for form in in_json)}
        self._texts = sorted(forms, key=len, reverse=True)
        self._bytes = [form.encode() for form in self._texts]

    def hidden(self, text: str | None) -> str | None:
        for form in self._texts if text else ():
            text = text.replace(form, "***")
        return text

    def hidden_bytes(self, content: bytes) -> bytes:
        for form in self._bytes:
            content = content.replace(form, b"***")
        return content


def address(base_url: str) -> tuple[str, str, str]:
    """The address to post to, and the user and password that stood in it. Nothing of it is repeated in an error."""
    try:
        parts = urllib.parse.urlsplit(base_url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"\s", parts.netloc):
        raise EndpointError("FAULTLINE_AI_BASE_URL must be an address such as http://127.0.0.1:8000/v1")
    if parts.query or parts.fragment:
        raise EndpointError("FAULTLINE_AI_BASE_URL ends with its path (/v1): it has no ? and no #")
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    url = f"{parts.scheme}://{place}{parts.path.rstrip('/')}/chat/completions"
    return url, urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")


def authorization(api_key: str, user: str, password: str) -> str | None:
    """The header that says who asks: with a key, or with the user and password of the address."""
    if api_key and (user or password):
        raise EndpointError(
            "FAULTLINE_AI_BASE_URL holds a user, and FAULTLINE_AI_API_KEY is set: one of them, not both"
        )
    if api_key:
        if not re.fullmatch(r"[\x21-\x7e]+", api_key):
            raise EndpointError("FAULTLINE_AI_API_KEY holds a character that no key has (space, line end, umlaut, ...)")
        return f"Bearer {api_key}"
    if user or password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return None


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address (http_proxy, https_proxy, no_proxy)."""
    target = urllib.parse.urlsplit(url)
    proxy = None if urllib.request.proxy_bypass(target.hostname) else urllib.request.getproxies().get(target.scheme)
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = "http://" + proxy
    if not proxy.startswith(("http://", "https://")):
        raise EndpointError(f"{target.scheme}_proxy is no HTTP proxy: only those are supported")
    return proxy


class Transport:
    """The connections to one server."""

    def __init__(self, base_url: str, api_key: str, timeout_seconds: float):
        api_key = api_key.strip()  # a key out of a file brings its line end along
        self._url, user, password = address(base_url)
        authorized = authorization(api_key, user, password)
        self._secrets = Secrets(api_key, password, authorized.partition(" ")[2] if authorized else "")
        self._timeout_seconds = timeout_seconds
        # A few compressed bytes can unpack to gigabytes. What comes compressed all the same is unpacked within bounds.
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if authorized:
            self._headers["Authorization"] = authorized
        self._proxy = proxy_of(self._url)  # once, and not with every request as trust_env would
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),  # a server's cookies are no business of a run
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=min(10, timeout_seconds)),
            auto_decompress=False,
        )

    async def close(self):
        await self._session.close()

    async def ask(self, body: bytes) -> Reply:
        """Send one request. Raises Fault where there is no answer."""
        try:
            # The key goes to the server alone: no redirect is followed, and headers of the session would go to a proxy.
            async with self._session.post(
                self._url, data=body, headers=self._headers, allow_redirects=False, proxy=self._proxy
            ) as response:
                content = await self._bounded(response)
                if response.status != 200:
                    raise fault_of_status(response.status, content, seconds_to_wait(response.headers))
                limits = {
                    name.lower(): value for name, value in response.headers.items() if "ratelimit" in name.lower()
                }
                return Reply(self._without_secrets(read_answer(content)), limits)
        except aiohttp.ConnectionTimeoutError:
            raise Fault("unreachable", "cannot connect: no sign of a server") from None
        except TimeoutError:
            raise Fault(
                "transient", f"no complete answer within {self._timeout_seconds:g} s", may_have_cost=True
            ) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise Fault(
                "set_up", f"the server's certificate is refused: {plain(str(error.certificate_error))}"
            ) from None
        except aiohttp.ClientHttpProxyError as error:
            raise Fault("set_up", f"the proxy refuses: HTTP {error.status}") from None
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
                break
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            received = unpacked(received, encoding)
        if len(received) > MAX_REPLY_BYTES:
            response.close()
            raise Fault("unusable", f"the reply is longer than {MAX_REPLY_BYTES} bytes", may_have_cost=True)
        return self._secrets.hidden_bytes(bytes(received))

    def _without_secrets(self, answer: Answer) -> Answer:
        """Once more after the JSON was read: a server may have written a character in any of its forms."""
        hidden = self._secrets.hidden
        return answer._replace(text=hidden(answer.text), served_model=hidden(answer.served_model))


def unpacked(content: bytes, encoding: str) -> bytes:
    """A compressed reply, as far as its bound and one byte more."""
    if encoding not in ("gzip", "deflate"):
        raise Fault("transient", f"the reply is compressed as {plain(encoding)[:20]}", may_have_cost=True)
    try:
        return zlib.decompressobj(wbits=47).decompress(content, MAX_REPLY_BYTES + 1)
    except zlib.error:
        raise Fault("transient", "the reply cannot be unpacked", may_have_cost=True) from None
