"""How edits of keyed values are told apart from each other: the last one wins, or the one that knew. Pure.

`merge` needs no rule of ours: the CRDT is its own (texts.py, guard.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import NamedTuple

MERGE, LAST_WRITE_WINS, REJECT = "merge", "last_write_wins", "reject"
MAX_KEY = 200  # characters
MAX_KEYS = 1_000  # of a document
MAX_CHANGES = 100  # of an edit


class Field(NamedTuple):
    """A key's value, as JSON, and the number of the event that wrote it."""

    value: str
    seq: int


Changes = Mapping[str, str]  # new values, as JSON, by key


def last_of_each(changes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Returns an edit's new values by key; of several for one key the last counts."""
    return dict(changes)


def conflicts(fields: Mapping[str, Field], changes: Changes, base: int) -> dict[str, Field]:
    """Returns what an edit would overwrite unseen: those of its keys that were written after `base`."""
    return {key: fields[key] for key in changes if key in fields and fields[key].seq > base}


def growth(fields: Mapping[str, Field], changes: Changes) -> int:
    """Returns by how many bytes an edit lets a document grow; less than none where it shrinks."""
    return sum(
        len(value.encode()) - len(fields[key].value.encode()) if key in fields else weight(key, value)
        for key, value in changes.items()
    )


def weight(key: str, value: str) -> int:
    """Returns the bytes of a key and its value."""
    return len(key.encode()) + len(value.encode())


def write(fields: MutableMapping[str, Field], changes: Changes, seq: int) -> None:
    """Puts an edit into a document; each of its keys then carries the edit's number."""
    for key, value in changes.items():
        fields[key] = Field(value, seq)
