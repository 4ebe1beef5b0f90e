"""Policies as data: what may be said in one, and how many approvals it comes to."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.policy import DEFAULT, MAX_STAGES, MAX_USERS, Policy, Stage, Who, needed

ONE = {"stages": [{"who": {"role": "participant"}}]}


def read(rules: Any) -> Policy:
    """A policy as it comes from outside."""
    return msgspec.convert(rules, Policy)


def stage(**fields: Any) -> dict[str, Any]:
    return {"stages": [{"who": {"role": "participant"}, **fields}]}


def test_by_default_anybody_who_may_write_approves_once_but_not_who_asked() -> None:
    assert read(ONE) == DEFAULT
    [only] = DEFAULT.stages
    assert (only.who, only.need, only.veto, only.exclude) == (Who(role="participant"), 1, True, ["requester"])
    assert (DEFAULT.on_change, DEFAULT.bypass, DEFAULT.on_expiry) == ("dismiss_votes", ["owner"], "expire")
    assert not DEFAULT.resolve_comments


def test_a_policy_is_the_same_after_it_was_stored() -> None:
    policy = Policy(
        [
            Stage(Who(users=["ann"], group="security"), "security", "50%", False, ["last_editor"]),
            Stage(Who(), need="all"),
        ],
        on_change="keep",
        remind_after=60,
        escalate_after=120,
        escalate_to=Who(role="owner"),
        expires_after=86_400,
        on_expiry="reject",
        bypass=[],
        resolve_comments=True,
    )
    assert read(msgspec.to_builtins(policy)) == policy


@pytest.mark.parametrize("need", [1, MAX_USERS, "all", "1%", "50%", "100%"])
def test_so_many_may_be_needed(need: int | str) -> None:
    assert read(stage(need=need)).stages[0].need == need


@pytest.mark.parametrize(
    "need", [0, -1, MAX_USERS + 1, 1.5, True, None, "", "some", "0%", "101%", "050%", "5 %", "5%\n"]
)
def test_no_other_number_may_be_needed(need: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.stages\[0\]\.need"):
        read(stage(need=need))


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ({}, "stages"),
        ({"stages": []}, r"\$\.stages"),
        ({"stages": ONE["stages"] * (MAX_STAGES + 1)}, r"\$\.stages"),
        ({"stages": [{}]}, r"who.*\$\.stages\[0\]"),
        (stage(who={"role": "king"}), r"\$\.stages\[0\]\.who\.role"),
        (stage(who={"users": [""]}), r"\$\.stages\[0\]\.who\.users\[0\]"),
        (stage(who={"users": ["ann"] * (MAX_USERS + 1)}), r"\$\.stages\[0\]\.who\.users"),
        (stage(who={"people": []}), r"people.*\$\.stages\[0\]\.who"),
        (stage(name="n" * 81), r"\$\.stages\[0\]\.name"),
        (stage(exclude=["me"]), r"\$\.stages\[0\]\.exclude\[0\]"),
        ({**ONE, "on_change": "panic"}, r"\$\.on_change"),
        ({**ONE, "remind_after": 0}, r"\$\.remind_after"),
        ({**ONE, "expires_after": 367 * 86_400}, r"\$\.expires_after"),
        ({**ONE, "bypass": ["guest"]}, r"\$\.bypass\[0\]"),
        ({**ONE, "color": "red"}, "color"),
    ],
)
def test_what_is_wrong_in_a_policy_is_said_where_it_is(rules: Any, path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=path):
        read(rules)


@given(st.integers(1, 100), st.integers(0, 2_000))
def test_a_share_is_rounded_up_and_never_nobody(share: int, voters: int) -> None:
    assert needed(f"{share}%", voters) == max(1, ceil(Fraction(share, 100) * voters))


@given(st.integers(0, 2_000))
def test_all_are_all_who_do_not_abstain_and_never_nobody(voters: int) -> None:
    assert needed("all", voters) == needed("100%", voters) == max(1, voters)


def test_a_number_is_that_number_however_many_there_are() -> None:
    assert [needed(3, voters) for voters in (0, 3, 100)] == [3, 3, 3]


def test_nothing_else_is_a_number_of_approvals() -> None:
    with pytest.raises(ValueError, match="most"):
        needed("most", 3)
