"""Updates written by hand, byte by byte, as no editor would."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from collaboration.documents.contents import STRING
from collaboration.documents.frames import write_number as number

Id = tuple[int, int]

# What Yjs 13.6.33 wrote for one change each, made by client 7.
YJS = {
    "string": "01010700040107636f6e74656e740b6e61c3af766520f09f988000",
    "format": "01050700040107636f6e74656e7404626f6c6446070004626f6c640474727565c6070407000468726566132268747470733a2f2f"
    "782e6578616d706c652286070304626f6c64046e756c6c8607060468726566046e756c6c00",
    "embed": "01010700050107636f6e74656e74207b22696d616765223a22612e706e67222c2273697a65223a5b312c322e355d7d00",
    "deleted": "01030700040107636f6e74656e7401618107000184070101630107010101",
    "binary": "010107000301046c697374030102ff00",
    "any": "010107000801046c69737410760101757f7e7d017dc0017c4f0000007c3f0000007b3fd55555555555557b7ff80000000000007c7f"
    "8000007601016e7a000000000000000c78797704746578747601016175027d01760101627e750175007601016374010900",
    "types": "010707000701046c697374008707000187070102870702030170870703048707040504686f6f6b8707050600",
    "nested": "010207002701036d6170016b01280007000178017d0100",
    "doc": "010107002901036d6170037375620d31313131313131312d323232327601046d657461760101617d0100",
    "gc": "010207000101046c6973740100030107010004",
    "map": "010207002101036d6170016b01a80700017d020107010001",
    "json": "010107000201046c69737403077b2261223a317d09756e646566696e65640322782200",
    "skip": "01030700040107636f6e74656e7401610a01840701016300",
    "empty": "0000",
}
YJS_BYTES = {name: bytes.fromhex(update) for name, update in YJS.items()}

# Two editors with Yjs, who hear of each other at once: typing, deleting, replacing, formatting.
CONVERSATION = [
    bytes.fromhex(update)
    for update in (
        "01010100040107636f6e74656e740568656c6c6f00",
        "0101ffffffff0f008401040620776f726c6400",
        "000101010001",
        "01010105c401000101014800",
        "01010106c40102010302454c0101010102",
        "0103ffffffff0f06c60106010704626f6c640474727565c4ffffffff0f0601070121c6ffffffff0f07010704626f6c64046e756c6c0101"
        "010701",
    )
]
CONVERSATION_TEXT = "HE!lo world"


def counted(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return number(len(raw)) + raw


def struct(
    kind: int,
    content: bytes,
    *,
    origin: Id | None = None,
    right: Id | None = None,
    parent: str | Id = "content",
    key: str | None = None,
) -> bytes:
    info = kind | (0x80 if origin else 0) | (0x40 if right else 0) | (0x20 if key is not None else 0)
    written = bytes((info,))
    for beside in (origin, right):
        if beside:
            written += number(beside[0]) + number(beside[1])
    if not origin and not right:
        written += b"\x01" + counted(parent) if isinstance(parent, str) else b"\0" + b"".join(map(number, parent))
        if key is not None:
            written += counted(key)
    return written + content


def text(letters: str | bytes, *, origin: Id | None = None, right: Id | None = None) -> bytes:
    return struct(STRING, counted(letters), origin=origin, right=right)


def update(*clients: tuple[int, int, Sequence[bytes]], deletes: Mapping[int, Sequence[Id]] | None = None) -> bytes:
    """Writes an update: per client its id, the clock of its first struct, and its structs."""
    written = number(len(clients))
    for client, clock, structs in clients:
        written += number(len(structs)) + number(client) + number(clock) + b"".join(structs)
    written += number(len(deletes or {}))
    for client, ranges in (deletes or {}).items():
        written += number(client) + number(len(ranges))
        written += b"".join(number(clock) + number(length) for clock, length in ranges)
    return written


def seconds(call: Callable[[], object]) -> float:
    """Returns what a call takes when nothing comes between."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best
