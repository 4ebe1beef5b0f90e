"""The encoding of events and acks, which is logged, fanned out and replayed byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bduf_realtime.rooms.events import (
    Ack,
    Appended,
    Author,
    Event,
    ack_frame,
    event_frame,
    fingerprint,
    timestamp,
)

ADA = Author("u1", "Ada", "human", "c1")
AT = datetime(2026, 11, 23, 19, 0, 0, 123_999, UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(texts, values, max_size=4)


def test_an_event_carries_the_fields_of_the_protocol_in_its_order() -> None:
    frame = event_frame("test:said", "session:1", "e1", 43, AT, ADA, b'{"body":"hi"}')
    assert frame == (
        b'{"type":"test:said","room":"session:1","epoch":"e1","seq":43,"at":"2026-11-23T19:00:00.123Z",'
        b'"by":{"user":"u1","name":"Ada","kind":"human","connection":"c1"},"data":{"body":"hi"}}'
    )


def test_an_ack_says_where_its_command_stands_in_the_log() -> None:
    appended = Appended("session:1", "e1", 43, "test:said", b"{}", "c1")
    frame = ack_frame("7", b'{"x":1}', appended)
    assert frame == b'{"type":"ack","id":"7","data":{"x":1},"room":"session:1","epoch":"e1","seq":43}'


def test_an_ack_of_a_command_that_appended_nothing_names_no_room() -> None:
    assert ack_frame("7", b"{}") == b'{"type":"ack","id":"7","data":{}}'


@given(objects, texts, texts, st.integers(1, 2**53 - 1))
def test_any_payload_and_name_come_back_as_they_went_in(data: Any, name: str, epoch: str, seq: int) -> None:
    author = Author("u1", name, "agent", "c1")
    frame = event_frame("test:said", "session:1", epoch, seq, AT, author, msgspec.json.encode(data))
    read = json.loads(frame)
    assert read["data"] == data
    assert (read["by"]["name"], read["epoch"], read["seq"]) == (name, epoch, seq)
    assert msgspec.json.encode(msgspec.json.decode(frame, type=Event)) == frame


@given(texts, objects)
def test_any_ack_comes_back_as_it_went_in(id_: str, data: Any) -> None:
    frame = ack_frame(id_, msgspec.json.encode(data))
    assert json.loads(frame) == {"type": "ack", "id": id_, "data": data}
    assert msgspec.json.encode(msgspec.json.decode(frame, type=Ack)) == frame


@pytest.mark.parametrize(("microsecond", "written"), [(0, "000"), (999, "000"), (1_000, "001"), (999_999, "999")])
def test_times_have_milliseconds_that_are_never_rounded_up(microsecond: int, written: str) -> None:
    assert timestamp(AT.replace(microsecond=microsecond)) == f"2026-11-23T19:00:00.{written}Z"


def test_times_are_written_in_utc_whatever_zone_they_came_in() -> None:
    paris = AT.astimezone(timezone(timedelta(hours=1)))
    assert timestamp(paris) == timestamp(AT)


@given(objects)
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(data: dict[str, Any]) -> None:
    assert fingerprint("test:said", dict(reversed(data.items()))) == fingerprint("test:said", data)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", {"x": 1}), ("b", {"x": 1})),
        (("a", {"x": 1}), ("a", {"x": 2})),
        (("a", {"x": 1}), ("a", {"x": "1"})),
        (("a", {"x": 1}), ("a", {"x": True})),
        (("a", {"x": [1, 2]}), ("a", {"x": [2, 1]})),
        (("a", {"x": None}), ("a", {})),
        (("a", {"x": "é"}), ("a", {"x": "e\u0301"})),
        (('a",{"x":1}]', {}), ("a", {"x": 1})),
    ],
)
def test_another_type_or_body_has_another_fingerprint(one: tuple[str, Any], other: tuple[str, Any]) -> None:
    assert fingerprint(*one) != fingerprint(*other)
