"""Whether a document may take an update: dependencies, whose clientIDs, and what it may hold. Pure.

A document is the root text `content` and nothing else. Types inside it are refused: they are deleted and dropped by
recursion, and a chain of 100,000 of them, laid link by link in small updates, ends the process with SIGSEGV.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Self

from collaboration.documents.contents import TEXT
from collaboration.documents.deletions import Deletions, Range
from collaboration.documents.limits import MAX_CLOCK, UPDATE_LIMITS, UpdateLimits, UpdateRefused
from collaboration.documents.reading import Unreadable, read_number
from collaboration.documents.updates import ClientStructs, UpdateOutline

ROOT = "content"
_FEW_JUMPS = 100
MAX_STATE_VECTOR_CLIENTS = 65_536


class StateVectorRefused(Exception):
    """A state vector that must not reach the engine, which would allocate whatever it announces."""


class TextShape:
    """What the guard remembers of a document's text, 4 bytes for each of two things, 8 for a deletion.

    Characters of two UTF-16 units, which the engine cannot cut in two: asked to, it leaves a state that is one clock
    shorter after a reload, and then loses what follows. And the clocks at which somebody jumped to another place: from
    one to the next, a client's text runs forward, and what claims to stand between two of its characters in the wrong
    order is put in one place now and in another after a reload.

    `pieces` is about how many the text is in. `extend` it with every update that was taken, in order, or with the
    outline of the whole document.
    """

    __slots__ = ("deletions", "jumps", "pairs", "places")

    def __init__(self) -> None:
        self.pairs: dict[int, array[int]] = {}
        self.jumps: dict[int, array[int]] = {}
        self.places = 0
        self.deletions = Deletions()

    @classmethod
    def of(cls, outline: UpdateOutline) -> Self:
        """The shape of a document that the engine wrote down as one update, with a struct for each of its pieces."""
        shape = cls()
        shape.extend(outline, {})
        shape.places = (outline.structs + 1) // 2 - shape.deletions.count
        return shape

    def extend(self, outline: UpdateOutline, state: Mapping[int, int]) -> None:
        """Adds what an update brings to a document that knew `state` before it."""
        for client, structs in outline.clients.items():
            known = state.get(client, 0)
            for clocks, new in ((self.pairs, structs.pairs), (self.jumps, structs.jumps)):
                if new and new[-1] >= known:
                    clocks.setdefault(client, array("I")).extend(new[bisect_left(new, known) :])
            if structs.end > known:
                self.places += structs.pieces
        for client, ranges in outline.deletes.items():
            for start, end in ranges:
                self.deletions.add(client, start, end)

    @property
    def pieces(self) -> int:
        """Whatever was put somewhere, and every deletion, cut one piece in three at most."""
        return 2 * (self.places + self.deletions.count)

    def undeleted(self, client: int, start: int, end: int) -> Iterable[Range]:
        """What of these clocks is not deleted."""
        return self.deletions.gaps(client, start, end)

    def knows_deletions(self, outline: UpdateOutline) -> bool:
        """Says whether all that an update deletes is deleted already."""
        return not any(
            any(self.undeleted(client, start, end))
            for client, ranges in outline.deletes.items()
            for start, end in ranges
        )

    def cuts(self, client: int, clock: int) -> bool:
        """Says whether a cut before this clock would divide a character."""
        return _any_within(self.pairs.get(client), clock, clock)

    def jumped(self, client: int, first: int, last: int) -> bool:
        """Says whether the client jumped at any of these clocks."""
        return _any_within(self.jumps.get(client), first, last)


_EMPTY = TextShape()


def judge_update(
    outline: UpdateOutline,
    state: Mapping[int, int],
    owned_by_others: Container[int] | Callable[[int], bool],
    shape: TextShape | None = None,
    limits: UpdateLimits = UPDATE_LIMITS,
) -> dict[int, int]:
    """Returns the new clock of every client whose structs the document does not know yet; raises UpdateRefused.

    `state` is the document's state vector, `owned_by_others` the clientIDs that belong to other users and to the
    server, `shape` what is remembered of the document's text. An empty answer means that nothing but deletions can be
    new: what was sent again is fine.
    """
    taken = owned_by_others if callable(owned_by_others) else owned_by_others.__contains__
    clients = outline.clients
    reached: dict[int, int] = {}
    complete, repeats = True, False
    for client, structs in clients.items():
        known = state.get(client, 0)
        if structs.end > known:
            if taken(client):
                raise UpdateRefused("client_id", f"Client {client} belongs to somebody else.")
            reached[client] = structs.end
            repeats = repeats or structs.clock < known
        if structs.clock > known:
            raise UpdateRefused("missing_deps", "Earlier structs of a client are missing.", {client: structs.clock})
        for at, other, clock, _ in structs.links:
            if state.get(other, 0) < clock and (other != client or clock > at):
                complete = False
                break
    if outline.nested or outline.keyed or outline.kinds & ~TEXT or (outline.roots and outline.roots.keys() != {ROOT}):
        raise UpdateRefused("schema", f"A document holds the text `{ROOT}` and nothing else.")
    if not complete:
        _follow_dependencies(clients, state)
    for client, ranges in outline.deletes.items():
        if ranges[-1][1] > (reached.get(client) or state.get(client, 0)):
            raise UpdateRefused("missing_deps", "What is deleted is missing.", {client: ranges[-1][1]})
    shape = shape or _EMPTY
    if shape.pairs or any(structs.pairs for structs in clients.values()):
        _check_cuts(outline, state, shape)
    if outline.turned or repeats:
        _check_order(outline, state, shape)
    if outline.jumps > _FEW_JUMPS and engine_seconds(outline, state, shape) > limits.work:
        raise UpdateRefused("size", "An update starts anew at too many places of this document.")
    return reached


def engine_seconds(outline: UpdateOutline, state: Mapping[int, int], shape: TextShape) -> float:
    """Reckons what the engine takes at worst to apply what is new in an update; most take a hundredth of it.

    Measured on pycrdt 0.14.13. For every struct that starts anew it may walk over all pieces between the neighbours
    that the struct names, 38 ns each; and to cut a text before where it cut last, it counts the whole text, 0.6 ns a
    unit. It holds the interpreter's lock for as long.
    """
    new = backward = 0
    last: dict[int, int] = {}
    for client, structs in outline.clients.items():
        known = state.get(client, 0)
        new += _jumps_from(structs, known)
        for at, other, _, cut in structs.links:
            if at >= known:
                backward += cut < last.get(other, 0)
                last[other] = cut
    units = sum(state.values()) + sum(structs.end - structs.clock for structs in outline.clients.values())
    return new * (shape.pieces + new) * 38e-9 + backward * units * 0.6e-9


def _jumps_from(structs: ClientStructs, clock: int) -> int:
    return len(structs.jumps) - bisect_left(structs.jumps, clock)


def _follow_dependencies(clients: Mapping[int, ClientStructs], state: Mapping[int, int]) -> None:
    """Takes the structs in an order in which each finds what it needs; raises UpdateRefused when there is none.

    Every client goes on until it needs what another has not reached, and waits there in that one's queue.
    """
    reached = {client: state.get(client, 0) for client in clients}
    done = dict.fromkeys(clients, 0)
    waiting: dict[int, list[tuple[int, int]]] = defaultdict(list)
    ready = list(clients)
    while ready:
        client = ready.pop()
        structs = clients[client]
        known = state.get(client, 0)
        progress = structs.end
        for nth in range(done[client], len(structs.links)):
            at, other, clock, _ = structs.links[nth]
            there = at if other == client else reached.get(other, 0)
            if max(there, state.get(other, 0)) < clock:
                done[client] = nth
                progress = at
                heappush(waiting[other], (clock, client))
                break
        else:
            done[client] = len(structs.links)
        reached[client] = max(progress, known)
        queue = waiting[client]
        while queue and queue[0][0] <= reached[client]:
            ready.append(heappop(queue)[1])
    missing = {client: queue[-1][0] for client, queue in waiting.items() if queue}
    if missing:
        raise UpdateRefused("missing_deps", "Structs that this update builds on are missing.", missing)


def _check_cuts(outline: UpdateOutline, state: Mapping[int, int], shape: TextShape) -> None:
    """Raises UpdateRefused when the engine would have to cut a character in two."""
    clients = outline.clients
    cuts = [(client, clock) for structs in clients.values() for _, client, _, clock in structs.links]
    cuts += [(client, clock) for client, ranges in outline.deletes.items() for both in ranges for clock in both]
    for client, structs in clients.items():
        if (known := state.get(client, 0)) < structs.end:
            # Of a struct that the document knows in part, the engine cuts off what it knows.
            cuts += [(client, known), (client, structs.starts[max(0, bisect_left(structs.starts, known) - 1)])]
    for client, clock in cuts:
        new = clients.get(client)
        if shape.cuts(client, clock) or (new and _any_within(new.pairs, clock, clock)):
            raise UpdateRefused("encoding", "An update cuts a character in two.")


def _check_order(outline: UpdateOutline, state: Mapping[int, int], shape: TextShape) -> None:
    """Raises UpdateRefused when a struct claims a place between two others that are the other way round."""
    clients = outline.clients
    turned = outline.turned
    for client, structs in clients.items():
        known = state.get(client, 0)
        if structs.clock < known < structs.end:
            # Of a struct that the document knows in part, the engine puts the rest behind what it knows.
            start = structs.starts[bisect_left(structs.starts, known) - 1]
            of_start = [link for link in structs.links if link[0] == start and link[1] == client]
            turned = turned + [(client, known - 1, cut) for _, _, clock, cut in of_start if cut < clock]
    for client, left, right in turned:
        new = clients.get(client)
        first = max(right + 1, state.get(client, 0))  # what an update says of places that are known counts for nothing
        if not shape.jumped(client, right + 1, left) and not (new and _any_within(new.jumps, first, left)):
            raise UpdateRefused("encoding", "A struct stands between two others that are the other way round.")


def _any_within(clocks: Sequence[int] | None, first: int, last: int) -> bool:
    if not clocks:
        return False
    at = bisect_left(clocks, first)
    return at < len(clocks) and clocks[at] <= last


def read_state_vector(data: bytes, max_clients: int = MAX_STATE_VECTOR_CLIENTS) -> dict[int, int]:
    """Reads a Yjs state vector into the clock per client; raises StateVectorRefused."""
    state: dict[int, int] = {}
    try:
        count, at = read_number(data, 0)
        if count > max_clients or count * 2 > len(data) - at:
            raise StateVectorRefused("More clients are announced than follow, or may.")
        for _ in range(count):
            client, at = read_number(data, at)
            clock, at = read_number(data, at)
            if clock >= MAX_CLOCK:
                raise StateVectorRefused("A clock is 2^31 or more.")
            state[client] = clock
    except IndexError:
        raise StateVectorRefused("The state vector is cut short.") from None
    except Unreadable as error:
        raise StateVectorRefused(str(error)) from None
    if at != len(data) or len(state) != count:
        raise StateVectorRefused("Something follows the state vector, or a client comes twice.")
    return state
