"""Mutates good updates, and gives the engine whatever the guard lets through; run as a process of its own.

    python -m tests.collaboration.documents.mutations --seed 7 --count 20000 --case case.hex

The update in hand is in the file `--case` before the engine sees it, so that a crash leaves what caused it.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pycrdt import Doc, Text, merge_updates

from collaboration.documents.guard import TextShape, judge_update, read_state_vector
from collaboration.documents.limits import SNAPSHOT_LIMITS, UpdateRefused
from collaboration.documents.updates import UpdateOutline, read_update

WORDS = ("a", "lorem ", "ipsum", "😀", "naïve", "e\u0301", "👩‍💻", "\n", "zażółć ", "x" * 40)
SLOWEST = 1.0  # seconds


class Failed(Exception):
    """What the guard let through, and the engine did not take well."""


def text_of(doc: Doc) -> Text:
    return doc.get("content", type=Text)


def loaded(*updates: bytes) -> Doc:
    doc: Doc = Doc(client_id=1)
    text_of(doc)
    for update in updates:
        doc.apply_update(update)
    return doc


def between_characters(text: Text) -> list[int]:
    """Returns where a person's cursor may stand; the engine counts bytes of UTF-8, and one for an embedded value."""
    places = [0]
    for piece, _ in text.diff():
        for character in piece if isinstance(piece, str) else [piece]:
            places.append(places[-1] + (len(character.encode()) if isinstance(character, str) else 1))
    return places


def edit(rng: random.Random, doc: Doc) -> bytes:
    """Makes one change as a person would, and returns its update."""
    text, before = text_of(doc), doc.get_state()
    places = between_characters(text)
    first = rng.randrange(len(places))
    start, end = places[first], places[min(len(places) - 1, first + rng.randrange(12))]
    what = rng.random()
    if what < 0.55 or start == end:
        text.insert(start, rng.choice(WORDS))
    elif what < 0.8:
        del text[start:end]
    elif what < 0.92:
        text.format(start, end, {rng.choice(("bold", "href")): rng.choice((True, None, "https://x.example"))})
    else:
        text.insert_embed(start, {"image": "a.png", "width": rng.randrange(9)})
    return doc.get_update(before)


@dataclass
class History:
    """A document as its log has it: every update, and what was known before each."""

    updates: list[bytes] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)  # the client that made each


def history(rng: random.Random, length: int) -> History:
    """Lets three people edit, and hear of each other late."""
    docs = [Doc(client_id=client) for client in rng.sample(range(2, 2**31), 3)]
    told, log = [0, 0, 0], History()
    for _ in range(length):
        who = rng.randrange(3)
        if rng.random() < 0.6:
            for update, owner in zip(log.updates[told[who] :], log.owners[told[who] :], strict=True):
                if owner != docs[who].client_id:
                    docs[who].apply_update(update)
            told[who] = len(log.updates)
        update = edit(rng, docs[who])
        if update != b"\x00\x00":
            log.updates.append(update)
            log.owners.append(docs[who].client_id)
    return log


def mutate(rng: random.Random, update: bytes, other: bytes) -> bytes:
    """Returns the update with one to three faults."""
    made = bytearray(update)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(made) + 1)
        what = rng.randrange(8)
        if what == 0 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif what == 1 and at < len(made):
            made[at] = rng.choice((0, 1, 2, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif what == 2:
            del made[at : at + rng.randrange(1, 5)]
        elif what == 3:
            made[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif what == 4:
            start = rng.randrange(len(other) + 1)
            made[at:] = other[start:]
        elif what == 5:
            start = rng.randrange(len(made) + 1)
            made[at:at] = made[start : start + rng.randrange(1, 12)]
        elif what == 6 and at < len(made):
            made[at] = (made[at] + rng.choice((-1, 1, 2))) % 256
        elif what == 7:
            made = made[:at]
    return bytes(made)


def shift(rng: random.Random, update: bytes) -> bytes:
    """Returns the update with small numbers changed, so that most stay readable and mean something else."""
    made = bytearray(update)
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(len(made))
        if made[at] < 0x20:
            made[at] = max(0, made[at] + rng.randrange(-3, 4))
    return bytes(made)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def check_taken(doc: Doc, update: bytes, outline: UpdateOutline, state: dict[int, int], news: dict[int, int]) -> None:
    """Applies what the guard let through, and raises Failed unless the document is as promised, and stays so."""
    before = units(str(text_of(doc)))
    try:
        doc.apply_update(update)
    except ValueError as error:
        raise Failed(f"the engine refuses it: {error}") from None
    text = text_of(doc)
    if (known := read_state_vector(doc.get_state())) != {**state, **news}:
        raise Failed(f"the document knows {known}, not {state} and {news}")
    gone = sum(end - start for ranges in outline.deletes.values() for start, end in ranges)
    grown = units(str(text)) - before
    if not -gone <= grown <= outline.size:
        raise Failed(f"the text changed by {grown}")
    saved = doc.get_update()
    again = loaded(saved)
    if read_state_vector(again.get_state()) != known:
        raise Failed("a reload knows another state")
    if Counter(str(text)) != Counter(str(text_of(again))):
        raise Failed(f"a reload has other characters: {str(text)!r}, then {str(text_of(again))!r}")
    if str(text) != str(text_of(again)) or text.diff() != text_of(again).diff():
        raise Failed(f"a reload reads otherwise: {text.diff()!r}, then {text_of(again).diff()!r}")
    doc.apply_update(update)
    if str(text_of(doc)) != str(text) or read_state_vector(doc.get_state()) != known:
        raise Failed("the same update again changes something")


def remembered(rng: random.Random, doc: Doc, log: list[bytes]) -> TextShape:
    """Returns what the guard remembers of a document, kept along with its log or read from its snapshot."""
    shape = TextShape()
    if rng.random() < 0.5:
        shape.extend(read_update(doc.get_update(), SNAPSHOT_LIMITS), {})
        return shape
    known: dict[int, int] = {}
    for update in log:
        outline = read_update(update)
        news = judge_update(outline, known, set(), shape)
        shape.extend(outline, known)
        known.update(news)
    return shape


def candidate(rng: random.Random, logs: list[History], log: History, at: int) -> bytes:
    """Returns an update that fits, or nearly: the next one, an old one, or several in one, most often with faults."""
    chance = rng.random()
    if chance < 0.6:
        good = log.updates[at]
    elif chance < 0.8:
        good = rng.choice(log.updates)
    else:
        good = merge_updates(*log.updates[at - rng.randrange(2) : at + 3])
    chance = rng.random()
    if chance < 0.02:
        return good
    return shift(rng, good) if chance < 0.45 else mutate(rng, good, rng.choice(rng.choice(logs).updates))


def run(seed: int, count: int, case: Path) -> Counter[str]:
    """Judges so many mutations, and applies what is accepted; returns how many got each verdict. Raises Failed."""
    rng = random.Random(seed)
    verdicts: Counter[str] = Counter()
    logs = [history(rng, rng.choice((6, 12, 25))) for _ in range(60)]
    with case.open("wb", buffering=0) as in_hand:
        for nth in range(count):
            log = rng.choice(logs)
            at = rng.randrange(1, len(log.updates))
            update = candidate(rng, logs, log, at)
            doc = loaded(*log.updates[:at])
            state = read_state_vector(doc.get_state())
            shape = remembered(rng, doc, log.updates[:at])
            in_hand.seek(0)
            in_hand.write(f"{seed} {nth} {doc.get_update().hex()} {update.hex()}\n".encode())
            in_hand.truncate()
            others = set(log.owners) - set(log.owners[at : at + 3])
            started = time.perf_counter()
            try:
                outline = read_update(update)
                news = judge_update(outline, state, others, shape)
            except UpdateRefused as refused:
                verdicts[refused.reason] += 1
                if read_state_vector(doc.get_state()) != state:
                    raise Failed("a refusal changed the document") from None
            else:
                verdicts["accepted"] += 1
                check_taken(doc, update, outline, state, news)
            if time.perf_counter() - started > SLOWEST:
                raise Failed(f"it takes more than {SLOWEST} s")
    return verdicts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--case", type=Path, required=True)
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.seed, arguments.count, arguments.case)))


if __name__ == "__main__":
    main()
