"""Who wrote which stretch of a text, as the engine has it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc

from collaboration.documents import authorship
from collaboration.documents.authorship import Piece, Range, TooManyPieces, pieces, ranges
from collaboration.documents.guard import read_state_vector
from collaboration.documents.texts import seed
from tests.collaboration.documents.handwritten import CONVERSATION, CONVERSATION_TEXT, YJS_BYTES, text, update
from tests.collaboration.documents.mutations import between_characters, loaded, text_of, units

Id = tuple[int, int]
NARROW, WIDE = 0x4E00, 0x20000  # characters of one and of two UTF-16 units, as many as one likes


class Company:
    """People who write into copies of one text and hear of each other late; every character there is only once."""

    def __init__(self, clients: list[int]) -> None:
        self.docs = [Doc(client_id=client) for client in clients]
        self.log: list[bytes] = []
        self.told = [0 for _ in clients]
        self.wrote: dict[Id, str] = {}  # each UTF-16 unit, by the clock that it took

    def hear(self, who: int) -> None:
        for update_ in self.log[self.told[who] :]:
            self.docs[who].apply_update(update_)
        self.told[who] = len(self.log)

    def act(self, who: int, what: str, place: int, length: int) -> None:
        doc = self.docs[who]
        before, content = doc.get_state(), text_of(doc)
        places = between_characters(content)
        start = place % len(places)
        begin, end = places[start], places[min(len(places) - 1, start + length)]
        if what == "embed":
            content.insert_embed(begin, {"image": "a.png"})
        elif what == "write" or begin == end:
            fresh = "".join(chr((WIDE if n % 3 else NARROW) + len(self.wrote) + n) for n in range(length))
            clock = read_state_vector(before).get(doc.client_id, 0)
            content.insert(begin, fresh)
            for number, unit in enumerate(split(fresh)):
                self.wrote[doc.client_id, clock + number] = unit
        elif what == "erase":
            del content[begin:end]
        else:
            content.format(begin, end, {"bold": True if what == "bold" else None})
        self.log.append(doc.get_update(before))


def split(letters: str) -> list[str]:
    """A text's UTF-16 units, each with the character that it is of."""
    return [f"{letter}{half}" for letter in letters for half in range(units(letter))]


ACTS = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["write", "write", "write", "erase", "bold", "plain", "embed", "hear", "hear"]),
    st.integers(0, 40),
    st.integers(1, 5),
)
CLIENTS = st.lists(st.integers(2, 2**53 - 1), min_size=4, max_size=4, unique=True)


@settings(max_examples=200, deadline=None)
@given(CLIENTS, st.lists(ACTS, max_size=60))
def test_the_pieces_are_those_of_the_engine_however_people_write_at_once(
    clients: list[int], acts: list[tuple[int, str, int, int]]
) -> None:
    company = Company(clients)
    for who, what, place, length in acts:
        if what == "hear":
            company.hear(who)
        else:
            company.act(who, what, place, length)
    doc = loaded(*company.log)
    found = pieces(doc.get_update())
    in_order = [company.wrote[piece.client, piece.clock + nth] for piece in found for nth in range(piece.length)]
    assert in_order == split(str(text_of(doc)))


def test_what_yjs_wrote_is_put_in_order_too() -> None:
    doc = loaded(*CONVERSATION)
    found = ranges(pieces(doc.get_update()), {1: "ada", 0xFFFFFFFF: "bob"})
    assert [(CONVERSATION_TEXT[start:end], user) for start, end, user in found] == [
        ("HE", "ada"),
        ("!", "bob"),
        ("lo", "ada"),
        (" world", "bob"),
    ]


def test_what_shows_no_character_takes_no_place() -> None:
    assert pieces(YJS_BYTES["embed"]) == []
    assert pieces(YJS_BYTES["deleted"]) == [Piece(7, 0, 1), Piece(7, 2, 1)]
    assert pieces(YJS_BYTES["empty"]) == []
    assert sum(piece.length for piece in pieces(YJS_BYTES["string"])) == units("naïve 😀")


def test_what_is_of_no_text_is_not_ours() -> None:
    with pytest.raises(ValueError, match="not a text's"):
        pieces(YJS_BYTES["any"])


def test_ranges_of_one_user_side_by_side_are_one() -> None:
    both = [Piece(1, 0, 2), Piece(7, 0, 3), Piece(8, 0, 1), Piece(9, 0, 1), Piece(7, 3, 1)]
    owners = {1: "", 7: "ada", 8: "ada", 9: "bob"}
    assert list(ranges(both, owners)) == [Range(0, 2, ""), Range(2, 6, "ada"), Range(6, 7, "bob"), Range(7, 8, "ada")]
    assert list(ranges([], {})) == []


def test_a_text_begins_with_a_piece_of_the_servers() -> None:
    assert pieces(seed("Hello 😀")) == [Piece(1, 0, 8)]


def test_structs_that_wait_for_each_other_in_a_circle_are_no_text() -> None:
    with pytest.raises(ValueError, match="circle"):
        pieces(update((7, 0, [text("a", origin=(8, 0))]), (8, 0, [text("b", origin=(7, 0))])))


def test_a_text_in_too_many_pieces_or_with_too_many_rivals_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rivals = update(*[(client, 0, [text("a")]) for client in range(2, 52)])
    assert [piece.client for piece in pieces(rivals)] == list(range(2, 52))
    monkeypatch.setattr(authorship, "MAX_STEPS", 1_000)
    with pytest.raises(TooManyPieces):
        pieces(rivals)
    monkeypatch.setattr(authorship, "MAX_PIECES", 49)
    with pytest.raises(TooManyPieces):
        pieces(rivals)
