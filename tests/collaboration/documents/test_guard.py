"""What a document takes: everything that people write, and nothing that would harm it."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Text, merge_updates

from collaboration.documents.contents import DELETED, EMBED, FORMAT, GC, SKIP, STRING, TYPE
from collaboration.documents.frames import write_number
from collaboration.documents.guard import (
    MAX_STATE_VECTOR_CLIENTS,
    StateVectorRefused,
    TextShape,
    judge_update,
    read_state_vector,
)
from collaboration.documents.limits import SNAPSHOT_LIMITS, UpdateRefused
from collaboration.documents.updates import read_update
from tests.collaboration.documents.handwritten import (
    CONVERSATION,
    CONVERSATION_TEXT,
    YJS_BYTES,
    counted,
    seconds,
    struct,
    text,
    update,
)
from tests.collaboration.documents.mutations import edit

NOBODY: frozenset[int] = frozenset()
HELLO = update((7, 0, [text("hello")]))


class Document:
    """What the rest of the server does with the guard: judge, apply, remember."""

    def __init__(self, *updates: bytes) -> None:
        self.doc: Doc = Doc(client_id=1)
        self.text = self.doc.get("content", type=Text)
        self.state: dict[int, int] = {}
        self.shape = TextShape()
        for each in updates:
            self.take(each)

    def take(self, data: bytes, others: Iterable[int] = NOBODY) -> dict[int, int]:
        outline = read_update(data)
        news = judge_update(outline, self.state, frozenset(others), self.shape)
        self.doc.apply_update(data)
        self.shape.extend(outline, self.state)
        self.state |= news
        return news

    def reloaded(self) -> Document:
        again = Document()
        saved = self.doc.get_update()
        again.doc.apply_update(saved)
        again.shape = TextShape.of(read_update(saved, SNAPSHOT_LIMITS))
        again.state = read_state_vector(again.doc.get_state())
        return again

    def __str__(self) -> str:
        return str(self.text)


def refused(document: Document, data: bytes, others: Iterable[int] = NOBODY) -> UpdateRefused:
    before = document.doc.get_update()
    with pytest.raises(UpdateRefused) as refusal:
        document.take(data, others)
    assert document.doc.get_update() == before
    return refusal.value


# --- what people write --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["string", "format", "embed", "deleted", "empty"])
def test_text_that_yjs_writes_is_taken(name: str) -> None:
    Document(YJS_BYTES[name])


def test_a_conversation_of_two_editors_is_taken_and_reads_as_they_see_it() -> None:
    document = Document(*CONVERSATION)
    assert str(document) == str(document.reloaded()) == CONVERSATION_TEXT
    assert document.state == read_state_vector(document.doc.get_state()) == {1: 8, 2**32 - 1: 9}


def test_what_was_sent_before_is_taken_again_and_brings_nothing() -> None:
    document = Document(*CONVERSATION)
    for again in (*CONVERSATION, document.doc.get_update(), merge_updates(*CONVERSATION)):
        assert document.take(again, others=document.state) == {}
    assert str(document) == CONVERSATION_TEXT


def test_an_update_that_is_known_in_part_brings_the_rest() -> None:
    document = Document(HELLO)
    assert document.take(update((7, 0, [text("hello world")]))) == {7: 11}
    assert document.take(update((7, 8, [text("rld!!", origin=(7, 7))]))) == {7: 13}
    assert str(document) == str(document.reloaded()) == "hello world!!"


def test_a_gap_is_taken_when_the_document_has_what_is_left_out() -> None:
    document = Document(HELLO)
    gap = update((7, 0, [text("h"), bytes((SKIP, 4)), text("!", origin=(7, 4))]))
    assert document.take(gap) == {7: 6}
    assert str(document) == str(document.reloaded()) == "hello!"


def test_structs_that_depend_on_each_other_across_clients_are_taken_together() -> None:
    ping_pong = update(
        (8, 0, [text("b", origin=(7, 0)), text("d", origin=(7, 1))]),
        (7, 0, [text("a"), text("c", origin=(8, 0)), text("e", origin=(8, 1))]),
    )
    document = Document(ping_pong)
    assert str(document) == str(document.reloaded()) == "abcde"


def test_the_new_clock_of_every_client_is_told_so_that_it_can_be_bound_to_its_user() -> None:
    both = update((7, 5, [text("!", origin=(7, 4))]), (8, 0, [text("?", origin=(7, 4))]))
    assert Document(HELLO).take(both) == {7: 6, 8: 1}


def test_who_may_not_write_under_a_client_is_asked_of_a_set_or_a_function() -> None:
    outline = read_update(HELLO)
    for others in ({7}, lambda client: client == 7):
        with pytest.raises(UpdateRefused) as refusal:
            judge_update(outline, {}, others)
        assert refusal.value.reason == "client_id"
    assert judge_update(outline, {}, lambda client: client == 8) == {7: 5}


# --- what would harm a document -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(update((7, 5, [bytes((GC, 15))])), id="GC"),
        pytest.param(update((7, 5, [bytes((GC,)) + write_number(2**31 - 7)])), id="GC up to the last clock"),
        pytest.param(update((7, 5, [struct(DELETED, b"\x0f", origin=(7, 4))])), id="Deleted"),
        pytest.param(update((7, 5, [text("forged", origin=(7, 4))])), id="text"),
        pytest.param(update((9, 0, [text("mine")]), (7, 5, [text("x", origin=(9, 3))])), id="beside one's own"),
        pytest.param(update((7, 4, [text("ox", origin=(7, 3))])), id="known in part"),
    ],
)
def test_nobody_writes_under_the_client_of_somebody_else(forged: bytes) -> None:
    document = Document(HELLO)
    assert refused(document, forged, others={7}).reason == "client_id"
    for nth in range(100):
        document.take(update((7, 5 + nth, [text("!", origin=(7, 4 + nth))])))
    assert str(document) == str(document.reloaded()) == "hello" + "!" * 100


def test_structs_up_to_the_last_clock_are_refused_for_their_length() -> None:
    for length in (2**31 - 5, 2**32 - 10):
        assert refused(Document(HELLO), update((7, 5, [bytes((GC,)) + write_number(length)]))).reason == "clock"


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (update((7, 6, [text("!", origin=(7, 5))])), {7: 6}),
        (update((8, 1, [text("!")])), {8: 1}),
        (update((8, 0, [text("!", origin=(7, 5))])), {7: 6}),
        (update((8, 0, [text("!", origin=(9, 3))])), {9: 4}),
        (update((8, 0, [text("!", origin=(7, 4), right=(9, 3))])), {9: 4}),
        (update((8, 0, [text("!", origin=(9, 2))]), (9, 0, [text("ab")])), {9: 3}),
        (update((8, 0, [text("!"), bytes((SKIP, 1)), text("?", origin=(8, 1))])), {8: 2}),
        (update(deletes={7: [(0, 2), (4, 2)]}), {7: 6}),
        (update(deletes={9: [(0, 1)]}), {9: 1}),
        (update((8, 0, [text("ab")]), deletes={8: [(1, 2)]}), {8: 3}),
    ],
    ids=lambda value: value.hex()[:30] if isinstance(value, bytes) else "",
)
def test_what_builds_on_missing_things_is_refused_and_says_what_is_missing(
    data: bytes, missing: dict[int, int]
) -> None:
    refusal = refused(Document(HELLO), data)
    assert (refusal.reason, refusal.missing) == ("missing_deps", missing)


def test_structs_that_wait_for_each_other_are_refused() -> None:
    circle = update((8, 0, [text("a", origin=(9, 0))]), (9, 0, [text("b", origin=(8, 0))]))
    assert refused(Document(HELLO), circle).reason == "missing_deps"


def test_an_update_before_its_dependency_is_refused_and_nothing_is_lost_when_both_come_again() -> None:
    document = Document()
    first, second = update((7, 0, [text("one ")])), update((7, 4, [text("two ", origin=(7, 3))]))
    assert refused(document, second).reason == "missing_deps"
    document.take(first)
    document.take(second)
    assert str(document) == str(document.reloaded()) == "one two "


def test_dependencies_are_followed_in_time_in_proportion_to_the_update() -> None:
    def zip_(structs: int) -> bytes:
        # Each struct of either client stands behind the one before it of the other.
        left = [text("a")] + [text("a", origin=(8, nth)) for nth in range(structs)]
        right = [text("b", origin=(7, nth)) for nth in range(structs)]
        return update((7, 0, left), (8, 0, right))

    def judge(structs: int) -> float:
        outline = read_update(zip_(structs), SNAPSHOT_LIMITS)
        return seconds(lambda: judge_update(outline, {}, NOBODY, limits=SNAPSHOT_LIMITS))

    assert judge(20_000) < 100 * judge(1_000)


@pytest.mark.parametrize("name", ["binary", "any", "types", "nested", "doc", "gc", "map", "json"])
def test_a_document_holds_nothing_but_its_text(name: str) -> None:
    assert refused(Document(), YJS_BYTES[name]).reason == "schema"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(struct(STRING, b"\x01a", parent="title"), id="another root"),
        pytest.param(struct(STRING, b"\x01a", parent=""), id="a root without a name"),
        pytest.param(struct(STRING, b"\x01a", key="k"), id="an entry of a map"),
        pytest.param(struct(STRING | 0x20, b"\x01a", origin=(7, 0)), id="an entry of a map beside something"),
        pytest.param(struct(STRING, b"\x01a", parent=(7, 0)), id="inside a struct"),
        pytest.param(struct(TYPE, b"\x02", origin=(7, 0)), id="a type beside text"),
        pytest.param(bytes((GC, 1)), id="GC"),
    ],
)
def test_one_wrong_struct_among_good_ones_is_refused(wrong: bytes) -> None:
    fine = [text("a", origin=(7, 0)), struct(EMBED, counted("{}"), origin=(8, 0))]
    good = update((8, 0, [*fine, struct(FORMAT, counted("bold") + counted("true"), origin=(8, 1))]))
    Document(HELLO, good)
    assert refused(Document(HELLO), update((8, 0, [*fine, wrong]))).reason == "schema"


# --- what the engine would store otherwise than it shows it -----------------------------------------------------------


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(update((8, 0, [text("x", origin=(7, 1))])), id="origin"),
        pytest.param(update((8, 0, [text("x", right=(7, 2))])), id="right origin"),
        pytest.param(update(deletes={7: [(2, 1)]}), id="start of a deletion"),
        pytest.param(update(deletes={7: [(0, 2)]}), id="end of a deletion"),
        pytest.param(update((7, 2, [text("zzz", origin=(7, 1))])), id="start of what is known in part"),
        pytest.param(update((7, 2, [text("zzz")])), id="start without origin"),
        pytest.param(update((7, 3, [text("😀😀", origin=(7, 2))])), id="end of what is known"),
    ],
)
def test_no_character_is_cut_in_two(cut: bytes) -> None:
    document = Document(update((7, 0, [text("a😀b")])))
    for each in (document, document.reloaded()):
        assert refused(each, cut).reason == "encoding"


def test_characters_that_an_update_brings_are_not_cut_by_it_either() -> None:
    brought = (7, 0, [text("a😀b")])
    for cut in (update((8, 0, [text("x", origin=(7, 1))]), brought), update(brought, deletes={7: [(2, 1)]})):
        assert refused(Document(), cut).reason == "encoding"
    assert (
        str(Document(update((8, 0, [text("x", origin=(7, 2), right=(7, 3))]), brought, deletes={7: [(0, 1)]})))
        == "😀xb"
    )


@pytest.mark.parametrize(
    "turned",
    [
        pytest.param(update((8, 0, [text("x", origin=(7, 3), right=(7, 3))])), id="both sides of one letter"),
        pytest.param(update((8, 0, [text("x", origin=(7, 3), right=(7, 1))])), id="backwards"),
        pytest.param(update((7, 5, [text("x", origin=(7, 4), right=(7, 2))])), id="going on before itself"),
        pytest.param(update((7, 3, [text("loxx", origin=(7, 0), right=(7, 1))])), id="known in part"),
        pytest.param(
            update((7, 1, [text("e"), text("l"), text("loxx", origin=(7, 2), right=(7, 1))])), id="a forged beginning"
        ),
    ],
)
def test_nothing_stands_between_two_letters_that_are_the_other_way_round(turned: bytes) -> None:
    document = Document(HELLO)
    for each in (document, document.reloaded()):
        assert refused(each, turned).reason == "encoding"


def test_who_types_in_front_of_what_they_typed_is_understood() -> None:
    document = Document(HELLO, update((7, 5, [text("oh ", right=(7, 0))])), update((7, 8, [text("dear")])))
    for each in (document, document.reloaded()):
        each.take(update((8, 0, [text("well ", origin=(7, 7), right=(7, 0))])))
        assert str(each) == str(each.reloaded())


def rivals(structs: int) -> list[bytes]:
    """Structs for one place, of which the engine compares each with all others."""
    return [text("a", right=(1, 0)) if nth % 2 else text("a") for nth in range(structs)]


def test_an_update_may_make_the_engine_work_for_a_second_and_no_longer() -> None:
    end = update((1, 0, [text("z")]))
    chain = [
        text("b", origin=(2, nth), right=(1, 0)) if nth % 2 else text("b", origin=(2, nth)) for nth in range(9_999)
    ]
    document = Document(end, update((2, 0, [text("b"), *chain])))
    for each in (document, document.reloaded()):
        assert 10_000 <= each.shape.pieces <= 21_000  # it is exact after a reload, and at most twice as much before
        assert refused(each, update((7, 0, rivals(2_500)))).reason == "size"
        each.take(update((7, 0, rivals(500))))
        assert each.take(update((7, 0, rivals(500)))) == {}


def test_cuts_that_run_backwards_through_a_long_text_are_counted_as_work() -> None:
    long = Document(update((2, 0, [text("x" * 900_000)])))
    places = [text("y", origin=(2, 100 * nth), right=(2, 100 * nth + 1)) for nth in range(4_000)]
    assert refused(long, update((7, 0, places[::-1]))).reason == "size"
    long.take(update((7, 0, places)))
    assert long.take(update((7, 0, places))) == {}


def test_who_reconnects_again_and_again_adds_no_work() -> None:
    document = Document(HELLO, update(deletes={7: [(0, 1), (2, 1), (4, 1)]}), update(deletes={7: [(1, 1)]}))
    everything = update(deletes={7: [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]})
    for _ in range(3):
        document.take(everything)
    assert document.shape.pieces == 2 * (1 + 1)


# --- random editing ---------------------------------------------------------------------------------------------------


@given(st.integers(2, 4), st.integers(0, 2**32), st.integers(5, 40))
def test_people_who_edit_at_random_are_always_understood(people: int, seed: int, edits: int) -> None:
    rng = random.Random(seed)
    document, log = Document(), []
    docs = [Doc(client_id=client) for client in rng.sample(range(2, 2**32), people)]
    heard = [0] * people
    for _ in range(edits):
        who = rng.randrange(people)
        for sender, earlier in log[heard[who] :]:
            if sender != who:
                docs[who].apply_update(earlier)
        heard[who] = len(log)
        made = [edit(rng, docs[who]) for _ in range(rng.randrange(1, 4))]
        me = docs[who].client_id
        if made[1:] and all(me in read_update(each).clients for each in made[:2]):
            assert refused(document, made[1]).reason == "missing_deps"
        others = {doc.client_id for doc in docs} - {me}
        for each in made if rng.random() < 0.7 else [merge_updates(*made)]:
            document.take(each, others)
            assert document.take(each, others=document.state) == {}
            log.append((who, each))
        if rng.random() < 0.1:
            document = document.reloaded()
    for who, doc in enumerate(docs):
        for sender, earlier in log[heard[who] :]:
            if sender != who:
                doc.apply_update(earlier)
        assert str(doc.get("content", type=Text)) == str(document)
    assert str(document) == str(document.reloaded())
    assert Document().take(document.doc.get_update()) == document.state


# --- state vectors ----------------------------------------------------------------------------------------------------


def test_a_state_vector_tells_how_far_each_client_is_known() -> None:
    assert read_state_vector(b"\0") == {}
    assert read_state_vector(bytes.fromhex("02ffffffff0f090108")) == {2**32 - 1: 9, 1: 8}
    assert read_state_vector(b"\x01" + write_number(2**53 - 1) + write_number(2**31 - 1)) == {2**53 - 1: 2**31 - 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x80\x80\x80\x02",
        b"\xff" * 65_536,
        b"\xff" * 1_048_576,
        b"\x01",
        b"\x01\x07",
        b"\x00\x00",
        b"\x02\x07\x01\x07\x02",
        b"\x01\x07" + write_number(2**31),
        b"\x01" + write_number(2**53) + b"\x01",
        write_number(MAX_STATE_VECTOR_CLIENTS + 1)
        + b"".join(write_number(client) + b"\x01" for client in range(MAX_STATE_VECTOR_CLIENTS + 1)),
    ],
    ids=lambda data: f"{data[:6].hex()}-{len(data)}",
)
def test_a_state_vector_that_would_be_allocated_for_nothing_is_refused_at_once(data: bytes) -> None:
    def read() -> None:
        with pytest.raises(StateVectorRefused):
            read_state_vector(data)

    assert seconds(read) < 0.005
