"""The opening handshake against hostile bytes: who is let in, who is refused how, and that nobody else notices."""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.hostile.target import PONG_WITHIN, Target
from tests.hostile.wire import Header
from tests.servers import eventually

pytestmark = pytest.mark.live

NO_ANSWER = 0  # the server hung up


# Origin and cookies


def test_a_page_of_this_server_is_let_in(target: Target) -> None:
    for host in ("127.0.0.1", "localhost"):
        wire = target.authenticated(headers=[("Origin", f"http://{host}:{target.port}")])
        assert wire.round_trip() > 0


def test_a_foreign_page_is_refused_whatever_it_brings(target: Target) -> None:
    foreign = ("Origin", "https://evil.example")
    assert target.refusal(headers=[foreign]).status == 403
    assert target.refusal(headers=[foreign, ("Cookie", "sessionid=stolen")]).status == 403
    assert target.refusal(headers=[foreign], token=target.person().token).status == 403
    assert [event["reason"] for event in target.events("handshake_refused")] == ["origin"] * 3
    assert not target.events("connection_opened")[1:]  # the bystander's alone


@pytest.mark.parametrize(
    "origin",
    [
        "https://localhost:{port}",
        "ws://localhost:{port}",
        "http://localhost:1{port}",
        "http://localhost:{port}0",
        "http://localhost",
        "http://localhost:{port}.evil.example",
        "http://evillocalhost:{port}",
        "http://evil.localhost:{port}",
        "http://localhost.:{port}",
        "http://LOCALHOST:{port}",
        "HTTP://localhost:{port}",
        "http://localhost:{port}/",
        "http://localhost:{port}@evil.example",
        "http://evil@localhost:{port}",
        "http://xn--lcalhost-74a:{port}",
        "http://127.1:{port}",
        "http://2130706433:{port}",
        "http://localhost:{port} http://evil.example",
        "http://evil.example,http://localhost:{port}",
        "null",
        "*",
        "file://",
        "",
    ],
)
def test_an_origin_that_only_looks_allowed_is_refused(origin: str, target: Target) -> None:
    refusal = target.refusal(headers=[("Origin", origin.format(port=target.port))], token=target.person().token)
    # daphne takes some of them for no origin at all.
    assert refusal.status == 403 or (refusal.status == 400 and target.kind == "daphne")


def test_two_origin_headers_are_refused_even_if_both_are_allowed(target: Target) -> None:
    allowed, foreign = f"http://localhost:{target.port}", "https://evil.example"
    for pair in ((allowed, allowed), (allowed, foreign), (foreign, allowed)):
        refusal = target.refusal(headers=[("Origin", origin) for origin in pair], token=target.person().token)
        assert refusal.status in (400, 403)


def test_a_cookie_without_an_origin_is_refused(target: Target) -> None:
    assert target.refusal(headers=[("Cookie", "sessionid=stolen")]).status == 403


# The URL


@pytest.mark.parametrize(
    "query",
    [
        "token={}",
        "Token={}",
        "access_token={}",
        "accessToken={}",
        "jwt={}",
        "bearer={}",
        "authorization=Bearer%20{}",
        "%74oken={}",
        "+token={}",
        "a=1&token={}",
        "a=1;token={}",
        "key={}",
        "key=Bearer%20{}",
        "{}",
        "a={}=",
    ],
)
def test_a_token_in_the_url_is_refused_and_stays_out_of_the_log(query: str, target: Target) -> None:
    token = target.person().token
    for path in ("/ws/", "/ws/cursors/"):
        refusal = target.refusal(f"{path}?{query.format(token)}")
        assert refusal.status == 403
        assert token.encode() not in refusal.body
    assert [event["reason"] for event in target.events("handshake_refused")] == ["token_in_url"] * 2
    assert_nowhere(token, target)


def assert_nowhere(token: str, target: Target) -> None:
    """No part of the token that is worth anything was written down."""
    metrics = target.http("GET", "/metrics")
    assert metrics.status == 200
    for part in token.split(".")[1:]:
        assert part not in target.log
        assert part.encode() not in metrics.body


def test_a_token_in_the_path_opens_nothing_and_stays_out_of_the_log(target: Target) -> None:
    token = target.person().token
    for path in (f"/ws/{token}/", f"/{token}"):
        assert target.refusal(path).status == 403
        assert target.http("GET", path).status == 404
    assert_nowhere(token, target)


def test_a_token_in_the_url_opens_no_rest_call_and_stays_out_of_the_log(target: Target) -> None:
    token = target.person().token
    for name in ("token", "access_token", "key"):
        assert target.http("GET", f"/api/v1/me/?{name}={token}").status == 401
    assert_nowhere(token, target)


def test_a_harmless_query_is_let_in(target: Target) -> None:
    target.authenticated(path=f"/ws/?v=1&page=tokens&next={quote('/a?b=c')}")


@pytest.mark.parametrize("path", ["/ws", "/ws/../ws/", "/ws//", "/wsx/", "/", "/ws/unknown/", "/ws/%2e%2e/"])
def test_a_socket_anywhere_else_is_refused(path: str, target: Target) -> None:
    assert target.refusal(path, token=target.person().token).status == 403


# Host


def test_a_foreign_host_is_refused_on_every_door(target: Target) -> None:
    for host in ("evil.example", f"evil.example:{target.port}", "127.0.0.1.evil.example", "127.0.0.1@evil"):
        refusal = target.refusal(without=["Host"], headers=[("Host", host)], token=target.person().token)
        assert refusal.status in (400, 403)
        for path in ("/api/v1/me/", "/admin/", "/mcp"):
            assert target.http("GET", path, host=host).status == 400


def test_no_host_and_two_hosts_are_refused(target: Target) -> None:
    token = target.person().token
    assert target.refusal(without=["Host"], token=token).status in (400, 403)
    assert target.refusal(headers=[("Host", "127.0.0.1")], token=token).status in (400, 403)


# Subprotocols


def test_a_token_as_subprotocol_is_answered_with_the_protocol_and_not_with_the_token(target: Target) -> None:
    person = target.person()
    wire = target.wire()
    answer = wire.shake(protocols=["bduf.v1", f"bearer.{person.token}"])
    assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "bduf.v1")
    assert person.token not in str(answer.headers)
    assert wire.expect("connected")["data"]["user"]["id"] == person.id


def test_the_header_wins_over_the_subprotocol(target: Target) -> None:
    one, other = target.person(), target.person()
    wire = target.accepted(token=one.token, protocols=["bduf.v1", f"bearer.{other.token}"])
    assert wire.expect("connected")["data"]["user"]["id"] == one.id
    wire = target.accepted(token="nonsense", protocols=["bduf.v1", f"bearer.{other.token}"])
    assert wire.ending().code == 4401


@pytest.mark.parametrize("offered", [["bduf.v99"], ["graphql-ws", "mqtt"], ["BDUF.V1"]])
def test_an_unsupported_subprotocol_is_told_which_is_supported(offered: list[str], target: Target) -> None:
    for credential in ([], [f"bearer.{target.person().token}"]):
        wire = target.wire()
        answer = wire.shake(protocols=[*offered, *credential])
        # Echoed, or a browser would hide the close code.
        assert answer.headers["sec-websocket-protocol"] == offered[0]
        ending = wire.ending()
        assert (ending.code, ending.messages) == (4406, [])
        if target.kind == "uvicorn":  # daphne sends no reasons
            assert ending.reason == "unsupported;supported=bduf.v1"


def test_no_compression_is_agreed_on(target: Target) -> None:
    wire = target.wire()
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    answer = wire.shake(headers=[offer], token=target.person().token)
    assert answer.status == 101
    assert "sec-websocket-extensions" not in answer.headers


# Smuggling


@pytest.mark.parametrize("gap", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\0", "\r", "\n", "\r\n "])
def test_no_byte_inside_a_header_starts_another_header(gap: str, target: Target) -> None:
    token = target.person().token
    for smuggled in (f"Authorization: Bearer {token}", "Cookie: sessionid=stolen"):
        wire = target.wire()
        answer = wire.shake(headers=[("X-Comment", f"x{gap}{smuggled}".encode("latin-1"))])
        assert answer.status in (101, 400)
        if answer.status == 101:
            wire.send({"type": "ping"})
            assert wire.ending().code == 4400


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-Real-IP"])
def test_a_peer_cannot_choose_its_address(name: str, target: Target) -> None:
    target.authenticated(headers=[(name, "for=203.0.113.7" if name == "Forwarded" else "203.0.113.7")])
    assert {event["address"] for event in target.events("connection_opened")} == {"127.0.0.1"}
    assert "203.0.113.7" not in target.log


def test_two_authorization_headers_authenticate_nobody(target: Target) -> None:
    one, other = target.person(), target.person()
    wire = target.wire()
    answer = wire.shake(headers=[("Authorization", f"Bearer {other.token}")], token=one.token)
    assert answer.status in (101, 400, 403)
    if answer.status == 101:
        assert wire.ending().code == 4401


# Too much, too odd


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("X-Long", "x" * 65_536)], id="a header of 64 KiB"),
        pytest.param([("Authorization", "Bearer " + "x" * 65_536)], id="a credential of 64 KiB"),
        pytest.param([("Cookie", "x" * 65_536)], id="a cookie of 64 KiB"),
        pytest.param([(f"X-{n}", "x") for n in range(2_000)], id="2,000 headers"),
        pytest.param([("X-Same", "x")] * 1_000, id="one header 1,000 times"),
        pytest.param([("Sec-WebSocket-Protocol", "bduf.v1")] * 1_000, id="1,000 subprotocol headers"),
        pytest.param([("Sec-WebSocket-Protocol", f"bduf.v1,{' ' * 32_768}x")], id="32 KiB of spaces"),
        pytest.param([("Sec-WebSocket-Extensions", "x; y=" * 4_096)], id="20 KiB of extensions"),
        pytest.param([("Sec-WebSocket-Key", "again")], id="two keys"),
    ],
)
def test_a_handshake_beyond_all_measure_is_refused_at_once(headers: list[Header], target: Target) -> None:
    wire = target.wire()
    answer = wire.shake(headers=headers)
    assert answer.status in (NO_ANSWER, 400, 403, 431)
    assert not wire.socket.recv(1), "the server keeps the connection"


def test_a_url_beyond_all_measure_is_refused_at_once(target: Target) -> None:
    for path in ("/ws/?" + "a&" * 100_000, "/ws/" + "x" * 100_000):
        assert target.refusal(path).status in (NO_ANSWER, 400, 403, 414)


def test_a_subprotocol_outside_ascii_is_refused(target: Target) -> None:
    target.traceback_expected = target.kind == "daphne"  # its own, and it answers 500
    for name in ("é".encode(), b"\xff\xfe", b"bduf.v1, \xc3\xa9"):
        assert target.refusal(headers=[("Sec-WebSocket-Protocol", name)]).status in (400, 403, 500)


def test_a_user_agent_outside_ascii_is_let_in(target: Target) -> None:
    for name in ("é".encode(), b"\xff\xfe"):
        assert target.authenticated(headers=[("User-Agent", name)]).round_trip() > 0


@pytest.mark.parametrize(
    ("without", "headers", "line"),
    [
        ("Sec-WebSocket-Key", [], "GET {path} HTTP/1.1"),
        ("Sec-WebSocket-Key", [("Sec-WebSocket-Key", "short")], "GET {path} HTTP/1.1"),
        ("Sec-WebSocket-Version", [], "GET {path} HTTP/1.1"),
        ("Sec-WebSocket-Version", [("Sec-WebSocket-Version", "99")], "GET {path} HTTP/1.1"),
        ("Connection", [], "GET {path} HTTP/1.1"),
        ("Upgrade", [("Upgrade", "h2c")], "GET {path} HTTP/1.1"),
        ("", [], "POST {path} HTTP/1.1"),
        ("", [], "TRACE {path} HTTP/1.1"),
        ("", [], "{path} GET HTTP/1.1"),
        ("", [], "GET {path} HTTP/9.9"),
        ("", [], "\0\x01\x02\x03 {path} \xff"),
        ("", [("Transfer-Encoding", "chunked"), ("Content-Length", "5")], "GET {path} HTTP/1.1"),
    ],
)
def test_what_is_no_handshake_opens_no_socket(without: str, headers: list[Header], line: str, target: Target) -> None:
    answer = target.refusal(headers=headers, token=target.person().token, without=[without], line=line)
    assert answer.status == NO_ANSWER or 400 <= answer.status < 500


async def test_two_hundred_half_handshakes_keep_nobody_out(target: Target) -> None:
    descriptors = Path(f"/proc/{target.server.pid}/fd")
    before = len(os.listdir(descriptors))
    half = []
    for _ in range(10):
        for _ in range(20):
            half.append(target.wire())
            half[-1].write(b"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        started = time.monotonic()
        assert target.authenticated().round_trip() > 0
        assert time.monotonic() - started < PONG_WITHIN
    assert len(os.listdir(descriptors)) >= before + 200
    for wire in half:
        wire.close()
    await eventually(lambda: len(os.listdir(descriptors)) < before + 50, what="the descriptors are given back")
