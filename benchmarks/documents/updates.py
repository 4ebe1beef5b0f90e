"""The Yjs updates that the typists send, and what of them an incoming one holds."""

from __future__ import annotations

import random
from collections.abc import Iterator

from collaboration.documents.frames import write_number
from collaboration.documents.limits import SNAPSHOT_LIMITS
from collaboration.documents.updates import read_update

ROOT = b"content"
NOTHING = b"\x00\x00"  # an update without structs and deletions
SENTENCE = "The quick brown fox jumps over the lazy dog and then types another line. "
STRING, HAS_ORIGIN, HAS_RIGHT_ORIGIN = 0x04, 0x80, 0x40

Id = tuple[int, int]  # a client and a clock
Span = tuple[int, int, int]  # a client, and from which clock to which (exclusive) its text came


def inserted(client: int, clock: int, text: str, left: Id | None, right: Id | None) -> bytes:
    """Returns the update of ASCII put between two characters; None is the start, or the end, of the text."""
    info = STRING | (HAS_ORIGIN if left else 0) | (HAS_RIGHT_ORIGIN if right else 0)
    places = [write_number(number) for place in (left, right) if place for number in place]
    if not places:
        places = [b"\x01", _counted(ROOT)]
    head = b"\x01\x01" + write_number(client) + write_number(clock)
    return head + bytes((info,)) + b"".join(places) + _counted(text.encode()) + b"\x00"


def typed(client: int, clock: int, text: str) -> bytes:
    """Returns what Yjs sends when a client goes on behind its own last character, or starts."""
    return inserted(client, clock, text, (client, clock - 1) if clock else None, None)


def paragraphs(count: int, *, length: int = 1_000, authors: int = 10) -> Iterator[bytes]:
    """Yields a text of `count` paragraphs, written in turn by some authors, each behind what it wrote before."""
    text = (SENTENCE * (length // len(SENTENCE) + 1))[:length]
    for number in range(count):
        yield typed(1_000_000_000 + number % authors, number // authors * length, text)


def keystrokes(count: int, *, burst: int = 10, authors: int = 20) -> Iterator[bytes]:
    """Yields `count` updates of one character: authors in turn type a burst somewhere in what is there already."""
    chance = random.Random(1)
    order: list[Id] = []
    clocks = dict.fromkeys(range(2_000_000_000, 2_000_000_000 + authors), 0)
    for _ in range(count // burst):
        client = chance.choice(list(clocks))
        at = chance.randint(0, len(order))
        left = order[at - 1] if at else None
        right = order[at] if at < len(order) else None
        for nth in range(burst):
            clock = clocks[client] + nth
            yield inserted(client, clock, SENTENCE[clock % len(SENTENCE)], left, right)
            left = client, clock
        order[at:at] = [(client, clocks[client] + nth) for nth in range(burst)]
        clocks[client] += burst


class Reader:
    """Tells what an update holds, and remembers it: all receivers of a document get the same bytes."""

    def __init__(self) -> None:
        self._known: dict[bytes, list[Span]] = {}

    def spans(self, update: bytes) -> list[Span]:
        """Returns which clocks of which clients an update brings."""
        known = self._known.get(update)
        if known is None:
            clients = read_update(update, SNAPSHOT_LIMITS).clients
            known = self._known[update] = [(client, of.clock, of.end) for client, of in clients.items()]
        return known


def characters(update: bytes) -> int:
    """Counts the characters that an update brings."""
    return sum(end - start for _, start, end in Reader().spans(update))


def _counted(raw: bytes) -> bytes:
    return write_number(len(raw)) + raw
