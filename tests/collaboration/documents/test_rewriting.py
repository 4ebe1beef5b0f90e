"""Edits that the server makes: they make the text what it should be, and keep what others wrote meanwhile."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Text

from collaboration.documents.diffs import MOST_EDITS
from collaboration.documents.guard import judge_update
from collaboration.documents.rewriting import MOST_BYTES, MOST_PLACES, rewrite
from collaboration.documents.texts import MergedText, decoded, encoded, seed
from collaboration.documents.updates import read_update
from tests.collaboration.documents.typist import Typist

TEXTS = st.lists(st.sampled_from(["one", "two", " ", "\n", "é", "👩‍👩‍👧", "😀", "漢", "\r\n"]), max_size=40).map(
    "".join
)


def taken(*updates: bytes) -> MergedText:
    """A text that has taken updates, each of which the guard passes."""
    text = MergedText()
    for update in updates:
        judge_update(read_update(update), text.clocks, (), text.shape)
        text.take(update, "somebody")
    return text


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS)
def test_a_text_becomes_what_it_should_be(before: str, after: str) -> None:
    begun = seed(before) if before else b"\0\0"
    assert str(taken(begun, *rewrite([begun], after))) == after


def test_what_is_there_already_takes_no_update() -> None:
    assert rewrite([seed("Same\n")], "Same\n") == []


def test_what_others_wrote_since_stays() -> None:
    begun = seed("The quick fox\njumps.\n")
    ada = Typist(7, encoded(begun))
    theirs = [decoded(ada.type(words, at), "update") for words, at in (("lazy ", 4), ("Really!\n", None))]
    text = taken(begun, *theirs, *rewrite([begun], "The slow fox\njumps.\n"))
    assert str(text) == "The lazy slow fox\njumps.\nReally!\n"


def test_a_small_change_of_a_large_text_is_a_small_update() -> None:
    begun = seed("A long design, with words.\n" * 20_000)
    [update] = rewrite([begun], str(taken(begun)).replace("design", "plan", 3))
    assert len(update) < 150


def test_large_changes_come_as_several_updates_of_which_each_fits_a_frame() -> None:
    begun = seed("Old text. 😀 " * 10_000)
    content = "Wholly new 漢字 😀 " * 20_000
    updates = rewrite([begun], content)
    assert str(taken(begun, *updates)) == content
    assert max(len(update) for update in updates) < MOST_BYTES + 1_000
    assert len(updates) <= len(content.encode()) // MOST_BYTES + MOST_EDITS // MOST_PLACES + 2


def test_each_rewriting_has_a_client_of_its_own() -> None:
    begun = seed("a")
    clients = [next(iter(read_update(rewrite([begun], "b")[0]).clients)) for _ in range(5)]
    assert len({*clients, 0, 1}) == 7


def test_a_text_with_embedded_objects_is_replaced_and_formats_are_no_matter() -> None:
    doc: Doc[Text] = Doc(client_id=7)
    text = doc.get("content", type=Text)
    text += "Hello world"
    text.format(0, 5, {"bold": True})
    formatted = doc.get_update()
    assert str(taken(formatted, *rewrite([formatted], "Hello dear world"))) == "Hello dear world"
    text.insert_embed(3, {"image": "x"})
    embedded = doc.get_update()
    whole = taken(embedded, *rewrite([embedded], "Hello dear world"))
    assert str(whole) == "Hello dear world"
    assert len(Typist(8, encoded(whole.update())).text) == len("Hello dear world")
