"""y-protocols frames, as y-websocket sends them and otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaboration.documents.frames import (
    DEFAULT_LIMITS,
    MAX_CLOCK,
    Awareness,
    Denied,
    Frame,
    FrameRefused,
    QueryAwareness,
    StateVector,
    Update,
    read_awareness,
    read_frame,
    read_state,
    write_awareness,
    write_frame,
    write_number,
)
from tests.collaboration.documents.handwritten import counted

_UPDATE = bytes.fromhex("01010700040107636f6e74656e7402686900")

# What y-protocols 1.0 wrote.
WRITTEN: dict[str, Frame] = {
    "000003010702": StateVector(b"\x01\x07\x02"),
    "00011201010700040107636f6e74656e7402686900": Update(_UPDATE, answer=True),
    "00021201010700040107636f6e74656e7402686900": Update(_UPDATE),
    "012f0107012b7b2275736572223a7b226e616d65223a225a6fc3ab20f09f9880227d2c22637572736f72223a6e756c6c7d": Awareness(
        {7: (1, '{"user":{"name":"Zoë 😀"},"cursor":null}')}
    ),
    "0108010702046e756c6c": Awareness({7: (2, "null")}),
    "02000972656164206f6e6c79": Denied("read only"),
    "03": QueryAwareness(),
}


@pytest.mark.parametrize(("written", "frame"), WRITTEN.items(), ids=lambda value: type(value).__name__)
def test_what_y_protocols_writes_is_read_and_written_alike(written: str, frame: Frame) -> None:
    assert read_frame(bytes.fromhex(written)) == frame
    assert write_frame(frame).hex() == written


@pytest.mark.parametrize("written", [bytes.fromhex(written) for written in WRITTEN], ids=lambda data: data[:3].hex())
def test_a_frame_that_is_cut_or_followed_by_anything_is_refused(written: bytes) -> None:
    for wrong in (*(written[:end] for end in range(len(written))), written + b"\0"):
        with pytest.raises(FrameRefused) as refused:
            read_frame(wrong)
        assert refused.value.reason == "encoding"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x04", "encoding"),
        (b"\x09\x00\x00", "encoding"),
        (b"\x00\x03\x00", "encoding"),
        (b"\x00\x02" + write_number(2**40), "encoding"),
        (b"\x00\x02" + b"\xff" * 1_000, "encoding"),
        (b"\x02\x01\x00", "encoding"),
        (b"\x02\x00" + counted(b"\xff"), "encoding"),
        (b"\x02\x00" + counted("x" * (DEFAULT_LIMITS.text + 1)), "encoding"),
        (bytes(DEFAULT_LIMITS.size + 1), "size"),
    ],
    ids=lambda value: str(value[:6]),
)
def test_a_frame_of_no_kind_or_too_large_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(FrameRefused) as refused:
        read_frame(data)
    assert refused.value.reason == reason


def state(client: int, clock: int, text: str | bytes) -> bytes:
    return write_number(client) + write_number(clock) + counted(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x01" + state(7, 1, b'{"x":"\xff"}'), "encoding"),
        (b"\x01" + state(7, MAX_CLOCK, "{}"), "encoding"),
        (b"\x01" + state(7, 2**53, "{}"), "encoding"),
        (b"\x02" + state(7, 1, "{}") + state(7, 2, "{}"), "encoding"),
        (b"\x01" + state(7, 1, "{}") + b"\0", "encoding"),
        (b"\x05" + state(7, 1, "{}"), "encoding"),
        (write_number(100_000) + state(7, 1, "null") * 100_000, "size"),
        (b"\x01" + state(7, 1, '"' + "x" * DEFAULT_LIMITS.state + '"'), "size"),
    ],
    ids=lambda value: str(value[:16]),
)
def test_awareness_that_would_harm_whoever_hears_it_is_refused(data: bytes, reason: str) -> None:
    for read in (lambda: read_awareness(data), lambda: read_frame(b"\x01" + counted(data))):
        with pytest.raises(FrameRefused) as refused:
            read()
        assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (text, "encoding")
            for text in ["NaN", '{"x":NaN}', '{"x":1e999}', '{"x":"\\ud800"}', "[]", "1", "undefined"]
        ),
        ('{"x":' + "[" * 64 + "]" * 64 + "}", "depth"),
    ],
    ids=lambda value: value[:16],
)
def test_a_state_that_is_no_object_or_would_harm_whoever_hears_it_is_refused(text: str, reason: str) -> None:
    assert read_awareness(b"\x01" + state(7, 1, text)) == {7: (1, text)}
    with pytest.raises(FrameRefused) as refused:
        read_state(text)
    assert refused.value.reason == reason


@pytest.mark.parametrize("text", ["null", "{}", '{"user":{"name":"\u00e9"}}'])
def test_a_state_is_an_object_or_null(text: str) -> None:
    assert read_state(text) == text


def test_awareness_may_tell_about_as_many_clients_as_it_may() -> None:
    states = {client: (client, "null") for client in range(DEFAULT_LIMITS.clients)}
    assert read_awareness(write_awareness(states)) == states
    with pytest.raises(FrameRefused, match="up to"):
        read_awareness(write_awareness({**states, 1_000: (0, "null")}))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_that_is_written_alike_or_refused(data: bytes) -> None:
    try:
        frame = read_frame(data)
    except FrameRefused:
        return
    assert write_frame(frame) == data
