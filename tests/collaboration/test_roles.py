"""Roles and what they may do."""

from __future__ import annotations

import pytest

from bduf_realtime.gateway.errors import RealtimeError
from collaboration.roles import CHOICES, PERMISSIONS, ROLES, require

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
