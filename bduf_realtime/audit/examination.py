"""Tells what was done to a chain from its rows alone, in one pass and little memory.

An entry proves its own place: its hash covers its `seq`. Rows that prove nothing are compared, at the end of
the pass, with the places that no row proves: in such a place a row was edited, elsewhere it was inserted, and
a place left over lost its row. A row that proves another place than the one it stands at was reordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from bduf_realtime.audit.chain import ChainKey, entry_hash

Span = tuple[int, int]  # first and last seq, both included

HEAD_FORGED = "audit:head:forged"  # the action an append records when it meets a head that was set by hand
LOOSE_ROWS = 100  # rows without a known place that are kept until the end of the pass
NEAR = 8  # seqs ahead where a row is looked for, when rows before it are gone and it was renumbered


class Kind(StrEnum):
    """What was done."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    CUT_TAIL = "cut tail"
    FORGED_HEAD = "forged head"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, from `seq` to `last` of a chain."""

    chain: str
    seq: int
    kind: Kind
    detail: str
    last: int


class Row(NamedTuple):
    """An entry as the database returns it; nothing in it can be trusted, its types included."""

    seq: Any
    at: Any
    actor_id: Any
    actor_name: Any
    actor_kind: Any
    acts_for: Any
    door: Any
    action: Any
    target: Any
    details: Any
    previous_hash: Any
    hash: Any


class Head(NamedTuple):
    """A chain's head as stored, and whether its seal holds."""

    chain: str
    seq: int
    hash: str
    sealed: bool


@dataclass
class Examination:
    """Reads one chain's rows in the order of their seq, then says what is wrong with them.

    `last_seq` is the highest seq stored: its distance from the head tells how far rows were renumbered.
    """

    head: Head
    keys: Sequence[ChainKey]
    last_seq: int

    reached: int = 0  # highest place read
    proven: int = 0  # highest place some row proves
    doubtful_before: int = 0  # rows read just before this one that prove nothing
    shift: int = 0  # how far the last row that proved another place stands behind it
    neighbour: tuple[int, str] = (0, "")  # the last row that stands in its place
    gaps: list[Span] = field(default_factory=list)
    doubtful: list[Span] = field(default_factory=list)
    moved: list[tuple[Span, int]] = field(default_factory=list)
    proven_elsewhere: list[Span] = field(default_factory=list)
    loose: list[tuple[int, Row]] = field(default_factory=list)
    others: list[Finding] = field(default_factory=list)

    def read(self, row: Row) -> None:
        """Takes the next row."""
        place = row.seq if isinstance(row.seq, int) else self.reached + 1
        if place > self.reached + 1:
            self.gaps.append((self.reached + 1, place - 1))
        true = next((seq for seq in self.guesses(place) if self.proves(row, seq)), None)
        if true is None:
            extend(self.doubtful, place)
            if place == self.neighbour[0]:  # a second row with this seq: the unique constraint is gone
                extend(self.proven_elsewhere, place)
            self.doubtful_before += 1
            if len(self.loose) < LOOSE_ROWS:
                self.loose.append((place, row))
        else:
            self.place(row, place, true)
            self.doubtful_before = 0
            self.shift = place - true
        self.reached = max(self.reached, place)

    def guesses(self, place: int) -> Iterator[int]:
        """Names the seqs a row may have been recorded with, its own first, then what renumbering explains."""
        yield place
        if self.doubtful_before > NEAR:  # a long edited stretch: guessing for every row would take minutes
            return
        if self.shift:
            yield place - self.shift
        if self.doubtful_before:
            yield place - self.shift - self.doubtful_before
        if self.last_seq != self.head.seq:
            yield place - (self.last_seq - self.head.seq)
        yield from range(place - self.shift + 1, place - self.shift + 1 + NEAR)

    def proves(self, row: Row, seq: int) -> bool:
        """Tells whether a holder of the key recorded this row with this seq in this chain."""
        content = {**row._asdict(), "chain": self.head.chain, "seq": seq}
        previous, stored = content.pop("previous_hash"), content.pop("hash")
        return any(entry_hash(key, previous, content) == stored for key in self.keys)

    def place(self, row: Row, place: int, true: int) -> None:
        """Notes a row of which the recorded seq is known."""
        self.proven = max(self.proven, true)
        if true != place:
            if self.moved and self.moved[-1] == ((self.moved[-1][0][0], place - 1), place - true):
                self.moved[-1] = ((self.moved[-1][0][0], place), place - true)
            else:
                self.moved.append(((place, place), place - true))
            extend(self.proven_elsewhere, true)
            return
        if place <= self.reached:  # the second row, and the first proved nothing
            extend(self.proven_elsewhere, true)
        if self.neighbour[0] == place - 1 > 0 and self.neighbour[1] != row.previous_hash:
            self.note(place, Kind.INSERTED, "it or the entry before it comes from another copy of this trail")
        if place == self.head.seq and self.head.sealed and row.hash != self.head.hash:
            self.note(place, Kind.FORGED_HEAD, "the head comes from another copy of this trail")
        if row.action == HEAD_FORGED:
            self.note(place, Kind.FORGED_HEAD, f"found when this entry was appended; it said {row.details}")
        self.neighbour = (place, row.hash)

    def note(self, seq: int, kind: Kind, detail: str, last: int | None = None) -> None:
        self.others.append(Finding(self.head.chain, seq, kind, detail, seq if last is None else last))

    def findings(self) -> list[Finding]:
        """Returns what is wrong, in the order of seq."""
        head = self.head
        if not head.sealed:
            self.note(head.seq, Kind.FORGED_HEAD, f"set by hand; the last entry that holds is {self.proven}")
        elif self.proven > head.seq:
            self.note(head.seq, Kind.FORGED_HEAD, f"an older head; there are entries up to {self.proven}")
        end = head.seq if head.sealed else self.proven
        self.find_places(end)
        doubtful, missing = merged(self.doubtful), self.unproven(end)
        edited = common(doubtful, missing)
        for first, last in edited:
            self.note(first, Kind.EDITED, "not what was recorded", last)
        for first, last in without(doubtful, missing):
            self.note(first, Kind.INSERTED, "never recorded", last)
        for first, last in without(missing, edited):
            if first > self.proven and last == end:
                self.note(first, Kind.CUT_TAIL, "missing at the end", last)
            else:
                self.note(first, Kind.DELETED, "missing", last)
        for (first, last), shift in self.moved:
            self.note(first, Kind.REORDERED, f"recorded as {written(first - shift, last - shift)}", last)
        return sorted(self.others, key=lambda finding: (finding.seq, finding.kind))

    def unproven(self, end: int) -> list[Span]:
        """Returns the places up to the end of the chain that no row proves."""
        standing = [span for span, _ in self.moved]
        open_spans = merged([*self.gaps, *self.doubtful, *standing, (self.reached + 1, end)])
        return common(without(open_spans, merged(self.proven_elsewhere)), [(1, end)] if end else [])

    def find_places(self, end: int) -> None:
        """Looks once more for the places of rows that proved none, now that the free places are known."""
        free: list[int] = []
        for first, last in self.unproven(end):
            free += range(first, min(last, first + LOOSE_ROWS) + 1)
        for place, row in self.loose:
            true = next((seq for seq in free[:LOOSE_ROWS] if self.proves(row, seq)), None)
            if true is not None:
                self.doubtful = without(merged(self.doubtful), [(place, place)])
                self.place(row, place, true)


def examine(head: Head, rows: Iterable[Row], keys: Sequence[ChainKey], last_seq: int) -> list[Finding]:
    """Returns everything that is wrong with a chain; `rows` come in the order of their seq."""
    examination = Examination(head, keys, last_seq)
    for row in rows:
        examination.read(row)
    return examination.findings()


def written(first: int, last: int) -> str:
    """Writes a span for people."""
    return str(first) if first == last else f"{first} to {last}"


def extend(spans: list[Span], seq: int) -> None:
    """Adds one seq, to the last span if it comes right after it."""
    if spans and spans[-1][1] == seq - 1:
        spans[-1] = (spans[-1][0], seq)
    else:
        spans.append((seq, seq))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Returns the same seqs as sorted spans that do not touch; empty ones are dropped."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if first > last:
            continue
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """Returns what is in `spans` and not in `holes`; both merged."""
    result: list[Span] = []
    at = 0
    for first, last in spans:
        while at < len(holes) and holes[at][1] < first:
            at += 1
        ahead = at
        while ahead < len(holes) and holes[ahead][0] <= last:
            if holes[ahead][0] > first:
                result.append((first, holes[ahead][0] - 1))
            first = max(first, holes[ahead][1] + 1)
            ahead += 1
        if first <= last:
            result.append((first, last))
    return result


def common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Returns what is in both; both merged."""
    return without(spans, without(spans, others))
