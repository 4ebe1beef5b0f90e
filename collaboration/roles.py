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


def require(role: str, permission: str) -> None:
    """Raises perm.denied unless the role has the permission."""
    if permission not in PERMISSIONS[role]:
        raise RealtimeError("perm.denied", details={"role": role, "needs": permission})
