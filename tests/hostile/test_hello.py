"""The first frames of a socket: nothing is looked at before a hello, and no trick buys more time to say it."""

from __future__ import annotations

import json
import time

import pytest

from tests.hostile.conftest import HEARTBEAT_TIMEOUT, HELLO_TIMEOUT, TICK
from tests.hostile.target import Target
from tests.hostile.wire import BINARY, CONTINUATION, PING, Ending, Wire, frame
from tests.servers import MS

pytestmark = pytest.mark.live

SLACK = 3_000 * MS


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "ping", "id": "1"}, "auth.invalid"),
        ({"type": "pong", "id": "1"}, "auth.invalid"),
        ({"type": "room:join", "data": {"room": "project:1"}}, "auth.invalid"),
        ({"type": "auth:refresh", "data": {"token": "x"}}, "auth.invalid"),
        ({"type": "connected", "data": {}}, "auth.invalid"),
        ({"type": "HELLO", "data": {}}, "auth.invalid"),
        ({"type": "hello", "data": {"token": 7}}, "msg.bad_value"),
        ({"type": "hello", "data": {"token": "x", "user": "1"}}, "msg.unknown_field"),
        ({"type": "hello", "data": {"token": "x" * 8_193}}, "msg.bad_value"),
        ({"type": "hello", "data": []}, "msg.bad_envelope"),
        ({"type": "hello", "id": 1, "data": {}}, "msg.bad_number"),
        ('{"type":"hello","type":"hello"}', "msg.duplicate_key"),
        ("", "msg.bad_json"),
        ("hello", "msg.bad_json"),
        ("[" * 40 + "]" * 40, "msg.too_deep"),
    ],
)
def test_any_other_first_frame_ends_the_socket(first: object, code: str, target: Target) -> None:
    wire = target.accepted()
    wire.send(first)
    ending = wire.ending()
    assert (ending.codes, ending.code) == ([code], 4400)


def test_a_first_frame_of_bytes_ends_the_socket(target: Target) -> None:
    wire = target.accepted()
    wire.write(frame(json.dumps({"type": "hello", "data": {"token": target.person().token}}).encode(), BINARY))
    ending = wire.ending()
    assert (ending.codes, ending.code) == (["msg.bad_json"], 4400)


def test_a_hello_without_a_token_authenticates_nobody(target: Target) -> None:
    wire = target.accepted()
    wire.send({"type": "hello", "id": "1", "data": {"client": {"name": "web"}}})
    ending = wire.ending()
    assert (ending.codes, ending.code) == (["auth.invalid"], 4401)


def test_of_a_thousand_frames_before_hello_only_the_first_is_looked_at(target: Target) -> None:
    wire = target.accepted()
    wire.write(frame(b'{"type":"ping","id":"1"}') * 1_000)
    ending = wire.ending()
    assert (ending.codes, ending.code) == (["auth.invalid"], 4400)
    assert len(ending.messages) == 1


def test_a_hello_of_300_kb_is_too_large(target: Target) -> None:
    wire = target.accepted()
    wire.send({"type": "hello", "data": {"token": "x" * 300_000}})
    ending = wire.ending()
    assert (ending.messages, ending.code) == ([], 4413)


def test_what_follows_at_the_heels_of_hello_is_served(target: Target) -> None:
    session = target.live.session()
    wire = target.accepted()
    messages = [
        {"type": "hello", "id": "hello", "data": {"token": target.person().token}},
        {"type": "room:join", "id": "join", "data": {"room": f"session:{session}"}},
        {"type": "ping", "id": "ping"},
    ]
    wire.write(b"".join(frame(json.dumps(message).encode()) for message in messages))
    assert wire.receive()["type"] == "connected"
    assert wire.answer("hello")["type"] == "ack"
    assert {wire.receive()["id"] for _ in range(2)} == {"join", "ping"}


def test_hello_said_twice_is_refused_and_changes_nothing(target: Target) -> None:
    person, other = target.person(), target.person()
    by_hello, by_header = target.accepted(), target.authenticated(person.token)
    assert by_hello.ask("hello", {"token": person.token})["type"] == "ack"
    assert by_header.ask("hello", {"capabilities": ["batch", "x"]})["data"]["capabilities"] == ["batch"]
    for wire in (by_hello, by_header):
        for data in ({}, {"token": person.token}, {"token": other.token}):
            assert wire.ask("hello", data)["code"] == "msg.bad_envelope"
        assert wire.ask("room:join", {"room": f"user:{other.id}"})["code"] == "room.not_found"
        assert wire.ask("room:join", {"room": f"user:{person.id}"})["type"] == "ack"


def test_a_hello_with_somebody_elses_token_changes_nobody(target: Target) -> None:
    person, other = target.person(), target.person()
    wire = target.authenticated(person.token)
    assert wire.ask("hello", {"token": other.token})["code"] == "auth.identity_change"
    assert wire.ask("room:join", {"room": f"user:{other.id}"})["code"] == "room.not_found"
    assert wire.ask("room:join", {"room": f"user:{person.id}"})["type"] == "ack"


# Time


def ended_within(wire: Wire, seconds: float) -> Ending | None:
    """How the connection ended, if it does within so many seconds."""
    try:
        return wire.ending(seconds)
    except TimeoutError:
        return None


STALLING = {
    "silence": (b"", b""),
    # Declares 60,000 bytes, masked with zeros, and lets them drop one by one.
    "a frame byte by byte": (b"\x81\xfe" + (60_000).to_bytes(2, "big") + bytes(4), b" "),
    "a message without end": (frame(b"{", fin=False), frame(b" ", CONTINUATION, fin=False)),
    "pings of the transport": (frame(b"x", PING), frame(b"x", PING)),
}


def test_hello_has_to_be_said_in_time_whatever_else_is_sent(strict: Target) -> None:
    wires = {name: strict.accepted() for name in STALLING}
    started = time.monotonic()
    for name, wire in wires.items():
        wire.write(STALLING[name][0])
    endings: dict[str, Ending] = {}
    while waiting := wires.keys() - endings.keys():
        for name in waiting:
            wires[name].write(STALLING[name][1])
            if ending := ended_within(wires[name], 20 * MS):
                endings[name] = ending
    assert {name: ending.code for name, ending in endings.items()} == dict.fromkeys(STALLING, 4508)
    if strict.kind == "uvicorn":  # daphne sends no reasons
        assert {ending.reason for ending in endings.values()} == {"auth.hello_timeout;retry_ms=1000"}
    assert HELLO_TIMEOUT - TICK < time.monotonic() - started < HELLO_TIMEOUT + TICK + SLACK


def test_who_falls_silent_is_cut_and_who_answers_pings_is_not(strict: Target) -> None:
    silent, answering = strict.authenticated(), strict.authenticated()
    started = time.monotonic()
    ending = None
    while ending is None:
        ping = answering.expect("ping")
        answering.send({"type": "pong", "id": ping["id"]})
        silent.write(frame(b"x", PING))  # a ping of the transport is no sign of life
        ending = ended_within(silent, 50 * MS)
    assert ending.code == 4509
    assert HEARTBEAT_TIMEOUT - TICK < time.monotonic() - started < HEARTBEAT_TIMEOUT + TICK + SLACK
    assert answering.round_trip() > 0
