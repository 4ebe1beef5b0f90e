"""What a Yjs update (format v1) says, read without applying it. Pure.

The engine trusts its input: nested values end the process, announced counts are allocated, whatever depends on what
is missing is kept aside and never saved. So every update is walked here first. The walk is one loop over the bytes,
takes time in proportion to them, and allocates nothing that the bytes do not fill.
Format: Yjs 13.6, src/utils/encoding.js and src/structs/.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NoReturn

import msgspec

from collaboration.documents.contents import CONTENT, DELETED, DOC, GC, SKIP, STRING, TEXT, skip_name
from collaboration.documents.limits import MAX_CLOCK, SNAPSHOT_LIMITS, UPDATE_LIMITS, UpdateLimits, UpdateRefused
from collaboration.documents.reading import Unreadable, decode, read_long, read_number, read_slice

_HAS_ORIGIN, _HAS_RIGHT_ORIGIN, _HAS_KEY = 0x80, 0x40, 0x20
_LAST_CLOCK = MAX_CLOCK - 2
_NOTHING = -1, -1
_SECOND_HALF = re.compile(rb"[\xdc-\xdf]")  # of a surrogate pair, by its high byte


# What one struct needs before it has a place: the clock up to which its own client is complete without it, another
# client, the clock up to which that one must be known, and the clock before which the engine cuts that one's text (0:
# nowhere). A plain tuple: an update of a megabyte has 120,000, and a named one takes three times as long to make.
Link = tuple[int, int, int, int]


# Not dataclasses: to make those would be a good part of what a keystroke takes here.


class ClientStructs(msgspec.Struct):
    """The structs of one client in an update."""

    clock: int  # of the first
    end: int = 0  # the clock behind the last, without trailing Skips
    pieces: int = 0  # how many cannot be joined to the one before
    starts: list[int] = []  # clocks at which structs start
    jumps: list[int] = []  # those of structs that do not continue the one before
    links: list[Link] = []  # in the order of the structs
    pairs: list[int] = []  # clocks at which a cut would divide a surrogate pair


class UpdateOutline(msgspec.Struct):
    """What a verdict needs to know of an update."""

    size: int
    structs: int = 0
    jumps: int = 0
    kinds: int = 0  # one bit per content reference: 1 << STRING, …
    keyed: bool = False  # has entries of maps
    nested: bool = False  # has parents that are types inside the document
    clients: dict[int, ClientStructs] = {}
    turned: list[tuple[int, int, int]] = []  # client, clock of an origin, of a right origin before it
    roots: dict[str, int] = {}  # the kinds put under each root that is named
    deletes: dict[int, list[tuple[int, int]]] = {}  # from clock, to clock (exclusive)


def read_update(data: bytes, limits: UpdateLimits = UPDATE_LIMITS) -> UpdateOutline:
    """Walks an update from its first byte to its last; raises UpdateRefused for what no document can take."""
    if len(data) > limits.size:
        raise UpdateRefused("size", f"An update has up to {limits.size} bytes.")
    outline = UpdateOutline(len(data))
    try:
        at = _read_structs(data, outline, limits)
        at = _read_deletes(data, at, outline, limits)
    except IndexError:
        raise UpdateRefused("encoding", "The update is cut short.") from None
    except Unreadable as error:
        raise UpdateRefused(error.reason, str(error)) from None
    if at != len(data):
        raise UpdateRefused("encoding", "The update is cut short." if at > len(data) else "Something follows.")
    return outline


def writers(data: bytes) -> Collection[int]:
    """Returns the clients whose structs an update holds; most that were accepted before need no walk for it."""
    clients, at = read_number(data, 0)
    if not clients:
        return ()
    if clients == 1:
        _, at = read_number(data, at)
        client, at = read_number(data, at)
        _, at = read_number(data, at)
        if data[at] & 0x1F != SKIP:
            return (client,)
    return [client for client, structs in read_update(data, SNAPSHOT_LIMITS).clients.items() if structs.starts]


def _read_structs(data: bytes, outline: UpdateOutline, limits: UpdateLimits) -> int:
    size = len(data)
    clients, at = read_number(data, 0)
    if clients * 5 > size - at:
        raise UpdateRefused("encoding", "More clients are announced than follow.")
    if clients > limits.clients:
        raise UpdateRefused("size", f"An update has structs of up to {limits.clients} clients.")
    kinds = values = foreign = 0
    roots: dict[bytes, int] = {}
    for _ in range(clients):
        count, at = read_number(data, at)
        client, at = read_number(data, at)
        clock, at = read_number(data, at)
        if not count or count * 2 > size - at:
            raise UpdateRefused("encoding", "A client announces other structs than follow.")
        outline.structs += count
        if outline.structs > limits.structs:
            raise UpdateRefused("size", f"An update has up to {limits.structs} structs.")
        if client in outline.clients:
            raise UpdateRefused("encoding", "A client comes twice.")
        if clock >= MAX_CLOCK:
            raise UpdateRefused("clock", "A clock is 2^31 or more.")
        structs = outline.clients[client] = ClientStructs(clock)
        most_jumps = limits.jumps - outline.jumps
        starts, jumps, links, end = structs.starts, structs.jumps, structs.links, clock
        last: tuple[int, int] | None = None  # the right origin of the struct before
        anew = 0
        for _ in range(count):
            info = data[at]
            at += 1
            kind = info & 0x1F
            if kind in (GC, SKIP):
                if info != kind:
                    raise UpdateRefused("encoding", "A struct is of an unknown kind.")
                length, at = read_number(data, at)
                if kind == SKIP:
                    clock += length
                    if not length or clock >= MAX_CLOCK:
                        raise UpdateRefused("clock", "A gap is empty or ends at clock 2^31 or later.")
                    continue
            if clock != end:
                # Something was skipped: the document must have it already.
                links.append((end, client, clock, 0))
            if kind == GC:
                kinds |= 1 << GC
            else:
                if kind > DOC:
                    raise UpdateRefused("encoding", "A struct is of an unknown kind.")
                kinds |= 1 << kind
                if info & _HAS_ORIGIN:
                    origin = data[at]
                    at += 1
                    if origin > 127:
                        origin, at = read_long(data, at, origin)
                    before = data[at]
                    at += 1
                    if before > 127:
                        before, at = read_long(data, at, before)
                    if origin != client or before + 1 != clock:
                        if before > _LAST_CLOCK or (origin == client and before >= clock):
                            _refuse_link(before)
                        links.append((clock, origin, before + 1, before + 1))
                        jumps.append(clock)
                        last = None
                else:
                    jumps.append(clock)
                    last = None
                beside = _NOTHING
                if info & _HAS_RIGHT_ORIGIN:
                    right = data[at]
                    at += 1
                    if right > 127:
                        right, at = read_long(data, at, right)
                    behind = data[at]
                    at += 1
                    if behind > 127:
                        behind, at = read_long(data, at, behind)
                    if behind > _LAST_CLOCK or (right == client and behind >= clock):
                        _refuse_link(behind)
                    if info & _HAS_ORIGIN and right == origin and behind <= before:
                        outline.turned.append((right, before, behind))
                    links.append((clock, right, behind + 1, behind))
                    beside = right, behind
                if last is not None and (last != beside or kind != STRING):
                    anew += 1
                last = beside
                if not info & (_HAS_ORIGIN | _HAS_RIGHT_ORIGIN):
                    at = _read_parent(data, at, info, client, clock, outline, roots, limits)
                elif info & _HAS_KEY:
                    outline.keyed = True
                if kind == STRING:
                    length = data[at]
                    at += 1
                    if length > 127:
                        length, at = read_long(data, at, length)
                    stop = at + length
                    if stop > size:
                        raise IndexError
                    text = data[at:stop]
                    at = stop
                    if not text.isascii():
                        length = _count_units(text, clock, structs.pairs)
                else:
                    start = at
                    length, at = CONTENT[kind](data, at, limits)
                    if kind != DELETED:
                        if TEXT >> kind & 1:
                            values += at - start
                        else:
                            foreign += at - start
                        if values > limits.values or foreign > limits.foreign:
                            raise UpdateRefused("size", f"An update has up to {limits.values} bytes of values.")
            starts.append(clock)
            if len(jumps) > most_jumps:
                raise UpdateRefused("size", f"An update starts anew at up to {limits.jumps} places.")
            clock += length
            if clock >= MAX_CLOCK:
                raise UpdateRefused("clock", "A struct ends at clock 2^31 or later.")
            if not length:
                raise UpdateRefused("encoding", "A struct is empty.")
            end = clock
        structs.end = end if starts else 0
        structs.pieces = anew + len(jumps)
        outline.jumps += len(jumps)
    outline.kinds = kinds
    outline.roots = {decode(name): kinds for name, kinds in roots.items()}
    return at


def _refuse_link(clock: int) -> NoReturn:
    if clock > _LAST_CLOCK:
        raise UpdateRefused("clock", "A struct stands beside a clock of 2^31 or more.")
    # The engine takes it, finds nothing there, and drops the text.
    raise UpdateRefused("missing_deps", "A struct depends on itself, or on what comes after it.")


def _read_parent(
    data: bytes,
    at: int,
    info: int,
    client: int,
    clock: int,
    outline: UpdateOutline,
    roots: dict[bytes, int],
    limits: UpdateLimits,
) -> int:
    named = data[at]
    at += 1
    if named == 1:
        name, at = read_slice(data, at)
        if len(name) > limits.name:
            raise UpdateRefused("size", f"A name has up to {limits.name} bytes.")
        roots[name] = roots.get(name, 0) | 1 << (info & 0x1F)
    elif named == 0:
        outline.nested = True
        parent, at = read_number(data, at)
        of_parent, at = read_number(data, at)
        if of_parent > _LAST_CLOCK or (parent == client and of_parent >= clock):
            _refuse_link(of_parent)
        outline.clients[client].links.append((clock, parent, of_parent + 1, 0))
    else:
        raise UpdateRefused("encoding", "A parent is neither a root nor a struct.")
    if info & _HAS_KEY:
        outline.keyed = True
        at = skip_name(data, at, limits)
    return at


def _count_units(raw: bytes, clock: int, pairs: list[int]) -> int:
    """Returns a text's length as Yjs counts it, in UTF-16 units, and notes its surrogate pairs."""
    text = decode(raw)
    high = text.encode("utf-16-le")[1::2]
    if len(high) != len(text):
        pairs += [clock + found.start() for found in _SECOND_HALF.finditer(high)]
    return len(high)


def _read_deletes(data: bytes, at: int, outline: UpdateOutline, limits: UpdateLimits) -> int:
    size = len(data)
    clients, at = read_number(data, at)
    if clients * 4 > size - at:
        raise UpdateRefused("encoding", "More deletions are announced than follow.")
    ranges = 0
    for _ in range(clients):
        client, at = read_number(data, at)
        count, at = read_number(data, at)
        if not count or count * 2 > size - at:
            raise UpdateRefused("encoding", "A client announces other deletions than follow.")
        ranges += count
        if ranges > limits.delete_ranges:
            raise UpdateRefused("size", f"An update deletes up to {limits.delete_ranges} ranges.")
        if client in outline.deletes:
            raise UpdateRefused("encoding", "A client comes twice.")
        deletes = outline.deletes[client] = []
        end = 0
        for _ in range(count):
            start = data[at]
            at += 1
            if start > 127:
                start, at = read_long(data, at, start)
            length = data[at]
            at += 1
            if length > 127:
                length, at = read_long(data, at, length)
            if start < end or not length:
                # Yjs sorts and joins them. Backwards, 1,000 ranges in a text of 1 MB take the engine 1 s, else 0.1 s.
                raise UpdateRefused("encoding", "Deletions are empty, overlap or run backwards.")
            end = start + length
            if end >= MAX_CLOCK:
                raise UpdateRefused("clock", "A deletion ends at clock 2^31 or later.")
            deletes.append((start, end))
    return at
