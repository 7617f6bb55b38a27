"""Addresses, keys, proxies and replies that no well-meant server sends."""

import json
import os
import ssl
import subprocess
import zlib

import pytest

from endpoint.harness import RawServer, http_reply, limit_settings, picture_rows
from faultline.endpoint import EndpointError
from faultline.endpoint.store import Store
from faultline.endpoint.transport import Secrets, address, fault_of_status, proxy_of, read_answer


@pytest.fixture
def asked(runner, monkeypatch):
    """Ask a server that sends the given bytes; the tally and the outcome of the first row."""
    servers = []

    def ask(reply: bytes, rows: int = 1, tls=None, is_known: bool = True, **limits):
        if is_known:
            runner.ask(picture_rows(1, 99))  # this prompt was answered before: a refusal is about the row
        servers.append(RawServer(reply, tls))
        monkeypatch.setenv("FAULTLINE_AI_BASE_URL", servers[-1].base_url)
        tally = runner.ask(picture_rows(rows), limits=limit_settings(**{"max_tries": 2, "outage_seconds": 1, **limits}))
        return tally, runner.outcome(*picture_rows(1)[0])

    yield ask
    for server in servers:
        server.stop()


def chat(content, **more) -> dict:
    return {"choices": [{"message": {"content": content, **more}}]}


def test_half_a_character_is_no_reason_to_stop_or_to_wait_for_ever(asked):
    tally, outcome = asked(http_reply(r'{"model": "\ud83d", "choices": [{"message": {"content": "a\ud83db\u0000"}}]}'))
    assert (tally["answered"], outcome["raw_response"], outcome["served_model"]) == (1, "a?b", "?")


def test_half_a_character_in_a_refusal(asked):
    tally, outcome = asked(http_reply(r'{"choices": [{"message": {"content": null, "refusal": "no \ud83d"}}]}'))
    assert (tally["failed"], outcome["error"]) == (1, "the model refused: no ?")


def test_parts_of_a_message_that_are_no_text_are_no_answer():
    assert (
        read_answer(json.dumps(chat([{"text": "No "}, {"text": 5}, 7, {"text": "Defect"}])).encode()).text
        == "No Defect"
    )


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # DashScope says it with 400; the row is not to blame, and there is no use in asking on.
        (400, {"error": {"code": "Arrearage", "message": "make sure your account is in good standing"}}, "set_up"),
        (429, {"error": {"code": "insufficient_quota", "message": "check your plan and billing details"}}, "set_up"),
        # OpenAI's words for a plain rate limit of an account without a card.
        (429, {"error": {"message": "Rate limit reached. Visit https://host/account/billing"}}, "throttled"),
        (400, {"error": {"message": "image too small"}}, "refused"),
        (407, {}, "set_up"),
    ],
)
def test_an_empty_account_is_told_from_a_rate_limit(status, body, kind):
    assert fault_of_status(status, json.dumps(body).encode(), None).kind == kind


def gzip_bytes(content: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(content) + packer.flush()


def test_a_reply_that_unpacks_to_far_more_is_cut_off(asked):
    bomb = gzip_bytes(b"x" * 100_000_000)
    assert len(bomb) < 200_000
    tally, outcome = asked(http_reply(bomb, Content_Encoding="gzip"))
    assert tally["failed"] == 1
    assert "longer than 1000000 bytes" in outcome["error"]


def test_a_reply_that_comes_packed_though_it_was_not_asked_for_is_read(asked):
    packed = gzip_bytes(json.dumps(chat("No Defect")).encode())
    assert asked(http_reply(packed, Content_Encoding="gzip"))[1]["raw_response"] == "No Defect"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3_000_000 + b"\r\n\r\n", "connection broke"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000 + b"\r\n", "connection broke"),
        (b"\x00\x01 SSH-2.0-OpenSSH\r\n", "connection broke"),
        (b"", "connection broke"),
        (http_reply(b"\x1f\x8b not gzip", Content_Encoding="gzip"), "cannot be unpacked"),
        (http_reply("{}", Content_Encoding="zstd"), "compressed as zstd"),
        (http_reply("null"), "no chat completion"),
    ],
)
def test_what_is_hardly_http_is_a_failure_with_a_reason(asked, reply, words):
    tally, outcome = asked(reply)
    assert (tally["failed"], tally["stopped"]) == (1, None)
    assert words in outcome["error"]


def test_a_certificate_that_nobody_vouches_for_is_said(asked, tmp_path):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    try:
        subprocess.run(["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    tally, outcome = asked(b"", tls=context)
    assert (tally["stopped"], outcome) == ("set_up", None)
    assert "certificate is refused" in tally["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000/v1",
        "ftp://host/v1",
        "file:///etc/passwd",
        "http://",
        "http://:8000/v1",
        "http://host:99999/v1",
        "http://a b/v1",
        "http://[::1/v1",
        "http://host/v1?key=secret-0815",
        "http://host/v1#secret-0815",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url):
    with pytest.raises(EndpointError, match="FAULTLINE_AI_BASE_URL") as refused:
        address(url)
    assert "secret-0815" not in str(refused.value)


def test_addresses_that_are_taken():
    assert address(" https://host/v1/ ")[0] == "https://host/v1/chat/completions"
    assert address("http://[::1]:8000")[0] == "http://[::1]:8000/chat/completions"
    assert address("http://user:p%40ss-0815@host:8000/v1") == (
        "http://host:8000/v1/chat/completions",
        "user",
        "p@ss-0815",
    )


def test_a_password_in_the_address_is_sent_as_such_and_repeated_nowhere(runner, monkeypatch, tmp_path):
    runner.server.behave(answer="basic dXNlcjpwYXNzLTA4MTU= is pass-0815")  # both of its forms
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", runner.server.base_url.replace("http://", "http://user:pass-0815@"))
    with pytest.raises(EndpointError, match="one of them, not both"):
        runner.ask(picture_rows(1))
    monkeypatch.delenv("FAULTLINE_AI_API_KEY")
    assert runner.ask(picture_rows(1))["answered"] == 1
    assert runner.server.stats()["last_headers"]["authorization"] == "Basic dXNlcjpwYXNzLTA4MTU="
    assert runner.outcome(*picture_rows(1)[0])["raw_response"] == "basic *** is ***"
    runner.close()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"pass-0815" not in path.read_bytes(), path


@pytest.mark.parametrize("key", ["test-0815\r\nX-Evil: 1", "schlüssel", "two words", "null\0byte"])
def test_a_key_that_is_none_is_refused_and_not_repeated(runner, monkeypatch, key):
    monkeypatch.setattr("os.environ", {**os.environ, "FAULTLINE_AI_API_KEY": key})
    with pytest.raises(EndpointError, match="FAULTLINE_AI_API_KEY holds a character") as refused:
        runner.ask(picture_rows(1))
    assert key not in str(refused.value)


def test_the_line_end_of_a_key_file_is_no_part_of_the_key(runner, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_API_KEY", "test-0815\r\n")
    runner.ask(picture_rows(1))
    assert runner.server.stats()["last_headers"]["authorization"] == "Bearer test-0815"


def test_a_key_that_stands_for_no_key_does_not_blot_out_answers(runner, monkeypatch):
    monkeypatch.setenv("FAULTLINE_AI_API_KEY", "none")
    runner.server.behave(answer='{"location": "none"}')
    runner.ask(picture_rows(1))
    assert runner.outcome(*picture_rows(1)[0])["raw_response"] == '{"location": "none"}'


@pytest.mark.parametrize("written", ['a/b"c\\d-0815', r"a\/b\"c\\d-0815", r"a/b\"c\\d-0815"])
def test_a_key_is_found_in_every_form_that_json_has_for_it(written):
    secrets = Secrets('a/b"c\\d-0815')
    assert secrets.hidden(f"<{written}>") == "<***>"
    assert secrets.hidden_bytes(f"<{written}>".encode()) == b"<***>"


def test_a_key_written_in_escapes_is_hidden_after_reading(asked):
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in "test-0815")
    assert asked(http_reply('{"choices": [{"message": {"content": "' + escaped + '"}}]}'))[1]["raw_response"] == "***"


def test_a_proxy_of_the_environment_is_used_and_never_sees_the_key(runner, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    proxy = RawServer(http_reply("no", "403 Forbidden"))
    monkeypatch.setenv("https_proxy", proxy.base_url.removesuffix("/v1").replace("//", "//user:proxy-0815@"))
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", "https://model.invalid/v1")
    tally = runner.ask(picture_rows(1))
    proxy.stop()
    assert (tally["stopped"], tally["detail"]) == ("set_up", "the proxy refuses: HTTP 403")
    assert proxy.received[0].startswith(b"CONNECT model.invalid:443")
    assert b"test-0815" not in b"".join(proxy.received)
    assert b"Proxy-Authorization: Basic " in proxy.received[0]


def test_a_plain_proxy_passes_the_request_on(runner, monkeypatch):
    monkeypatch.setenv("http_proxy", runner.server.base_url.removesuffix("/v1"))
    monkeypatch.setenv("no_proxy", "elsewhere.invalid")
    monkeypatch.setenv("FAULTLINE_AI_BASE_URL", "http://model.invalid/v1")
    assert runner.ask(picture_rows(1))["answered"] == 1
    headers = runner.server.stats()["last_headers"]
    assert (headers["host"], headers["authorization"]) == ("model.invalid", "Bearer test-0815")
    assert "proxy-authorization" not in headers


def test_which_proxy_is_taken(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert proxy_of("http://host/v1") is None
    monkeypatch.setenv("http_proxy", "proxy:3128")
    monkeypatch.setenv("no_proxy", "inside")
    assert proxy_of("http://host/v1") == "http://proxy:3128"
    assert proxy_of("http://inside/v1") is None
    monkeypatch.setenv("http_proxy", "socks5://user:proxy-0815@proxy:1080")
    with pytest.raises(EndpointError, match="no HTTP proxy") as refused:
        proxy_of("http://host/v1")
    assert "proxy-0815" not in str(refused.value)


def test_a_failure_that_cannot_be_kept_ends_the_run_too(runner, monkeypatch):
    runner.ask(picture_rows(1, 99))
    runner.server.behave(script=["400"])  # the last row of the run: its failure is settled when nothing else is left

    def keep_failure(*_):
        raise EndpointError("the answer store cannot be written: disk full")

    monkeypatch.setattr(Store, "keep_failure", keep_failure)
    tally = runner.ask(picture_rows(1))
    assert (tally["stopped"], tally["detail"]) == ("set_up", "the answer store cannot be written: disk full")


def test_a_store_that_cannot_be_written_ends_the_run_and_nobody_waits_for_ever(runner):
    runner.ask(picture_rows(1, 99))
    session = runner.open()
    session.begin("classify", 500)
    pages = session._store._writer.execute("pragma page_count").fetchone()[0]
    session._store._writer.execute(f"pragma max_page_count = {pages + 2}")  # as a full disk
    for row in picture_rows(500):
        session.submit("classify", *row)
    tally = json.loads(session.drain("classify"))
    assert tally["stopped"] == "set_up"
    assert "answers cannot be written: database or disk is full" in tally["detail"]
    assert runner.server.stats()["arrived"] < 400
