"""Roles and what they may do, in projects and in sessions alike. Pure."""

from __future__ import annotations

from bduf_realtime.gateway.errors import RealtimeError

OWNER, MODERATOR, PARTICIPANT, OBSERVER = ROLES = ("owner", "moderator", "participant", "observer")

PERMISSIONS: dict[str, frozenset[str]] = {
    OWNER: frozenset({"read", "write", "manage_participants", "manage_settings", "delete_session"}),
    MODERATOR: frozenset({"read", "write", "manage_participants"}),
    PARTICIPANT: frozenset({"read", "write"}),
    OBSERVER: frozenset({"read"}),
}

CHOICES = [(role, role) for role in ROLES]
BELOW_OWNER = CHOICES[1:]


def require(role: str, permission: str) -> None:
    """Raises perm.denied unless the role has the permission."""
    if permission not in PERMISSIONS[role]:
        raise RealtimeError("perm.denied", details={"role": role, "needs": permission})


def higher(one: str, other: str) -> str:
    """Returns the role of the two that may do more."""
    return min(one, other, key=ROLES.index)


def lower(one: str, other: str) -> str:
    """Returns the role of the two that may do less."""
    return max(one, other, key=ROLES.index)


def admitted(role: str | None, admission: str, *, lobby: bool) -> str:
    """Returns the role of somebody who may see a session from the inside.

    `role` is None for a stranger, `admission` what was decided about the user there, `lobby` whether everybody needs
    leave who does not give it. Raises session.not_found, perm.denied (turned away) or session.join_pending.
    """
    if role is None or admission == "removed":
        raise RealtimeError("session.not_found")
    if admission == "denied":
        raise RealtimeError("perm.denied", "You were not let into this session.", details={"reason": "denied"})
    if admission == "admitted" or "manage_participants" in PERMISSIONS[role]:
        return role
    if lobby or admission == "waiting":
        raise RealtimeError("session.join_pending")
    return role
