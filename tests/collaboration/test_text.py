"""Names: what is taken out of them, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bduf_realtime.gateway.errors import RealtimeError
from collaboration.text import MAX_NAME, MAX_TAGS, plain_name, plain_tags


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("Kick-off", "Kick-off"),
        ("  two   words\n", "two words"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("'; DROP TABLE", "'; DROP TABLE"),
        ("abc\u202edcba", "abcdcba"),
        ("\u2066a\u2069\u200e\ufeffb", "ab"),
        ("line\u2028break\x1b[31m", "line break [31m"),
        ("e\u0301", "é"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("नमस्ते", "नमस्ते"),
        ("a" + "\u0300" * 10_000, "à" + "\u0300" * 4),
        ("", ""),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_a_name_keeps_what_can_be_read_and_nothing_that_turns_or_hides_text(given_: str, kept: str) -> None:
    assert plain_name(given_, "name") == kept


@pytest.mark.parametrize("text", ["\u202e", "\ufeff \u2066", "\x00\x01", " "], ids=ascii)
def test_a_name_of_which_nothing_is_left_is_refused(text: str) -> None:
    with pytest.raises(RealtimeError) as refused:
        plain_name(text, "name")
    assert (refused.value.code, refused.value.details) == ("msg.bad_value", {"field": "name"})


def test_a_name_may_be_as_long_as_it_may_be_and_no_longer() -> None:
    assert plain_name("x" * MAX_NAME, "name") == "x" * MAX_NAME
    with pytest.raises(RealtimeError, match="bad_value"):
        plain_name("x" * (MAX_NAME + 1), "name")


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing_more_and_lets_no_control_character_through(text: str) -> None:
    try:
        name = plain_name(text, "name")
    except RealtimeError:
        return
    assert plain_name(name, "name") == name
    assert name.isprintable() or "\u200d" in name or "\u200c" in name or not name.isascii()
    assert not {"\u202e", "\n", "\x00", "\x1b"} & set(name)


def test_tags_are_kept_once_each_in_their_order() -> None:
    assert plain_tags(["b", "a", "b", "", " a "]) == ["b", "a"]
    for wrong in (["x"] * (MAX_TAGS + 1), ["x" * 51]):
        with pytest.raises(RealtimeError, match="bad_value"):
            plain_tags(wrong)
