"""The channels of a kind: what its user says of it, or else what it is by itself."""

from __future__ import annotations

import pytest

from notifications import kinds
from notifications.kinds import CHANNELS, Kind, channels_of


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "known", {"a.b": Kind("B", CHANNELS), "a.c": Kind("C")})


def channels(kind: str) -> list[str]:
    return sorted(channels_of(kind, {}, must_act=False))


def test_who_says_nothing_gets_what_the_kind_is_by_itself() -> None:
    assert channels("a.b") == ["email", "in_app"]
    assert channels("a.c") == ["in_app"]
    assert channels("nobody.knows") == ["in_app"]


def test_the_longest_pattern_that_matches_counts() -> None:
    wanted = {"*": [], "a.*": ["email"], "a.b": ["in_app"], "a.b.c.*": []}
    assert channels_of("a.b", wanted, must_act=False) == {"in_app"}
    assert channels_of("a.c", wanted, must_act=False) == {"email"}
    assert channels_of("b", wanted, must_act=False) == frozenset()


def test_what_one_must_act_on_is_shown_in_any_case() -> None:
    assert channels_of("a.b", {"*": []}, must_act=True) == {"in_app"}
    assert channels_of("a.b", {"*": ["email"]}, must_act=True) == {"in_app", "email"}


def test_channels_that_are_none_are_left_out() -> None:
    assert channels_of("a.b", {"*": ["pigeon"]}, must_act=False) == frozenset()
