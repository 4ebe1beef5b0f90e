"""Roles and what they may do."""

from __future__ import annotations

import pytest

from bduf_realtime.gateway.errors import RealtimeError
from collaboration.roles import CHOICES, PERMISSIONS, ROLES, admitted, higher, require

EVERY = {"read", "write", "manage_participants", "manage_settings", "delete_session"}
MAY = {
    "owner": EVERY,
    "moderator": {"read", "write", "manage_participants"},
    "participant": {"read", "write"},
    "observer": {"read"},
}


def test_the_roles_are_those_of_the_protocol() -> None:
    assert PERMISSIONS == MAY
    assert [role for role, _ in CHOICES] == list(ROLES) == list(MAY)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("permission", sorted(EVERY))
def test_a_role_may_do_what_it_says_and_nothing_else(role: str, permission: str) -> None:
    if permission in MAY[role]:
        assert require(role, permission) is None
    else:
        with pytest.raises(RealtimeError, match=r"perm\.denied") as refused:
            require(role, permission)
        assert refused.value.details == {"role": role, "needs": permission}


@pytest.mark.parametrize("lobby", [False, True])
@pytest.mark.parametrize("role", [None, *ROLES])
def test_who_is_inside_a_session(role: str | None, lobby: bool) -> None:
    def verdict(admission: str) -> str | None:
        try:
            return admitted(role, admission, lobby=lobby)
        except RealtimeError as error:
            return error.code

    trusted = role in ("owner", "moderator")
    stranger = "session.not_found" if role is None else None
    assert verdict("removed") == "session.not_found"
    assert verdict("denied") == (stranger or "perm.denied")
    assert verdict("admitted") == (stranger or role)
    assert verdict("waiting") == (stranger or (role if trusted else "session.join_pending"))
    assert verdict("open") == (stranger or (role if trusted or not lobby else "session.join_pending"))


def test_of_two_roles_the_higher_is_the_one_that_may_do_more() -> None:
    for one in ROLES:
        for other in ROLES:
            assert PERMISSIONS[higher(one, other)] == PERMISSIONS[one] | PERMISSIONS[other]
