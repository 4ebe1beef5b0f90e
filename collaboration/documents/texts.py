"""Texts that merge, as the CRDT engine holds them. Only what the guard has passed comes in here. No Django."""

from __future__ import annotations

import base64
import binascii
from array import array
from collections.abc import Iterator

from pycrdt import Doc, Text

from bduf_realtime.gateway.errors import RealtimeError
from collaboration.documents.deletions import Range
from collaboration.documents.guard import ROOT, StateVectorRefused, TextShape, read_state_vector
from collaboration.documents.limits import SNAPSHOT_LIMITS
from collaboration.documents.updates import UpdateOutline, read_update

NOTHING = b"\0"  # the state vector of who has nothing
SEED_CLIENT = 1  # writes what a document begins with; nobody else writes under its number there


def seed(content: str) -> bytes:
    """Returns the update that a document begins with; the same for the same text."""
    doc: Doc[Text] = Doc(client_id=SEED_CLIENT)
    text = doc.get(ROOT, type=Text)
    text += content
    return doc.get_update()


class MergedText:
    """A text and what the guard has to know of it, made by taking its updates in order."""

    def __init__(self) -> None:
        self._doc: Doc[Text] = Doc(client_id=0)
        self.clocks: dict[int, int] = {}
        self.owners: dict[int, str] = {}
        self.shape = TextShape()
        self.bytes = 0
        self._whole: bytes | None = None  # kept, for many who join ask for it one after the other

    def take(self, update: bytes, user: str) -> None:
        """Adds an update that was accepted from a user; clients nobody had before are the user's from now on."""
        outline = read_update(update, SNAPSHOT_LIMITS)
        self._doc.apply_update(update)
        self.shape.extend(outline, self.clocks)
        for client, structs in outline.clients.items():
            if structs.end > self.clocks.get(client, 0):
                self.clocks[client] = structs.end
                self.owners.setdefault(client, user)
        self.bytes += len(update)
        self._whole = None

    def update(self, state_vector: bytes | None = None) -> bytes:
        """Returns all of the text as one update, or what of it a state vector lacks."""
        if state_vector not in (None, NOTHING):
            return self._doc.get_update(state_vector)
        if self._whole is None:
            self._whole = self._doc.get_update()
        return self._whole

    def lacks(self, outline: UpdateOutline) -> bool:
        """Says whether an update holds structs or deletions that are not in the text."""
        return any(
            structs.end > self.clocks.get(client, 0) for client, structs in outline.clients.items()
        ) or not self.shape.knows_deletions(outline)

    @property
    def state_vector(self) -> bytes:
        return self._doc.get_state()

    def __str__(self) -> str:
        return str(self._doc.get(ROOT, type=Text))


class ShapeAbove(TextShape):
    """A text's shape with what edits add to it that are still to be committed; the text's own stays as it is."""

    __slots__ = ("_below",)

    def __init__(self, below: TextShape) -> None:
        super().__init__()
        self._below = below
        self.places = below.places + below.deletions.count
        if below.pairs:
            self.pairs[-1] = array("I")  # no client's: has the guard look

    def cuts(self, client: int, clock: int) -> bool:
        return super().cuts(client, clock) or self._below.cuts(client, clock)

    def jumped(self, client: int, first: int, last: int) -> bool:
        return super().jumped(client, first, last) or self._below.jumped(client, first, last)

    def undeleted(self, client: int, start: int, end: int) -> Iterator[Range]:
        for gap in self._below.undeleted(client, start, end):
            yield from super().undeleted(client, *gap)


def encoded(data: bytes) -> str:
    """Bytes as JSON carries them: in base64."""
    return base64.b64encode(data).decode()


def decoded(text: str, field: str) -> bytes:
    """Reads base64; raises msg.bad_value."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RealtimeError("msg.bad_value", f"{field} is base64.", details={"field": field}) from error


def state_vector_checked(data: bytes) -> bytes:
    """Returns a state vector that the engine may see; raises doc.bad_state_vector."""
    try:
        read_state_vector(data)
    except StateVectorRefused as error:
        raise RealtimeError("doc.bad_state_vector", str(error)) from error
    return data
