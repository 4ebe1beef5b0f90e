"""Numbers, strings, JSON and `Any` values, read without trust."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaboration.documents.frames import write_number
from collaboration.documents.reading import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_VALUES,
    Unreadable,
    check_json,
    read_number,
    read_text,
    skip_any,
)
from tests.collaboration.documents.handwritten import seconds


@given(st.integers(0, MAX_INTEGER))
def test_a_number_is_read_as_it_was_written(number: int) -> None:
    written = write_number(number)
    assert read_number(written + b"\xff", 0) == (number, len(written))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(write_number(MAX_INTEGER + 1), id="2^53"),
        pytest.param(write_number(2**64 - 1), id="2^64-1"),
        pytest.param(b"\x80\x00", id="padded nought"),
        pytest.param(b"\x81\x80\x00", id="padded one"),
        pytest.param(b"\xff" * 11, id="eleven bytes"),
    ],
)
def test_a_number_that_engines_disagree_about_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read_number(data, 0)
    assert refused.value.reason == "encoding"


@pytest.mark.parametrize("size", [65_536, 1_048_576])
def test_a_number_without_end_is_refused_after_eight_bytes(size: int) -> None:
    data = b"\xff" * size

    def read() -> None:
        with pytest.raises(Unreadable):
            read_number(data, 0)

    assert seconds(read) < 0.005


def test_a_string_must_be_utf_8_and_all_there() -> None:
    assert read_text(b"\x04\xf0\x9f\x98\x80", 0) == ("😀", 5)
    with pytest.raises(IndexError):
        read_text(b"\x05\xf0\x9f\x98\x80", 0)
    for wrong in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
        with pytest.raises(Unreadable):
            read_text(bytes((len(wrong),)) + wrong, 0)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "true",
        "0",
        "-0",
        "1.5e3",
        "1e300",
        '"a\\n\\ud83d\\ude00"',
        "[1,[2]]",
        '{"a":{"b":[]}}',
        " [ ] ",
        "1" + "0" * 308,
    ],
    ids=lambda text: text[:20],
)
def test_json_that_browsers_write_is_read(text: str) -> None:
    check_json(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "NaN",
            "-Infinity",
            "1e999",
            "9" * 400,
            "[1",
            "01",
            "'a'",
            '"\n"',
            "{1:2}",
            "[1,]",
            "\ufeff1",
            "nul",
            "1 2",
        ),
        *('"\\ud800"', '{"\\udc00":1}', '["\\udc00\\ud800"]'),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_json_that_one_engine_would_not_read_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as refused:
        check_json(text)
    assert refused.value.reason == "encoding"


def test_json_is_nested_as_deep_as_it_may_be_and_no_deeper() -> None:
    check_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    check_json(json.dumps("[" * 10_000))
    for deep in ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), '{"a":' * 10_000, "[" * 1_000_000):
        with pytest.raises(Unreadable) as refused:
            check_json(deep)
        assert refused.value.reason == "depth"


@pytest.mark.parametrize(
    "value",
    [
        b"\x7f",
        b"\x7e",
        b"\x7d\x01",
        b"\x7d\xc0\x01",
        b"\x7c\x7f\x80\x00\x00",
        b"\x7b\x7f\xf8\x00\x00\x00\x00\x00\x00",
        b"\x7a" + bytes(8),
        b"\x79",
        b"\x78",
        b"\x77\x01a",
        b"\x76\x01\x01a\x7e",
        b"\x75\x02\x7e\x75\x00",
        b"\x74\x03\xff\xff\xff",
    ],
    ids=lambda value: value[:3].hex(),
)
def test_a_value_of_every_kind_is_walked_to_its_end(value: bytes) -> None:
    assert skip_any(value + b"\x00", 0) == len(value)
    with contextlib.suppress(IndexError):
        assert skip_any(value[:-1], 0) > len(value) - 1  # a position beyond the end is the caller's to refuse


def test_values_are_nested_as_deep_as_they_may_be_and_no_deeper() -> None:
    assert skip_any(b"\x75\x01" * MAX_DEPTH + b"\x7e", 0) == 2 * MAX_DEPTH + 1
    assert skip_any(b"\x76\x01\x01a" * MAX_DEPTH + b"\x7e", 0) == 4 * MAX_DEPTH + 1
    for deep in (b"\x75\x01" * 26_000 + b"\x7e", b"\x76\x01\x01a" * 26_000 + b"\x7e"):
        with pytest.raises(Unreadable) as refused:
            skip_any(deep, 0)
        assert refused.value.reason == "depth"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x73", "encoding"),
        (b"\x80", "encoding"),
        (b"\x75\x05\x7e\x7e", "encoding"),
        (b"\x76\x02\x01a\x7e", "encoding"),
        (b"\x75\xff\xff\xff\xff\x0f", "encoding"),
        (b"\x7d" + b"\xff" * 9 + b"\x01", "encoding"),
        (b"\x75" + write_number(MAX_VALUES) + b"\x7e" * MAX_VALUES, "size"),
    ],
    ids=lambda value: str(value[:4]),
)
def test_a_value_that_promises_more_than_it_holds_or_is_of_no_kind_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        skip_any(value, 0)
    assert refused.value.reason == reason
