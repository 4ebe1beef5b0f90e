"""Texts that merge, as the CRDT engine holds them. Only what the guard has passed comes in here. No Django."""

from __future__ import annotations

import base64
import binascii
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pycrdt import Doc, Text

from bduf_realtime.gateway.errors import RealtimeError
from collaboration.documents.deletions import Range
from collaboration.documents.guard import ROOT, StateVectorRefused, TextShape, read_state_vector
from collaboration.documents.limits import MAX_CLOCK, SNAPSHOT_LIMITS
from collaboration.documents.updates import UpdateOutline, read_update, writers

NOTHING = b"\0"  # the state vector of who has nothing
BYTES_PER_WALK = 64  # of a long text, in the time that it takes to walk over one small update
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
        self._bytes = 0
        self._whole: bytes | None = None  # kept, for many who join ask for it one after the other

    @classmethod
    def of(cls, whole: bytes, clients: Mapping[str, Iterable[int]]) -> MergedText:
        """A text from what `update` and `clients` told of it; raises UpdateRefused for what no engine wrote."""
        text = cls()
        text._survey(whole)  # first: it walks over bytes that may have been damaged
        text._doc.apply_update(whole)
        text.owners = {client: user for user, of_user in clients.items() for client in of_user}
        return text

    def take(self, update: bytes, user: str) -> None:
        """Adds an update that was accepted from a user; clients nobody had before are the user's from now on."""
        outline = read_update(update, SNAPSHOT_LIMITS)
        self._doc.apply_update(update)
        self.shape.extend(outline, self.clocks)
        for client, structs in outline.clients.items():
            if structs.end > self.clocks.get(client, 0):
                self.clocks[client] = structs.end
                self.owners.setdefault(client, user)
        self._bytes += len(update)
        self._whole = None

    def take_all(self, updates: Sequence[tuple[bytes, str]]) -> None:
        """Adds many updates; walks over the whole text once where that is less work than to walk over each."""
        if len(updates) * BYTES_PER_WALK < self._bytes + sum(len(update) for update, _ in updates):
            for update, user in updates:
                self.take(update, user)
        elif updates:
            for update, user in updates:
                self._doc.apply_update(update)
                for client in writers(update):
                    self.owners.setdefault(client, user)
            self._survey(self._doc.get_update())

    def _survey(self, whole: bytes) -> None:
        """Notes what the guard has to know of the whole text."""
        outline = read_update(whole, SNAPSHOT_LIMITS)
        self.clocks = {client: structs.end for client, structs in outline.clients.items()}
        self.shape = TextShape.of(outline)
        self._bytes = len(whole)
        self._whole = whole

    @property
    def clients(self) -> dict[str, list[int]]:
        """The clientIDs of each user; those of the server, by the name of nobody."""
        found: dict[str, list[int]] = defaultdict(list)
        for client, user in sorted(self.owners.items()):
            found[user].append(client)
        return found

    @property
    def weight(self) -> int:
        """The bytes of memory that the text takes, about."""
        pairs = sum(map(len, self.shape.pairs.values()))
        pieces, clients = self.shape.pieces, len(self.clocks)
        return self._bytes + len(self._whole or b"") + 220 * pieces + 300 * clients + 8 * pairs

    def differences(self, other: MergedText) -> list[str]:
        """Names what another text has otherwise; that it knows of more deletions does not count."""
        here, there = self._looks(), other._looks()
        found = [name for name, look in here.items() if look != there[name]]
        if any(any(other.shape.undeleted(*ranges)) for ranges in self.shape.deletions):
            found.append("known deletions")
        return found

    def _looks(self) -> dict[str, Any]:
        text = self._doc.get(ROOT, type=Text)
        return {
            "text": str(text),
            "formatting": text.diff(),
            "state vector": read_state_vector(self.state_vector, max_clients=MAX_CLOCK),
            "deletions": read_update(self.update(), SNAPSHOT_LIMITS).deletes,
            "clocks": self.clocks,
            "owners": self.owners,
        }

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
