"""What the domain says about project and session rooms: who gets in, what they see, and who has left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from bduf_realtime.gateway import presence
from bduf_realtime.gateway.doors import Grant, Visitor
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration import selectors, services
from collaboration.messages import ProjectState, SessionState
from collaboration.models import Membership, Project, Session
from collaboration.roles import PERMISSIONS


class SessionTerms(msgspec.Struct, frozen=True):
    """What ephemeral commands are judged by, without a database."""

    status: str
    cursors: bool


def _lock(name: str) -> None:
    try:
        log.lock(name)
    except NoSuchRoom as error:
        raise RealtimeError("room.not_found") from error


class SessionRoom:
    """`session:<id>`: the project's members, while it has not ended."""

    watched = frozenset(
        {
            "collaboration:participant:updated",
            "collaboration:participant:removed",
            "collaboration:session:updated",
            "collaboration:session:paused",
            "collaboration:session:resumed",
        }
    )

    def admit(self, key: str, visitor: Visitor) -> Grant:
        _lock(f"session:{key}")
        grant = self.grants(key, [visitor.identity.user_id]).get(visitor.identity.user_id)
        if grant is None:
            raise RealtimeError("room.not_found")
        session = Session.objects.get(pk=key)
        if session.status == Session.Status.ENDED:
            raise RealtimeError("session.ended")
        services.participant_join(session=session, role=grant.role, visitor=visitor)
        return grant

    def state(self, key: str, visitor: Visitor) -> SessionState:
        session = Session.objects.get(pk=key)
        return SessionState(selectors.session_info(session), selectors.participants_present(session))

    def members(self, key: str) -> list[Any]:
        return list(selectors.participants_present(Session.objects.get(pk=key)))

    def depart(self, key: str, user: str, connection: str) -> None:
        services.participant_away(session=key, user=user)

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]:
        session = Session.objects.filter(pk=key).first()
        if session is None:
            return {}
        terms = SessionTerms(session.status, selectors.settings_of(session).enable_cursor_sharing)
        roles = selectors.session_roles(session, users)
        return {user: Grant(role, PERMISSIONS[role], terms) for user, role in roles.items()}


class ProjectRoom:
    """`project:<id>`: the project's members."""

    watched = frozenset({"project:member:removed", "project:member:updated"})

    def admit(self, key: str, visitor: Visitor) -> Grant:
        _lock(f"project:{key}")
        user = visitor.identity.user_id
        grant = self.grants(key, [user]).get(user)
        if grant is None:
            raise RealtimeError("room.not_found")
        presence.attend(
            room=f"project:{key}", user=user, connection=visitor.connection, instance=visitor.instance
        )
        return grant

    def state(self, key: str, visitor: Visitor) -> ProjectState:
        project = Project.objects.get(pk=key)
        sessions = project.sessions.exclude(status=Session.Status.ENDED).order_by("created_at", "pk")[:500]
        return ProjectState(
            key, project.name, [selectors.session_info(s) for s in sessions], selectors.project_members(UUID(key))
        )

    def members(self, key: str) -> list[Any]:
        return list(selectors.project_members(UUID(key)))

    def depart(self, key: str, user: str, connection: str) -> None:
        """Members of a project stay members; nobody is told."""

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]:
        rows = Membership.objects.filter(project=UUID(key), user__in=list(map(UUID, users))).values_list("user", "role")
        return {str(user): Grant(role, PERMISSIONS[role]) for user, role in rows}
