"""Who wrote which stretch of a text: its structs, put in the order in which they stand. Pure.

Every struct names the neighbours between which it was written, and where it stands follows from that by the rule of
YATA: `integrate` of Yjs 13.6, src/structs/Item.js. Here structs are cut first, wherever something was written in
between or deleted, and pieces are numbers; 0 is the text's beginning and its end, the neighbour of what names none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from collaboration.documents.contents import CONTENT, STRING, TEXT
from collaboration.documents.limits import SNAPSHOT_LIMITS
from collaboration.documents.reading import decode, read_number, read_slice

MAX_PIECES = 200_000
MAX_STEPS = 10_000_000  # over rivals for one place

_HAS_ORIGIN, _HAS_RIGHT_ORIGIN = 0x80, 0x40


class TooManyPieces(Exception):
    """A text in so many pieces, or with so many rivals for one place, that putting them in order takes too long."""


class Piece(NamedTuple):
    """What one client wrote in one go and is still there; the length is in UTF-16 units."""

    client: int
    clock: int
    length: int


class Range(NamedTuple):
    """What one user wrote, from one position of a text to another (exclusive), in UTF-16 units."""

    start: int
    end: int
    user: str


def ranges(pieces: Iterable[Piece], owners: Mapping[int, str]) -> Iterator[Range]:
    """Joins pieces that stand side by side and are one user's."""
    start = end = 0
    user: str | None = None
    for client, _, length in pieces:
        if (owner := owners[client]) != user:
            if user is not None:
                yield Range(start, end, user)
            start, user = end, owner
        end += length
    if user is not None:
        yield Range(start, end, user)


def pieces(update: bytes) -> list[Piece]:
    """The pieces of a text in order, from all of it as one update that the engine saved; raises TooManyPieces.

    The most that it takes, 200,000 pieces, takes 1.4 s of the processor.
    """
    return _in_order(_cut(*_read(update)))


# A struct: the clocks at which it begins and ends, the client and the clock of its origin and of its right origin, and
# whether it is text. Plain tuples: named ones take three times as long to make.
_Id: TypeAlias = tuple[int, int] | None
_Structs: TypeAlias = dict[int, list[tuple[int, int, _Id, _Id, bool]]]


def _read(data: bytes) -> tuple[_Structs, dict[int, list[int]]]:
    """Reads each client's structs, and what of it is deleted: from clock, to clock, from clock, and so on."""
    structs: _Structs = {}
    clients, at = read_number(data, 0)
    for _ in range(clients):
        count, at = read_number(data, at)
        client, at = read_number(data, at)
        clock, at = read_number(data, at)
        of_client = structs[client] = []
        for _ in range(count):
            info = data[at]
            kind = info & 0x1F
            if not TEXT >> kind & 1:
                raise ValueError("The update holds what is not a text's.")
            at += 1
            origin = right = None
            if info & _HAS_ORIGIN:
                origin, at = _read_id(data, at)
            if info & _HAS_RIGHT_ORIGIN:
                right, at = _read_id(data, at)
            if origin is None and right is None:
                _, at = read_slice(data, at + 1)  # the name of the root
            if kind == STRING:
                raw, at = read_slice(data, at)
                length = len(raw) if raw.isascii() else len(decode(raw).encode("utf-16-le")) // 2
            else:
                length, at = CONTENT[kind](data, at, SNAPSHOT_LIMITS)
            of_client.append((clock, clock + length, origin, right, kind == STRING))
            clock += length
    deleted: dict[int, list[int]] = {}
    clients, at = read_number(data, at)
    for _ in range(clients):
        client, at = read_number(data, at)
        count, at = read_number(data, at)
        of = deleted[client] = []
        for _ in range(count):
            clock, at = read_number(data, at)
            length, at = read_number(data, at)
            of += (clock, clock + length)
    return structs, deleted


def _read_id(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    client, at = read_number(data, at)
    clock, at = read_number(data, at)
    return (client, clock), at


@dataclass(slots=True)
class _Pieces:
    """What is known of each piece, by its number."""

    clients: list[int] = field(default_factory=lambda: [0])
    clocks: list[int] = field(default_factory=lambda: [0])
    lengths: list[int] = field(default_factory=lambda: [0])  # 0: nothing to be seen
    origins: list[int] = field(default_factory=lambda: [0])
    rights: list[int] = field(default_factory=lambda: [0])
    spans: dict[int, range] = field(default_factory=dict)  # the numbers of each client's


def _cut(structs: _Structs, deleted: dict[int, list[int]]) -> _Pieces:
    cuts: dict[int, set[int]] = defaultdict(set)
    for client, clocks in deleted.items():
        cuts[client].update(clocks)
    for client, of_client in structs.items():
        own = cuts[client]
        for clock, _, origin, right, _ in of_client:
            own.add(clock)
            if origin:
                cuts[origin[0]].add(origin[1] + 1)
            if right:
                cuts[right[0]].add(right[1])
    if sum(map(len, cuts.values())) > MAX_PIECES:
        raise TooManyPieces
    made = _Pieces()
    numbers: dict[int, dict[int, int]] = {}  # of the piece that begins at a client's clock
    for client, of_client in structs.items():
        marks, end, first = sorted(cuts[client]), of_client[-1][1], len(made.clocks)
        starts = marks[: bisect_left(marks, end)]
        numbers[client] = {clock: first + nth for nth, clock in enumerate([*starts, end])}
        made.spans[client] = range(first, first + len(starts))
        made.clocks += starts
        made.clients += [client] * len(starts)
    for client, of_client in structs.items():
        of, gone = numbers[client], deleted.get(client, ())
        for clock, end, origin, right, is_text in of_client:
            before = numbers[origin[0]][origin[1] + 1] - 1 if origin else 0
            behind = numbers[right[0]][right[1]] if right else 0
            for number in range(of[clock], of[end]):
                start, stop = made.clocks[number], made.clocks[number + 1] if number + 1 < of[end] else end
                shown = is_text and not bisect_right(gone, start) % 2
                made.lengths.append(stop - start if shown else 0)
                made.origins.append(before)
                made.rights.append(behind)
                before = number
    return made


def _in_order(made: _Pieces) -> list[Piece]:
    """Puts one piece after the other where it belongs, each when its neighbours are there.

    A client whose next piece has to wait does so on a stack, below the client that it waits for.
    """
    clients, origins = made.clients, made.origins
    following = [-1] * len(clients)  # -1: not there yet
    following[0] = 0
    rivals = _Rivals(made, following)
    placed = {client: span.start for client, span in made.spans.items()}
    for whole, span in made.spans.items():
        waiting = [(whole, span.stop)]
        while waiting:
            client, until = waiting[-1]
            number = placed[client]
            while number < until:
                left, right = origins[number], made.rights[number]
                missing = left if following[left] < 0 else right
                if following[missing] < 0:
                    waiting.append((clients[missing], missing + 1))
                    break
                if following[left] != right:
                    left = rivals.pass_by(number)
                following[number] = following[left]
                following[left] = number
                number += 1
            else:
                waiting.pop()
            placed[client] = number
            if len(waiting) > len(made.spans):
                raise ValueError("Structs stand beside each other in a circle.")
    found = []
    number = following[0]
    while number:
        if length := made.lengths[number]:
            found.append(Piece(clients[number], made.clocks[number], length))
        number = following[number]
    return found


class _Rivals:
    """Pieces that were written at the same place as another, by people who did not know of each other."""

    def __init__(self, made: _Pieces, following: list[int]) -> None:
        self._made = made
        self._following = following
        # The sets of the rule: a piece is in one while its mark is the present one.
        self._seen = [0] * len(following)  # itemsBeforeOrigin
        self._conflicting = [0] * len(following)
        self._search = self._epoch = 0
        self._steps = 0

    def pass_by(self, number: int) -> int:
        """The piece behind which this one stands."""
        clients, origins, rights = self._made.clients, self._made.origins, self._made.rights
        seen, conflicting = self._seen, self._conflicting
        client, left, right = clients[number], origins[number], rights[number]
        origin = left
        self._search += 1
        self._epoch += 1
        other = self._following[left]
        while other and other != right:
            self._steps += 1
            seen[other] = self._search
            conflicting[other] = self._epoch
            if origins[other] == origin:
                if clients[other] < client:
                    left = other
                    self._epoch += 1
                elif rights[other] == right:
                    break
            elif seen[origins[other]] != self._search:
                break
            elif conflicting[origins[other]] != self._epoch:
                left = other
                self._epoch += 1
            other = self._following[other]
        if self._steps > MAX_STEPS:
            raise TooManyPieces
        return left
