"""What goes over the wire: commands, events, answers. Docstrings are documentation for clients."""

from __future__ import annotations

from typing import Any

import msgspec


class Causer(msgspec.Struct, frozen=True):
    """Who caused a notification."""

    user: str
    name: str


class NotificationInfo(msgspec.Struct, frozen=True):
    """A notification. `link` is a path of the workspace; `sent` is how often it was put before you.

    With `must_act` it is told again from time to time until `settled_at`: then there is nothing to act on any more.
    """

    id: str
    kind: str
    title: str
    body: str
    link: str
    project: str | None
    session: str | None
    data: dict[str, Any]
    by: Causer | None
    must_act: bool
    created_at: str
    read_at: str | None
    settled_at: str | None
    sent: int


class NotificationCreated(msgspec.Struct, frozen=True):
    """You are told something, for the first time or again; `unread` is how many you have not read."""

    notification: NotificationInfo
    unread: int


class NotificationRead(msgspec.Struct, frozen=True):
    """You have read some, on whatever device, or all there were; `unread` is how many are left."""

    ids: list[str]
    all: bool
    unread: int


EVENTS: dict[str, type[msgspec.Struct]] = {
    "notification:created": NotificationCreated,
    "notification:read": NotificationRead,
}
