"""Cursors as Yjs clients know them: awareness states, read without trust and rebuilt from validated cursors. Pure.

Nothing of a client's awareness reaches others but a cursor between two places of the text. Who it is, and in which
colour, the server says. Format: y-protocols 1.0, awareness.js; the fields are those of y-codemirror.next and
y-prosemirror.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, TypeGuard

import msgspec

from collaboration.documents.guard import ROOT
from collaboration.documents.limits import MAX_CLOCK

MAX_CLIENT = 2**53
GONE = "null"  # the awareness of a client that left
# Dark enough for white names on them, and far enough from each other.
COLORS = (
    *("#b42318", "#b54708", "#8a6100", "#4d7c0f", "#15803d", "#0f766e"),
    *("#0e7490", "#1d4ed8", "#4338ca", "#7e22ce", "#a21caf", "#be185d"),
)


class Place(NamedTuple):
    """Where a client's cursor is: `position` is its head, empty where the client is there and has no cursor."""

    position: dict[str, Any]
    selection: dict[str, Any] | None


class _Cursor(msgspec.Struct):
    user: str
    name: str
    kind: str
    connection: str
    document: str | None
    position: dict[str, Any] | None
    selection: dict[str, Any] | None


def read_place(state: str, limit: int) -> Place:
    """Returns the cursor in a client's awareness state, a JSON object that was checked; what is no cursor is none."""
    cursor = msgspec.json.decode(state).get("cursor")
    if isinstance(cursor, dict):
        anchor, head = cursor.get("anchor"), cursor.get("head")
        if _is_relative(anchor) and _is_relative(head):
            selection = {"anchor": anchor, "head": head}
            if len(msgspec.json.encode(selection)) <= limit:
                return Place(head, selection)
    return Place({}, None)


@lru_cache(maxsize=4_096)
def state_of(entry: str, document: str) -> str:
    """Returns the awareness state that shows a cursor, as JSON, in a document; GONE where it is not there."""
    cursor = msgspec.json.decode(entry, type=_Cursor)
    if cursor.position is None or cursor.document != document:
        return GONE
    ends = cursor.selection or {}
    anchor, head = ends.get("anchor", cursor.position), ends.get("head", cursor.position)
    shown = {"anchor": anchor, "head": head} if _is_relative(anchor) and _is_relative(head) else None
    color = color_of(cursor.user)
    user = {"id": cursor.user, "name": cursor.name, "kind": cursor.kind, "color": color, "colorLight": f"{color}33"}
    return msgspec.json.encode({"user": user, "cursor": shown}).decode()


@lru_cache(maxsize=4_096)
def client_of(connection: str) -> int:
    """Returns the clientID under which others see a connection: the same on every instance, and of 32 bits."""
    return int.from_bytes(blake2b(connection.encode(), digest_size=4).digest(), "big")


def color_of(user: str) -> str:
    """Returns the colour of a user, by the beginning of the id; clients reckon alike."""
    return COLORS[int(user[:8], 16) % len(COLORS)]


def _is_relative(place: Any) -> TypeGuard[dict[str, Any]]:
    """Says whether this is a relative position of Yjs in the document's text."""
    if not isinstance(place, dict) or not place or place.keys() - {"type", "tname", "item", "assoc"}:
        return False
    assoc = place.get("assoc") or 0
    return (
        place.get("tname") in (None, ROOT)
        and isinstance(assoc, int)
        and -MAX_CLOCK < assoc < MAX_CLOCK
        and all(place.get(name) is None or _is_id(place[name]) for name in ("type", "item"))
    )


def _is_id(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"client", "clock"}:
        return False
    client, clock = value["client"], value["clock"]
    return isinstance(client, int) and isinstance(clock, int) and 0 <= client <= MAX_CLIENT and 0 <= clock < MAX_CLOCK
