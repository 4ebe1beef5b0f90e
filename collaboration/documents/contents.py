"""What the structs of a Yjs update hold, one reader for each content reference. Pure.

Every reader returns how many clocks the content takes, and the position behind it.
"""

from __future__ import annotations

from collections.abc import Callable

from collaboration.documents.limits import UpdateLimits, UpdateRefused
from collaboration.documents.reading import (
    MAX_VALUES,
    check_json,
    read_number,
    read_slice,
    read_text,
    skip_any,
)

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, DOC, SKIP = range(11)
TEXT = 1 << DELETED | 1 << STRING | 1 << EMBED | 1 << FORMAT  # what a text consists of

_XML_ELEMENT, _XML_HOOK, _LAST_TYPE = 3, 5, 6


def skip_name(data: bytes, at: int, limits: UpdateLimits) -> int:
    name, at = read_text(data, at)
    if len(name) > limits.name:
        raise UpdateRefused("size", f"A name has up to {limits.name} characters.")
    return at


def _skip_json(data: bytes, at: int, limits: UpdateLimits) -> int:
    value, at = read_text(data, at)
    if len(value) > limits.value:
        raise UpdateRefused("size", f"A value has up to {limits.value} characters.")
    check_json(value)
    return at


def _read_count(data: bytes, at: int) -> tuple[int, int]:
    count, at = read_number(data, at)
    if count > len(data) - at:
        raise UpdateRefused("encoding", "A struct announces more than follows.")
    if count > MAX_VALUES:
        raise UpdateRefused("size", f"A struct has up to {MAX_VALUES} values.")
    return count, at


def _read_deleted(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    return read_number(data, at)


def _read_json(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    count, at = _read_count(data, at)
    for _ in range(count):
        value, at = read_text(data, at)
        if value != "undefined":
            check_json(value)
    return count, at


def _read_binary(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    _, at = read_slice(data, at)
    return 1, at


def _read_embed(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    return 1, _skip_json(data, at, limits)


def _read_format(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    return 1, _skip_json(data, skip_name(data, at, limits), limits)


def _read_type(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    kind = data[at]
    if kind > _LAST_TYPE:
        raise UpdateRefused("encoding", "A type is of an unknown kind.")
    at += 1
    return 1, skip_name(data, at, limits) if kind in (_XML_ELEMENT, _XML_HOOK) else at


def _read_any(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    count, at = _read_count(data, at)
    for _ in range(count):
        at = skip_any(data, at)
    return count, at


def _read_doc(data: bytes, at: int, limits: UpdateLimits) -> tuple[int, int]:
    return 1, skip_any(data, skip_name(data, at, limits))


# By content reference; updates.py reads a GC and a String itself.
CONTENT: tuple[Callable[[bytes, int, UpdateLimits], tuple[int, int]], ...] = (
    _read_deleted,
    _read_deleted,
    _read_json,
    _read_binary,
    _read_binary,
    _read_embed,
    _read_format,
    _read_type,
    _read_any,
    _read_doc,
)
