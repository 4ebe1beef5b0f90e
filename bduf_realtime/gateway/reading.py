"""Strict reading of client frames: one JSON value, unambiguous and harmless, or a RealtimeError that names why."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from bduf_realtime.gateway.errors import RealtimeError

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
MAX_ID = 64
MAX_TYPE = 80
EARLIEST, LATEST = 1900, 9000  # years

T = TypeVar("T")

# An unterminated string matches to the end of the text: else every quote in it would start a new, quadratic try.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_ID = re.compile(r'"id"\s{0,8}:\s{0,8}"([^"\\]{1,64})"')
_BRACKETS = re.compile(r"[\[\]{}]")


class Envelope(msgspec.Struct, frozen=True):
    """The outer shape of every client frame; `data` is still unread."""

    type: str
    id: str | None
    data: dict[str, Any]


class Unreadable(Exception):
    """A frame that has an id but no readable rest: the error can still name the frame it answers."""

    def __init__(self, error: RealtimeError, id_: str | None) -> None:
        super().__init__(error.code)
        self.error = error
        self.id = id_


def read_json(text: str) -> Any:
    """Reads one JSON value as the protocol allows it; raises RealtimeError.

    The standard library's scanner is taken for its hooks: it is the one C parser here that lets duplicate keys
    and every literal number be seen (msgspec keeps the last of two equal keys without a word).
    """
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except RealtimeError:
        raise
    except (ValueError, RecursionError) as error:
        raise RealtimeError("msg.bad_json") from error
    if "\\u" in text:
        _check_text(value)
    return value


def salvage_id(text: str) -> str | None:
    """The id of a frame that cannot be read, if it plainly has one."""
    found = _ID.findall(text[:65_536])
    return found[0] if len(found) == 1 else None


def read_envelope(text: str) -> Envelope:
    """Reads a frame's outer shape; raises RealtimeError, or Unreadable where the frame's id is known."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise RealtimeError("msg.bad_envelope", "A frame is a JSON object.")
    id_ = value.get("id")
    if isinstance(id_, int | float):
        raise RealtimeError("msg.bad_number", "The id is a string, not a number.", details={"field": "id"})
    if id_ is not None and (not isinstance(id_, str) or not 0 < len(id_) <= MAX_ID):
        raise RealtimeError("msg.bad_envelope", f"The id is a string of 1 to {MAX_ID} characters.")
    type_, data = value.get("type"), value.get("data", {})
    if not isinstance(type_, str):
        problem = RealtimeError("msg.bad_envelope", "A frame needs a type, a string.", details={"field": "type"})
    elif not isinstance(data, dict):
        problem = RealtimeError("msg.bad_envelope", "data is an object.", details={"field": "data"})
    elif len(type_) > MAX_TYPE:
        problem = RealtimeError("msg.unknown_type")
    elif unknown := value.keys() - {"type", "id", "data"}:
        problem = RealtimeError("msg.unknown_field", details={"field": sorted(unknown)[0][:MAX_TYPE]})
    else:
        return Envelope(type_, id_, data)
    raise Unreadable(problem, id_)


_FAULTS = {
    "Object contains unknown field `": "msg.unknown_field",
    "Object missing required field `": "msg.missing_field",
}


def read_data(data: dict[str, Any], shape: type[T]) -> T:
    """Reads a command's payload into its struct; raises RealtimeError with the field's path in `details.field`."""
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from error


def read_moment(moment: datetime | None, field: str) -> datetime | None:
    """A moment that every clock and database here can hold, in whatever zone; raises msg.bad_value."""
    if moment is not None and not EARLIEST < moment.year < LATEST:
        raise RealtimeError(
            "msg.bad_value", f"A year is after {EARLIEST}, and before {LATEST}.", details={"field": field}
        )
    return moment


def _explained(problem: str) -> RealtimeError:
    # No pattern: the client's own field names and values stand in here, and are as long as the frame.
    message, found, path = problem.replace(" - at `key` in `$", " - at `$").rpartition(" - at `$")
    if not found:
        message, path = problem, ""
    path = path.rstrip("`").lstrip(".")
    for fault, code in _FAULTS.items():
        if message.startswith(fault):
            field = f"{path}.{message.removeprefix(fault).removesuffix('`')}".lstrip(".")
            return RealtimeError(code, details={"field": field[:MAX_TYPE]})
    return RealtimeError("msg.bad_value", message[:200], details={"field": path[:MAX_TYPE] or "data"})


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise RealtimeError("msg.too_deep", f"Frames may be nested {MAX_DEPTH} levels deep.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise RealtimeError(
            "msg.duplicate_key", details={"field": twice.encode("utf-8", "replace").decode()[:MAX_TYPE]}
        )
    return value


def _integer(literal: str) -> int:
    # Refused by its length first: turning a huge literal into a number costs quadratic time.
    if len(literal) > 17 or literal == "-0" or abs(int(literal)) > MAX_INTEGER:
        raise RealtimeError("msg.bad_number", "Whole numbers must be within ±(2^53-1).")
    return int(literal)


def _float(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise RealtimeError("msg.bad_number", "Numbers must be finite.")
    return value


def _constant(literal: str) -> Any:
    raise RealtimeError("msg.bad_number", f"{literal} is not a JSON number.")


def _check_text(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += item.keys()
            pending += item.values()
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str) and not _clean(item):
            raise RealtimeError("msg.bad_text")


def _clean(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
