"""Differences of texts: both come together again, edits lead from one to the other, and nothing takes long."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collaboration.documents.diffs import BUDGET, MOST_EDITS, Budget, Edit, Hunk, Piece, changes, diff, edits

WORDS = st.sampled_from(
    ["a", "b", "word", " ", "  ", "\n", "\n\n", "é", "👩‍👩‍👧", "e\u0301", "漢字", ".", "\r\n", "\u2028"]
)
TEXTS = st.lists(WORDS, max_size=60).map("".join) | st.text(max_size=80)


def applied(before: str, made: list[Edit]) -> str:
    text, at = "", 0
    for edit in made:
        assert edit.at >= at
        text += before[at : edit.at] + edit.text
        at = edit.at + edit.erased
    return text + before[at:]


def sides(hunks: list[Hunk]) -> tuple[str, str]:
    pieces = [piece for hunk in hunks for piece in hunk.pieces]
    return tuple("".join(text for op, text in pieces if op in ("equal", side)) for side in ("delete", "insert"))  # type: ignore[return-value]


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_a_diff_has_both_texts_in_it_and_edits_make_one_the_other(before: str, after: str) -> None:
    hunks = diff(before, after)
    assert sides(hunks) == (before, after)
    assert applied(before, edits(before, after)) == after
    for hunk in hunks:
        assert hunk.before <= before.count("\n") + 1
        assert hunk.after <= after.count("\n") + 1


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, st.integers(0, 60))
def test_a_diff_that_runs_out_of_steps_is_coarser_and_right(before: str, after: str, steps: int) -> None:
    rebuilt, at = "", 0
    for start, stop, begin, end in changes(before, after, Budget(steps)):
        rebuilt += before[at:start] + after[begin:end]
        at = stop
    assert rebuilt + before[at:] == after


def test_lines_that_were_changed_are_told_word_by_word() -> None:
    before = "# Title\n\nThe quick fox\njumps.\nEnd\n"
    after = "# Title\n\nThe slow brown fox\njumps.\nMore\nEnd\n"
    assert diff(before, after) == [
        Hunk(1, 1, [Piece("equal", "# Title\n\n")]),
        Hunk(
            3,
            3,
            [Piece("equal", "The "), Piece("delete", "quick"), Piece("insert", "slow brown"), Piece("equal", " fox\n")],
        ),
        Hunk(4, 4, [Piece("equal", "jumps.\n")]),
        Hunk(5, 5, [Piece("insert", "More\n")]),
        Hunk(5, 6, [Piece("equal", "End\n")]),
    ]


def test_changed_words_with_only_spaces_between_them_are_one_change() -> None:
    [hunk] = diff("one two three four", "one 2 3 four")
    assert hunk.pieces == [
        Piece("equal", "one "),
        Piece("delete", "two three"),
        Piece("insert", "2 3"),
        Piece("equal", " four"),
    ]


def test_equal_texts_have_no_edits_and_empty_ones_no_hunks() -> None:
    assert edits("same\n", "same\n") == []
    assert diff("", "") == []
    assert diff("", "new\n") == [Hunk(1, 1, [Piece("insert", "new\n")])]
    assert diff("old\n", "") == [Hunk(1, 1, [Piece("delete", "old\n")])]


def test_a_sign_of_several_characters_is_changed_as_a_whole() -> None:
    assert edits("x 👩‍👩‍👧 y", "x 👩‍👩‍👦 y") == [Edit(2, 5, "👩‍👩‍👦")]
    assert edits("漢字文", "漢語文") == [Edit(1, 1, "語")]


def test_so_many_edits_that_they_are_no_small_ones_become_one() -> None:
    before = "".join(f"{n} old\n\n" for n in range(MOST_EDITS + 1))
    made = edits(before, before.replace("old", "new"))
    assert len(made) == 1
    assert applied(before, made) == before.replace("old", "new")
    assert len(edits(before, before.replace("old", "new", 5))) == 5


def test_two_versions_of_a_large_document_differ_in_what_was_changed() -> None:
    lines = [f"Line {n} of a long design, with words.\n" for n in range(50_000)]
    other = [f"Line {n}, a new one, with words.\n" if n % 500 == 3 else line for n, line in enumerate(lines)]
    assert len(edits("".join(lines), "".join(other))) == 200


_random = random.Random(1)
HOSTILE = {
    "periods": ("x" + "a b " * 200_000 + "y", "z" + "b a " * 200_000 + "w"),
    "the same again and again": ("x " + "a\n" * 400_000 + "y\n" + "a\n" * 400_000, "q\n" + "a\n" * 800_000 + "p"),
    "noise": tuple("".join(_random.choice(["a ", "b ", "c\n"]) for _ in range(400_000)) for _ in range(2)),
    "empty lines": ("\n" * 1_000_000, "\n" * 600_000 + "x" + "\n" * 600_000),
    "one long word": ("a" * 1_000_000, "a" * 500_000 + "b" + "a" * 500_000),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_take_no_longer_than_others(kind: str) -> None:
    before, after = HOSTILE[kind]
    began = time.process_time()
    made = edits(before, after)
    assert time.process_time() - began < 4 + BUDGET * 1e-6
    assert applied(before, made) == after
