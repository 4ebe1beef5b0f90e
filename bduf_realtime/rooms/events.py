"""The one encoding of an event and of an ack: built once, then logged, fanned out and replayed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec


class Author(msgspec.Struct, frozen=True):
    """Who did it, and over which connection; empty strings when the server did."""

    user: str
    name: str
    kind: str
    connection: str = ""


class Event(msgspec.Struct, frozen=True):
    """An event as clients see it; `data` is already encoded."""

    type: str
    room: str
    epoch: str
    seq: int
    at: str
    by: Author
    data: msgspec.Raw


class Ack(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a command; room, epoch and seq are set when it appended to a log."""

    type: str
    id: str
    data: msgspec.Raw
    room: str | None = None
    epoch: str | None = None
    seq: int | None = None


class CommandKey(msgspec.Struct, frozen=True):
    """What makes a resend recognisable, and a fingerprint of the body it must repeat."""

    user: str
    instance: str
    id: str
    fingerprint: str


class Appended(msgspec.Struct, frozen=True):
    """An event that has its number; `connection` is its author's, empty when it came through another door."""

    room: str
    epoch: str
    seq: int
    type: str
    frame: bytes
    connection: str = ""


class IdConflict(Exception):
    """The id was used before for a command with another body."""


class NoSuchRoom(Exception):
    """There is no log of that name."""


encode = msgspec.json.Encoder().encode


def fingerprint(type_: str, data: Any) -> str:
    """A digest that two commands share only when type and body are the same, whatever the order of keys."""
    body = msgspec.json.encode([type_, data], order="sorted")
    return hashlib.blake2b(body, digest_size=16).hexdigest()


@lru_cache(maxsize=16)  # the events of a batch share one
def timestamp(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def event_frame(type_: str, room: str, epoch: str, seq: int, at: datetime, by: Author, data: bytes) -> bytes:
    """Encodes an event; `data` is its encoded payload."""
    return encode(Event(type_, room, epoch, seq, timestamp(at), by, msgspec.Raw(data)))


def ack_frame(id_: str, data: bytes, appended: Appended | None = None) -> bytes:
    """Encodes an ack; with `appended` it says where the command's event stands."""
    if appended is None:
        return encode(Ack("ack", id_, msgspec.Raw(data)))
    return encode(Ack("ack", id_, msgspec.Raw(data), appended.room, appended.epoch, appended.seq))
