"""Edits that the server makes for somebody: from a text as it was seen to the text that is wanted. No Django."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container, Iterable, Iterator
from typing import NamedTuple, TypeVar

from pycrdt import Doc, Text

from collaboration.documents.diffs import Edit, edits
from collaboration.documents.guard import ROOT, read_state_vector

# An update is an event, which goes to everybody in the document: not much larger than what clients may send.
MOST_BYTES = 65_536
MOST_PLACES = 100  # of so few the guard does not ask how long the engine takes for them

T = TypeVar("T")


class Step(NamedTuple):
    """What is erased and then inserted at a place; places are counted in the bytes of UTF-8, as the engine does."""

    place: int
    erased: int
    text: str


def rewrite(seen: Iterable[bytes], content: str) -> list[bytes]:
    """Returns the updates, to be taken in order, that make a text what it should be, under a clientID of their own.

    `seen` are the updates that the text is made of, as its author saw it; what others wrote since stays, wherever this
    comes to stand. What is wanted and is there already is not touched. In a text with embedded objects, which are no
    text, everything is replaced.
    """
    reader: Doc[Text] = Doc(client_id=0)
    for update in seen:
        reader.apply_update(update)
    doc: Doc[Text] = Doc(client_id=_unused(read_state_vector(reader.get_state())))
    doc.apply_update(reader.get_update())
    text = doc.get(ROOT, type=Text)
    before = str(text)
    if len(text) == len(before.encode()):
        steps = list(_steps(before, edits(before, content)))
    else:
        steps = [Step(0, len(text), ""), *_steps("", edits("", content))]
    made: list[bytes] = []
    subscription = doc.observe(lambda event: made.append(event.update))
    for together in grouped(steps, lambda step: len(step.text.encode())):
        # One transaction for many: the engine tidies up after each, which takes 3 ms in a text of 2 MB.
        with doc.transaction():
            for step in together:
                if step.erased:
                    del text[step.place : step.place + step.erased]
                if step.text:
                    text.insert(step.place, step.text)
    doc.unobserve(subscription)
    return made


def _unused(known: Container[int]) -> int:
    while (client := secrets.randbits(32)) in known or client < 2:
        pass
    return client


def _steps(before: str, made: list[Edit]) -> Iterator[Step]:
    """Says edits as steps, each where its place is after those before it.

    In this order: to cut a text before where it cut last, the engine counts it from the beginning.
    """
    place = at = 0
    for edit in made:
        place += len(before[at : edit.at].encode())
        at = edit.at + edit.erased
        erased = len(before[edit.at : at].encode())
        for start in range(0, max(1, len(edit.text)), MOST_BYTES // 4):
            text = edit.text[start : start + MOST_BYTES // 4]
            yield Step(place, erased, text)
            place += len(text.encode())
            erased = 0


def grouped(items: Iterable[T], size: Callable[[T], int], most: int = MOST_PLACES) -> Iterator[list[T]]:
    """Items in groups of which each fits an event, and has so many at most."""
    group: list[T] = []
    bytes_ = 0
    for item in items:
        if group and (bytes_ + size(item) > MOST_BYTES or len(group) == most):
            yield group
            group, bytes_ = [], 0
        group.append(item)
        bytes_ += size(item)
    if group:
        yield group
