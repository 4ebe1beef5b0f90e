"""Texts that merge: what they begin with, how they grow, and what they tell of themselves."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bduf_realtime.gateway.errors import RealtimeError
from collaboration.documents.guard import judge_update
from collaboration.documents.limits import UpdateRefused
from collaboration.documents.texts import (
    SEED_CLIENT,
    MergedText,
    ShapeAbove,
    decoded,
    encoded,
    seed,
    state_vector_checked,
)
from collaboration.documents.updates import read_update
from tests.collaboration.documents.typist import Typist


def text_of(*updates: str | bytes) -> MergedText:
    text = MergedText()
    for update in updates:
        text.take(update if isinstance(update, bytes) else decoded(update, "update"), "ada")
    return text


def test_a_seed_is_the_same_for_the_same_text_and_nobodys_who_writes_later() -> None:
    assert seed("Hello 😀") == seed("Hello 😀")
    text = MergedText()
    text.take(seed("Hello 😀"), "")
    text.take(seed("Hello 😀"), "")
    assert str(text) == "Hello 😀"
    assert text.owners == {SEED_CLIENT: ""}


def test_a_client_belongs_to_whoever_wrote_first_under_its_number() -> None:
    ada = Typist(7)
    text = MergedText()
    text.take(decoded(ada.type("a"), ""), "ada")
    text.take(decoded(ada.type("b"), ""), "bob")
    assert (text.owners, text.clocks) == ({7: "ada"}, {7: 2})


@given(st.integers(0, 2**32))
def test_typists_who_get_each_others_updates_in_any_order_converge_with_the_server(chance: int) -> None:
    dice = random.Random(chance)
    typists = [Typist(client) for client in (11, 12, 13)]
    server = MergedText()
    late: list[list[str]] = [[], [], []]
    for _ in range(15):
        who = dice.randrange(3)
        typist = typists[who]
        length = len(typist.text)
        if length and dice.random() < 0.3:
            start = dice.randrange(length)
            update = typist.erase(start, min(length, start + dice.randrange(1, 4)))
        else:
            update = typist.type(dice.choice(("a", "bc", "def")), dice.randrange(length + 1))
        server.take(decoded(update, ""), str(who))
        for other in {0, 1, 2} - {who}:
            late[other].append(update)
        if dice.random() < 0.5:
            reader = dice.randrange(3)
            for update in late[reader]:
                typists[reader].take(update)
            late[reader].clear()
    for typist, updates in zip(typists, late, strict=True):
        for update in updates:
            typist.take(update)
    assert {str(typist) for typist in typists} == {str(server)}


def test_a_client_that_says_what_it_has_gets_no_more_than_it_lacks() -> None:
    ada, bob = Typist(7), Typist(8)
    first = ada.type("x" * 1_000)
    bob.take(first)
    server = text_of(first, ada.type("y"))
    missing = server.update(decoded(bob.state_vector, ""))
    assert len(missing) < 100
    bob.take(encoded(missing))
    assert str(bob) == str(server)
    assert server.update(server.state_vector) == b"\0\0"


def test_edits_of_a_batch_are_judged_on_top_of_a_text_that_stays_as_it_is() -> None:
    ada = Typist(7)
    server = text_of(ada.type("😀😀"))
    above = ShapeAbove(server.shape)
    assert above.cuts(7, 1)
    clocks = dict(server.clocks)
    outline = read_update(decoded(ada.type("😀"), ""))
    clocks |= judge_update(outline, clocks, set(), above)
    above.extend(outline, server.clocks)
    assert above.cuts(7, 5)
    assert not server.shape.cuts(7, 5)


def test_what_would_cut_a_character_of_the_text_below_is_refused_above_it() -> None:
    ada = Typist(7)
    server = text_of(ada.type("😀"))
    cutting = bytes((0, 1, 7, 1, 0, 1))  # deletes client 7 from clock 0, one unit of two
    with pytest.raises(UpdateRefused, match="cuts a character"):
        judge_update(read_update(cutting), server.clocks, set(), ShapeAbove(server.shape))


def test_what_an_update_deletes_is_known_from_the_text_below_and_the_batch_above_together() -> None:
    ada = Typist(7)
    server = text_of(ada.type("abcdef"), ada.erase(0, 2))
    above = ShapeAbove(server.shape)
    rest = ada.erase(0, 2)
    everything = read_update(ada.doc.get_update())
    assert not above.knows_deletions(everything)
    above.extend(read_update(decoded(rest, "")), server.clocks)
    assert above.knows_deletions(everything)
    assert server.lacks(everything)


def test_the_pieces_of_the_text_below_count_above_it() -> None:
    ada = Typist(7)
    server = text_of(ada.type("abcdef"), *[ada.type("x", place) for place in (1, 3, 5)], ada.erase(2, 3))
    assert ShapeAbove(server.shape).pieces == server.shape.pieces == 2 * (4 + 1)


def test_a_text_lacks_what_is_new_and_nothing_that_is_sent_again() -> None:
    ada = Typist(7)
    updates = [ada.type("abc"), ada.erase(1, 2), ada.type("d")]
    server = MergedText()
    for update in updates:
        assert server.lacks(read_update(decoded(update, "")))
        server.take(decoded(update, ""), "ada")
        assert not server.lacks(read_update(decoded(update, "")))
    assert not server.lacks(read_update(ada.doc.get_update()))


def test_many_updates_at_once_make_the_same_text_as_one_by_one() -> None:
    ada, bob = Typist(7), Typist(8)
    updates = [decoded(update, "") for update in (ada.type("abc "), ada.type("def"), ada.erase(1, 3))]
    bob.doc.apply_update(ada.doc.get_update())
    updates += [decoded(update, "") for update in (bob.type("x", 1), bob.erase(0, 2))]
    one, many = MergedText(), MergedText()
    for update in updates:
        one.take(update, "ada")
    many.take_all([(update, "ada") for update in updates])
    assert one.differences(many) == many.differences(one) == []
    assert MergedText.of(many.update(), many.clients).differences(one) == []


def test_what_differs_is_named() -> None:
    ada = Typist(7)
    first = ada.type("abc")
    text, erased, other = text_of(first), text_of(first, ada.erase(1, 2)), MergedText()
    other.take(decoded(first, ""), "bob")
    assert text.differences(other) == ["owners"]
    assert text.differences(erased) == ["text", "formatting", "deletions"]
    assert erased.differences(text) == ["text", "formatting", "deletions", "known deletions"]


def test_a_client_is_nobodys_of_whom_an_update_brings_nothing() -> None:
    nothing = bytes.fromhex("0101070a0a05") + bytes((0,))  # client 7 says only that it leaves out five
    many = MergedText()
    many.take_all([(seed("a"), ""), (nothing, "bob")])
    assert many.owners == {SEED_CLIENT: ""}


def test_the_whole_text_is_encoded_once_for_all_who_ask() -> None:
    ada = Typist(7)
    server = text_of(ada.type("a"))
    whole = server.update()
    assert server.update(b"\0") is server.update() is whole
    server.take(decoded(ada.type("b"), ""), "ada")
    assert server.update() != whole


@pytest.mark.parametrize("text", ["?", "AA=A", "é", "A", "AAAA\n"])
def test_what_is_not_base64_is_a_bad_value_of_its_field(text: str) -> None:
    with pytest.raises(RealtimeError) as error:
        decoded(text, "update")
    assert (error.value.code, error.value.details) == ("msg.bad_value", {"field": "update"})


@pytest.mark.parametrize("vector", [b"", b"\xff\xff\xff\xff\x0f", b"\x01\x01", b"\x00\x00"])
def test_a_state_vector_that_would_harm_the_engine_never_reaches_it(vector: bytes) -> None:
    with pytest.raises(RealtimeError) as error:
        state_vector_checked(vector)
    assert error.value.code == "doc.bad_state_vector"
