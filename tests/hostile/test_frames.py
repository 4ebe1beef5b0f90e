"""Frames that break RFC 6455 or every measure: the connection fails, the process does not grow, nobody else notices."""

from __future__ import annotations

import json
import os
import struct

import pytest

from tests.hostile.target import Target
from tests.hostile.wire import BINARY, CLOSE, CONTINUATION, NO_CLOSE_FRAME, PING, PONG, TEXT, Wire, frame

pytestmark = pytest.mark.live

MEMORY_SLACK = 24 << 20
MESSAGE_BYTES = 65_536
SAY_PING = b'{"type":"ping","id":"1"}'


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(struct.pack("!H", code) + reason, CLOSE)


# What each server answers: uvicorn says why, daphne cuts the connection without a close frame.
BROKEN: dict[str, tuple[bytes, int]] = {
    "a frame without a mask": (frame(SAY_PING, masked=False), 1002),
    "RSV1 without an extension": (frame(SAY_PING, rsv=4), 1002),
    "RSV2": (frame(SAY_PING, rsv=2), 1002),
    "RSV3": (frame(SAY_PING, rsv=1), 1002),
    "a compressed message": (frame(b"\xaaV*\xa9,HU\xb2R*\xc8\xccK\x07\x00", rsv=4), 1002),
    "opcode 3": (frame(SAY_PING, 3), 1002),
    "opcode 7": (frame(SAY_PING, 7), 1002),
    "opcode 11": (frame(b"", 11), 1002),
    "opcode 15": (frame(b"", 15), 1002),
    "a fragmented ping": (frame(b"x", PING, fin=False), 1002),
    "a fragmented close": (frame(b"\x03\xe8", CLOSE, fin=False), 1002),
    "a ping of 126 bytes": (frame(b"x" * 126, PING), 1002),
    "a pong of 64 KiB": (frame(b"x" * 65_536, PONG), 1002),
    "a close of 126 bytes": (close_frame(1000, b"x" * 124), 1002),
    "a continuation of nothing": (frame(SAY_PING, CONTINUATION), 1002),
    "a message inside a message": (frame(b"{", fin=False) + frame(b"{}"), 1002),
    "bytes inside a text": (frame(b"{", fin=False) + frame(b"{}", BINARY), 1002),
    "a close code of one byte": (frame(b"\x03", CLOSE), 1002),
    "a close reason that is not UTF-8": (close_frame(1000, b"\xff\xfe"), 1007),
    **{f"close code {code}": (close_frame(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)},
    "text that is not UTF-8": (frame(b'{"type":"\xff"}'), 1007),
    "text with an overlong form": (frame(b'{"type":"\xc0\xaf"}'), 1007),
    "text with a surrogate": (frame(b'{"type":"\xed\xa0\x80"}'), 1007),
    "text beyond Unicode": (frame(b'{"type":"\xf4\x90\x80\x80"}'), 1007),
    "text that ends inside a character": (frame(b'{"type":"\xe2\x82'), 1007),
    "a length of 2^62": (frame(b"x", length=1 << 62), 1009),
    "a length of 2^63": (frame(b"x", length=1 << 63), 1009),
    "a length of 2^64-1": (frame(b"x", length=(1 << 64) - 1), 1009),
    "HTTP again": (b"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 1002),
}


@pytest.mark.parametrize(("raw", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_frame_fails_the_connection(raw: bytes, code: int, target: Target) -> None:
    before = target.server.rss_bytes()
    for wire in (target.authenticated(), target.accepted()):
        wire.write(raw)
        ending = wire.ending()
        assert (ending.messages, ending.code) == ([], code if target.kind == "uvicorn" else NO_CLOSE_FRAME)
    assert target.server.rss_bytes() < before + MEMORY_SLACK


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_a_proper_close_is_answered(code: int, target: Target) -> None:
    wire = target.authenticated()
    wire.write(close_frame(code, b"bye"))
    ending = wire.ending()
    assert (ending.messages, ending.code) == ([], code if target.kind == "uvicorn" else 1000)


def test_nothing_is_heard_after_a_close(target: Target) -> None:
    session = target.live.session()
    wire, watcher = target.authenticated(), target.authenticated()
    for member in (wire, watcher):
        assert member.ask("room:join", {"room": f"session:{session}"})["type"] == "ack"
    say = {"type": "collaboration:message:send", "data": {"session": session, "body": "late"}}
    wire.write(close_frame(1000) + frame(json.dumps(say).encode()))
    assert wire.ending().code == 1000
    assert watcher.ask("collaboration:message:send", {"session": session, "body": "mine"})["type"] == "ack"
    history = watcher.ask("room:history", {"room": f"session:{session}"})["data"]["events"]
    assert [event["data"]["body"] for event in history if "body" in event["data"]] == ["mine"]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b'{"type":"ping","id":"\xe2', b"\x82", b'\xac"}'], id="inside a character"),
        pytest.param([b"", b'{"type":"ping",', b"", b'"id":"\xe2\x82\xac"}', b""], id="with empty fragments"),
        pytest.param([bytes([b]) for b in b'{"type":"ping","id":"\xe2\x82\xac"}'], id="byte by byte"),
    ],
)
def test_a_message_in_fragments_is_read_whole(pieces: list[bytes], target: Target) -> None:
    wire = target.authenticated()
    for number, piece in enumerate(pieces):
        opcode = CONTINUATION if number else TEXT
        wire.write(frame(piece, opcode, fin=number == len(pieces) - 1))
        wire.write(frame(b"between", PING))  # control frames may come in between
    assert wire.answer("€")["type"] == "pong"


# Size


def sized(size: int) -> bytes:
    """A ping of so many bytes."""
    return SAY_PING + b" " * (size - len(SAY_PING))


def test_a_message_of_the_limit_is_read_and_one_byte_more_is_too_large(target: Target) -> None:
    wire = target.authenticated()
    wire.write(frame(sized(MESSAGE_BYTES)))
    assert wire.answer("1")["type"] == "pong"
    for size in (MESSAGE_BYTES + 1, 300_000):
        wire = target.authenticated()
        wire.write(frame(sized(size)))
        ending = wire.ending()
        assert (ending.messages, ending.code) == ([], 4413)


def test_the_limit_counts_bytes_not_characters(target: Target) -> None:
    wire = target.authenticated()
    text = '{"type":"ping","id":"1","data":{"x":"%s"}}' % ("€" * (MESSAGE_BYTES // 3))
    wire.send(text)
    assert wire.ending().code == 4413


def pour(wire: Wire, piece: bytes, times: int) -> int:
    """Sends a piece again and again until the server cuts the connection; returns how often."""
    return next((number for number in range(times) if not wire.write(piece)), times)


def test_a_message_of_62_mb_in_fragments_is_cut_off_early(target: Target) -> None:
    before = target.server.rss_bytes()
    wire = target.authenticated()
    wire.write(frame(b"x" * 62_500, fin=False))
    assert pour(wire, frame(b"x" * 62_500, CONTINUATION, fin=False), 992) < 500
    assert wire.ending().code in (1009, NO_CLOSE_FRAME)
    assert target.server.rss_bytes() < before + MEMORY_SLACK


def test_a_message_of_200_000_empty_fragments_costs_little(target: Target) -> None:
    before = target.server.rss_bytes()
    wire = target.authenticated()
    wire.write(frame(b"", fin=False))
    pour(wire, frame(b"", CONTINUATION, fin=False) * 1_000, 200)
    wire.write(frame(SAY_PING, CONTINUATION))
    assert wire.answer("1")["type"] == "pong"
    assert target.server.rss_bytes() < before + MEMORY_SLACK


def test_20_000_pings_of_the_transport_cost_little(target: Target) -> None:
    before = target.server.rss_bytes()
    wire = target.authenticated()
    pour(wire, frame(os.urandom(125), PING) * 100, 200)
    assert wire.round_trip() > 0
    assert target.server.rss_bytes() < before + MEMORY_SLACK


def test_20_000_pings_of_the_protocol_are_too_many(strict: Target) -> None:
    before = strict.server.rss_bytes()
    wire = strict.authenticated()
    pour(wire, frame(SAY_PING) * 100, 200)
    ending = wire.ending()
    assert ending.code == 4529
    assert set(ending.codes) == {"rate.limited"}
    refusal = next(message for message in ending.messages if message["type"] == "error")
    assert refusal["retryable"]
    assert refusal["retry_after_ms"] > 0
    assert strict.server.rss_bytes() < before + MEMORY_SLACK
