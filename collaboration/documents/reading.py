"""Reading lib0's encoding byte by byte: numbers, strings, JSON and `Any` values, without recursion. Pure.

Every reader takes the bytes and a position and returns the position behind what it read. A read past the end raises
IndexError or leaves a position beyond the end; whoever starts a reading turns both into a refusal.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_INTEGER = 2**53 - 1  # what JavaScript counts exactly; pycrdt takes a client of 2^53 for client 0
MAX_VALUES = 10_000  # in one struct: 5 ms
MAX_DEPTH = 64  # pycrdt reads nested values by recursion, and dies with SIGSEGV at about 25,900 levels

_BRACKETS = re.compile(r"[\[\]{}]")
# An unterminated string matches to the end of the text: else every quote in it would start a new, quadratic try.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_SIMPLE = re.compile(r'"[^"\\\x00-\x1f]*"|-?(?:0|[1-9]\d{0,14})|null|true|false')
_ODD_NUMBER = re.compile(r"\d{300}|\d[eE]")  # may be infinite


class Unreadable(Exception):
    """Bytes that cannot be read, or must not be; `reason` is `encoding`, `depth` or `size`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_long(data: bytes, at: int, first: int) -> tuple[int, int]:
    """Reads on in an unsigned number whose first byte announced more; returns the number and the next position.

    Callers read a number of one byte in place, which most are. Raises Unreadable beyond 2^53-1, which ends every
    number after eight bytes, and for a padded number: the engines disagree about what those mean.
    """
    number = first & 127
    shift = 7
    while shift < 56:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            if not byte:
                raise Unreadable("encoding", "A number is padded.")
            if number > MAX_INTEGER:
                break
            return number, at
        shift += 7
    raise Unreadable("encoding", "A number is larger than 2^53-1.")


def read_number(data: bytes, at: int) -> tuple[int, int]:
    """Reads an unsigned number."""
    first = data[at]
    return (first, at + 1) if first < 128 else read_long(data, at + 1, first)


def read_slice(data: bytes, at: int) -> tuple[bytes, int]:
    """Reads bytes that are preceded by their number."""
    length, at = read_number(data, at)
    end = at + length
    if end > len(data):
        raise IndexError
    return data[at:end], end


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """Reads a UTF-8 string that is preceded by its number of bytes; pycrdt does not check it, and must be able to."""
    raw, at = read_slice(data, at)
    return decode(raw), at


def decode(raw: bytes) -> str:
    """Decodes UTF-8 as strictly as browsers do."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Unreadable("encoding", "A string is not UTF-8.") from None


def check_json(text: str) -> None:
    """Raises Unreadable unless browsers and pycrdt read the text as the same JSON value, up to 64 levels deep."""
    if _SIMPLE.fullmatch(text):
        return
    if text.count("[") + text.count("{") > MAX_DEPTH:
        depth = 0
        for bracket in _BRACKETS.finditer(_STRING.sub("", text)):
            depth += 1 if bracket[0] in "[{" else -1
            if depth > MAX_DEPTH:
                raise Unreadable("depth", f"JSON is nested deeper than {MAX_DEPTH}.")
    try:
        if _ODD_NUMBER.search(text):
            value = json.loads(text, parse_int=_finite, parse_float=_finite, parse_constant=_refuse_number)
        else:
            value = json.loads(text, parse_constant=_refuse_number)
    except ValueError:
        raise Unreadable("encoding", "A value is not JSON.") from None
    if "\\u" in text:
        _refuse_half_characters(value)


def _finite(literal: str) -> float:
    # As a float whatever its length: an integer literal of a megabyte would take quadratic time.
    number = float(literal)
    if not math.isfinite(number):
        _refuse_number(literal)
    return number


def _refuse_number(literal: str) -> NoReturn:
    raise Unreadable("encoding", "A JSON number is not finite.")


def _refuse_half_characters(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += item.keys()
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise Unreadable("encoding", "A JSON string has half a character.") from None


_EMPTY, _INTEGER, _FLOAT32, _FLOAT64, _BIGINT, _TEXT, _OBJECT, _ARRAY, _BYTES = range(9)
_ANY = {
    127: _EMPTY,  # undefined
    126: _EMPTY,  # null
    125: _INTEGER,
    124: _FLOAT32,
    123: _FLOAT64,
    122: _BIGINT,
    121: _EMPTY,  # false
    120: _EMPTY,  # true
    119: _TEXT,
    118: _OBJECT,
    117: _ARRAY,
    116: _BYTES,
}
_FIXED = {_EMPTY: 0, _FLOAT32: 4, _FLOAT64: 8, _BIGINT: 8}


def skip_any(data: bytes, at: int) -> int:
    """Walks over one `Any` value, and returns the position behind it.

    Floats may be NaN or infinite: Yjs writes those here, and reads them back. Raises Unreadable for nesting beyond 64,
    unknown tags, more than 10,000 values, and more elements than the remaining bytes can hold.
    """
    size = len(data)
    left = [1]  # values still to come, per level
    keyed = [False]
    values = 0
    while left:
        if not left[-1]:
            left.pop()
            keyed.pop()
            continue
        left[-1] -= 1
        values += 1
        if keyed[-1]:
            _, at = read_text(data, at)
        kind = _ANY.get(data[at])
        at += 1
        if kind is None:
            raise Unreadable("encoding", "A value is of an unknown kind.")
        if kind in _FIXED:
            at += _FIXED[kind]
        elif kind == _TEXT:
            _, at = read_text(data, at)
        elif kind == _BYTES:
            _, at = read_slice(data, at)
        elif kind == _INTEGER:
            at = _skip_signed(data, at)
        else:
            if len(left) > MAX_DEPTH:
                raise Unreadable("depth", f"A value is nested deeper than {MAX_DEPTH}.")
            count, at = read_number(data, at)
            if count << (kind == _OBJECT) > size - at:
                raise Unreadable("encoding", "A value announces more than follows.")
            if values + count > MAX_VALUES:
                raise Unreadable("size", f"A value consists of up to {MAX_VALUES}.")
            left.append(count)
            keyed.append(kind == _OBJECT)
    return at


def _skip_signed(data: bytes, at: int) -> int:
    byte = data[at]
    at += 1
    number, shift = byte & 63, 6
    while byte > 127:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if number > MAX_INTEGER or shift > 62:
            raise Unreadable("encoding", "An integer is larger than 2^53-1.")
    return at
