"""Measures what the guard in front of the CRDT engine costs, beside what the engine itself costs.

python -m benchmarks.guard --seconds 0.5
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from pycrdt import Doc, Text

from collaboration.documents.guard import TextShape, judge_update, read_state_vector
from collaboration.documents.limits import SNAPSHOT_LIMITS
from collaboration.documents.updates import read_update


@dataclass(frozen=True)
class Case:
    """One update, and the document it is for."""

    name: str
    update: bytes
    base: bytes = b"\x00\x00"


def text_of(doc: Doc) -> Text:
    return doc.get("content", type=Text)


def document(client: int, *updates: bytes) -> Doc:
    doc: Doc = Doc(client_id=client)
    text_of(doc)
    for update in updates:
        doc.apply_update(update)
    return doc


def change(doc: Doc, what: Callable[[Text], None]) -> bytes:
    """Returns the update that one change makes."""
    before = doc.get_state()
    what(text_of(doc))
    return doc.get_update(before)


def busy_document(rng: random.Random, size: int) -> bytes:
    """Returns a document of about `size` bytes that people wrote word by word, here and there."""
    doc = document(4_000_000_001)
    text = text_of(doc)
    with doc.transaction():
        while len(text) < size:
            for _ in range(1_000):
                text.insert(rng.randrange(len(text) + 1), "some words of text ")
    return doc.get_update()


def cases() -> list[Case]:
    rng = random.Random(1)
    base = document(4_000_000_000)
    text_of(base).insert(0, "Lorem ipsum dolor sit amet. " * 40)
    saved = base.get_update()
    writer = document(3_000_000_000, saved)
    first = change(writer, lambda text: text.insert(100, "a"))
    known = writer.get_update()
    second = change(writer, lambda text: text.insert(101, "b"))
    busy = busy_document(rng, 600_000)
    return [
        Case("keystroke: first letter at a new place", first, saved),
        Case("keystroke: the next letter", second, known),
        Case("one letter deleted", change(writer, lambda text: text.__delitem__(50)), writer.get_update()),
        Case("paste of 1 MB, ASCII", change(document(5), lambda text: text.insert(0, "lorem ip" * 131_000))),
        Case(
            "paste of 1 MB, two bytes a letter", change(document(5), lambda text: text.insert(0, "żółćąęśń" * 65_000))
        ),
        Case("paste of 1 MB, emoji", change(document(5), lambda text: text.insert(0, "😀😁😂🤣" * 65_000))),
        Case("state of 1 MB, one struct in 20 bytes", busy),
        Case("the same state again", busy, busy),
    ]


def per_call(seconds: float, call: Callable[[], object]) -> float:
    """Returns the time of one call, the best of several rounds that together take about this long."""
    started = time.perf_counter()
    call()
    rounds = max(1, int(seconds / 5 / max(time.perf_counter() - started, 1e-7)))
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(rounds):
            call()
        best = min(best, (time.perf_counter() - started) / rounds)
    return best


def engine_cost(seconds: float, case: Case) -> float:
    """Returns what the engine takes to apply the update to the document, without loading it."""
    best, spent = float("inf"), 0.0
    while spent < seconds:
        doc = document(1, case.base)
        started = time.perf_counter()
        doc.apply_update(case.update)
        took = time.perf_counter() - started
        best, spent = min(best, took), spent + took + 0.001
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long to measure each figure")
    seconds = parser.parse_args().seconds
    print(f"{'update':<40} {'bytes':>10} {'structs':>8} {'read µs':>10} {'judge µs':>10} {'engine µs':>10}")
    for case in cases():
        outline = read_update(case.update, SNAPSHOT_LIMITS)
        state = read_state_vector(document(1, case.base).get_state())
        shape = TextShape()
        shape.extend(read_update(case.base, SNAPSHOT_LIMITS), {})
        read = per_call(seconds, lambda: read_update(case.update, SNAPSHOT_LIMITS))  # noqa: B023
        judge = per_call(seconds, lambda: judge_update(outline, state, set(), shape, SNAPSHOT_LIMITS))  # noqa: B023
        engine = engine_cost(seconds, case)
        print(
            f"{case.name:<40} {len(case.update):>10,} {outline.structs:>8,}"
            f" {read * 1e6:>10,.1f} {judge * 1e6:>10,.1f} {engine * 1e6:>10,.1f}"
        )


if __name__ == "__main__":
    main()
