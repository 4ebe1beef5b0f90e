"""Strict reading of frames (B8-B17): one JSON value, unambiguous and harmless, or a code that names the field."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bduf_realtime.gateway.errors import CODES, RealtimeError
from bduf_realtime.gateway.messages import Hello, RoomHistory, RoomJoin
from bduf_realtime.gateway.reading import (
    MAX_DEPTH,
    MAX_INTEGER,
    Envelope,
    Unreadable,
    read_data,
    read_envelope,
    read_json,
    salvage_id,
)


def short(value: object) -> str:
    """Names a test after the start of its text."""
    return ascii(value)[:30]


def code_of(read: Callable[..., Any], *args: Any) -> str:
    with pytest.raises(RealtimeError) as refused:
        read(*args)
    return refused.value.code


def unreadable(text: str) -> tuple[str, str | None, Any]:
    with pytest.raises(Unreadable) as refused:
        read_envelope(text)
    return refused.value.error.code, refused.value.id, refused.value.error.details.get("field")


# --- JSON (B8, B9, B11, B12) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", '{"a":1}}', '{"a":1} x', "{'a':1}", '{"a":1,}', "// no\n{}", '\ufeff{"a":1}', "nul", '"\x00"', "+1"],
)
def test_what_is_not_one_json_value_is_refused(text: str) -> None:
    assert code_of(read_json, text) == "msg.bad_json"


@pytest.mark.parametrize(
    "literal",
    [
        *["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-0"],
        *["9007199254740992", "-9007199254740992", "9" * 18, "1" + "0" * 4_299, "1" + "0" * 5_000],
    ],
    ids=short,
)
def test_a_number_that_javascript_would_change_is_refused(literal: str) -> None:
    assert code_of(read_json, f'{{"n": {literal}}}') == "msg.bad_number"


@pytest.mark.parametrize("number", [0, 1, -1, MAX_INTEGER, -MAX_INTEGER, 0.5, -0.0, 1e300, 5e-324])
def test_other_numbers_are_read_exactly(number: float) -> None:
    assert read_json(json.dumps([number])) == [number]


@pytest.mark.parametrize("text", [r'"\ud800"', r'"\udc00\ud800"', r'"a\u0000b"', r'{"\ud800":1}', r'[["\u0000"]]'])
def test_a_text_that_no_database_keeps_is_refused(text: str) -> None:
    assert code_of(read_json, text) == "msg.bad_text"


@pytest.mark.parametrize("text", ["\u202e", "\ufeff", "e" + "\u0301" * 1_000, "\U0001f600", "\x85\u2028"], ids=short)
def test_other_text_is_kept_as_it_is(text: str) -> None:
    assert read_json(json.dumps([text])) == [text]
    assert read_json(json.dumps([text], ensure_ascii=False)) == [text]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"type":"ping","type":"admin"}', "type"),
        ('{"a":{"b":1,"c":2,"b":3}}', "b"),
        (r'{"a":1,"\u0061":2}', "a"),
        (r'{"\ud800":1,"\ud800":2}', "?"),
    ],
)
def test_an_object_with_the_same_key_twice_is_refused(text: str, field: str) -> None:
    with pytest.raises(RealtimeError, match="duplicate_key") as refused:
        read_json(text)
    assert refused.value.details == {"field": field}


# --- depth and cost (B10, B19) -------------------------------------------------------------------------------------


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_nesting_ends_at_the_limit(brackets: str) -> None:
    def nested(depth: int) -> str:
        opening = "[" if brackets == "[]" else '{"a":'
        return opening * (depth - 1) + brackets + brackets[1] * (depth - 1)

    assert read_json(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 2_000, 30_000):
        assert code_of(read_json, nested(depth)) == "msg.too_deep"


def test_brackets_in_texts_and_beside_each_other_nest_nothing() -> None:
    assert read_json(json.dumps({"body": "[" * 5_000 + '{"' * 100})) is not None
    assert len(read_json(json.dumps([[] for _ in range(5_000)]))) == 5_000
    assert read_json(json.dumps(["\\", '\\"[' * 50])) == ["\\", '\\"[' * 50]


@pytest.mark.parametrize(
    "text",
    [
        '"' * 60_000,
        '"\\' * 30_000,
        "[" * 60_000,
        '["' * 30_000,
        '{"id":' * 10_000,
        '"id"' * 15_000,
        '"id"' + " " * 60_000 + ":",
        "[" * 40 + '"' + "a" * 60_000,
        "[" * 40 + '"' + "\\" * 60_001,
        "[" + "1" * 60_000 + "]",
        '{"a":' * 33 + '"' + "\\u0000" * 10_000,
    ],
    ids=short,
)
def test_no_text_costs_more_than_its_length(text: str) -> None:
    started = time.process_time()
    with pytest.raises((RealtimeError, Unreadable)):
        read_envelope(text)
    salvage_id(text)
    assert time.process_time() - started < 0.5


# --- the envelope (B8, B9, B14, B15, B17) --------------------------------------------------------------------------


def test_an_envelope_has_a_type_and_perhaps_an_id_and_data() -> None:
    assert read_envelope('{"type":"ping"}') == Envelope("ping", None, {})
    assert read_envelope('{"type":"a","id":"7","data":{"b":1}}') == Envelope("a", "7", {"b": 1})
    assert read_envelope('{"type":"a","id":null}') == Envelope("a", None, {})
    assert read_envelope(json.dumps({"type": "t" * 80, "id": "i" * 64})).id == "i" * 64


@pytest.mark.parametrize("text", ["[]", '"x"', "null", "1", "true", "[1,2]"])
def test_a_frame_that_is_no_object_is_refused(text: str) -> None:
    assert code_of(read_envelope, text) == "msg.bad_envelope"


@pytest.mark.parametrize(
    ("id_", "code"),
    [
        ("1", "msg.bad_number"),
        ("1.0", "msg.bad_number"),
        ("true", "msg.bad_number"),
        ("9007199254740993", "msg.bad_number"),
        ('""', "msg.bad_envelope"),
        ("[]", "msg.bad_envelope"),
        ("{}", "msg.bad_envelope"),
        (json.dumps("i" * 65), "msg.bad_envelope"),
        (json.dumps("i" * 10_000), "msg.bad_envelope"),
    ],
    ids=short,
)
def test_an_id_is_a_short_text(id_: str, code: str) -> None:
    assert code_of(read_envelope, f'{{"type":"ping","id":{id_}}}') == code


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ('{"id":"7"}', "msg.bad_envelope", "type"),
        ('{"id":"7","type":5}', "msg.bad_envelope", "type"),
        ('{"id":"7","type":"a","data":[]}', "msg.bad_envelope", "data"),
        ('{"id":"7","type":"a","data":null}', "msg.bad_envelope", "data"),
        ('{"id":"7","type":"a","data":"x"}', "msg.bad_envelope", "data"),
        ('{"id":"7","type":"a","user_id":"1"}', "msg.unknown_field", "user_id"),
        ('{"id":"7","type":"a","seq":1,"role":"owner"}', "msg.unknown_field", "role"),
        (json.dumps({"id": "7", "type": "a", "x" * 900: 1}), "msg.unknown_field", "x" * 80),
        (json.dumps({"id": "7", "type": "t" * 10_000}), "msg.unknown_type", None),
    ],
    ids=short,
)
def test_an_envelope_that_is_wrong_elsewhere_is_answered_by_its_id(text: str, code: str, field: str | None) -> None:
    assert unreadable(text) == (code, "7", field)


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ('{"type":"a","id":"7","data":{"n":NaN}}', "7"),
        ('{"id" : "seven", "type": oops', "seven"),
        ('{"type":"a"', None),
        ('{"id":"7","data":{"id":"8"}, oops', None),
        ('{"id":"a\\"b", oops', None),
        (f'{{"id":"{"x" * 65}", oops', None),
        (" " * 70_000 + '"id":"7"', None),
    ],
    ids=short,
)
def test_the_id_of_a_broken_frame_is_salvaged_where_it_is_plain(text: str, id_: str | None) -> None:
    assert salvage_id(text) == id_


# --- payloads (B15) ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "shape", "code", "field"),
    [
        ({}, RoomJoin, "msg.missing_field", "room"),
        ({"room": "r", "rom": 1}, RoomJoin, "msg.unknown_field", "rom"),
        ({"room": 5}, RoomJoin, "msg.bad_value", "room"),
        ({"room": ""}, RoomJoin, "msg.bad_value", "room"),
        ({"room": "r" * 81}, RoomJoin, "msg.bad_value", "room"),
        ({"room": "r", "since": {"epoch": "e"}}, RoomJoin, "msg.missing_field", "since.seq"),
        ({"room": "r", "since": {"epoch": "e", "seq": "1"}}, RoomJoin, "msg.bad_value", "since.seq"),
        ({"room": "r", "since": {"epoch": "e", "seq": 1, "x": 1}}, RoomJoin, "msg.unknown_field", "since.x"),
        ({"room": "r", "before": True}, RoomHistory, "msg.bad_value", "before"),
        ({"room": "r", "limit": 501}, RoomHistory, "msg.bad_value", "limit"),
        ({"room": "r", "limit": 1.5}, RoomHistory, "msg.bad_value", "limit"),
        ({"capabilities": ["batch", 5]}, Hello, "msg.bad_value", "capabilities[1]"),
        ({"client": {"name": "n" * 121}}, Hello, "msg.bad_value", "client.name"),
        ({"client": {"x" * 500: 1}}, Hello, "msg.unknown_field", ("client." + "x" * 500)[:80]),
    ],
    ids=short,
)
def test_a_payload_that_does_not_fit_names_the_field(data: Any, shape: type, code: str, field: str) -> None:
    with pytest.raises(RealtimeError) as refused:
        read_data(data, shape)
    assert (refused.value.code, refused.value.details) == (code, {"field": field})


def test_a_payload_that_fits_becomes_its_struct() -> None:
    assert read_data({"room": "r", "limit": 5}, RoomHistory) == RoomHistory("r", None, 5)


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str


def refusal_of(read: Callable[..., Any], *args: Any) -> RealtimeError | None:
    try:
        read(*args)
    except Unreadable as refused:
        return refused.error
    except RealtimeError as refused:
        return refused
    return None


@settings(deadline=None)
@given(st.dictionaries(st.text() | st.just("name"), st.none() | st.booleans() | st.integers() | st.text(), max_size=3))
def test_whatever_the_payload_it_fits_or_is_refused_with_a_field(data: dict[str, Any]) -> None:
    refused = refusal_of(read_data, data, Thing)
    fits = data.keys() == {"name"} and isinstance(data["name"], str)
    assert fits == (refused is None)
    assert refused is None or isinstance(refused.details["field"], str)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "id", "data", "x"]), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.text(max_size=200) | values.map(json.dumps))
def test_whatever_the_text_it_is_an_envelope_or_refused_with_a_code(text: str) -> None:
    refused = refusal_of(read_envelope, text)
    assert read_envelope(text).type is not None if refused is None else refused.code in CODES
