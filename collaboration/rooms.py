"""What the domain says about project and session rooms: who gets in, what they see, and who has left."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

import msgspec

from bduf_realtime.gateway import presence
from bduf_realtime.gateway.doors import Entry, Grant, View, Visitor
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration import roles, selectors, services
from collaboration.messages import ProjectState, SessionState
from collaboration.models import Membership, Project, Session


class SessionTerms(msgspec.Struct, frozen=True):
    """What signals are judged by, without a database."""

    voice: bool
    video: bool


def _lock(name: str) -> None:
    try:
        log.lock(name)
    except NoSuchRoom as error:
        raise RealtimeError("room.not_found") from error


class SessionRoom:
    """`session:<id>`: the project's members and those invited, while it has not ended."""

    grace = True
    watched = frozenset(
        {
            "collaboration:participant:updated",
            "collaboration:participant:removed",
            "collaboration:session:updated",
            "collaboration:session:ended",
        }
    )

    def admit(self, key: str, visitor: Visitor) -> Entry | RealtimeError:
        _lock(f"session:{key}")
        session, project_role = selectors.session_with_role(key, visitor.identity.user_id)
        role = services.participant_join(session=session, project_role=project_role, visitor=visitor)
        if isinstance(role, RealtimeError):
            return role
        return Entry(_grant(session, role), session)

    def view(self, key: str, entry: Entry, with_state: bool) -> View:
        session: Session = entry.subject
        present = selectors.participants_present(session)
        if not with_state:
            return View(list(present))
        waiting = selectors.participants_waiting(session)
        return View(list(present), SessionState(selectors.session_info(session), present, waiting))

    def depart(self, key: str, user: str, connection: str) -> None:
        services.participant_away(session=key, user=user)

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]:
        session = Session.objects.filter(pk=key).first()
        if session is None:
            return {}
        lobby = selectors.settings_of(session).require_approval
        granted = {}
        for user, place in selectors.places_in(session, map(UUID, users)).items():
            with suppress(RealtimeError):
                granted[str(user)] = _grant(session, roles.admitted(place.role, place.admission, lobby=lobby))
        return granted


def _grant(session: Session, role: str) -> Grant:
    settings = selectors.settings_of(session)
    return Grant(
        role,
        roles.PERMISSIONS[role],
        SessionTerms(settings.enable_voice_chat, settings.enable_video_chat),
        cursors=settings.enable_cursor_sharing,
        over=session.status == Session.Status.ENDED,
    )


class ProjectRoom:
    """`project:<id>`: the project's members."""

    grace = False
    watched = frozenset({"project:member:removed", "project:member:updated"})

    def admit(self, key: str, visitor: Visitor) -> Entry:
        _lock(f"project:{key}")
        user = visitor.identity.user_id
        grant = self.grants(key, [user]).get(user)
        if grant is None:
            raise RealtimeError("room.not_found")
        presence.attend(room=f"project:{key}", user=user, connection=visitor.connection, instance=visitor.instance)
        return Entry(grant)

    def view(self, key: str, entry: Entry, with_state: bool) -> View:
        members = selectors.project_members(UUID(key))
        if not with_state:
            return View(list(members))
        project = Project.objects.get(pk=key)
        sessions = project.sessions.exclude(status=Session.Status.ENDED).order_by("created_at", "pk")[:500]
        state = ProjectState(key, project.name, [selectors.session_info(s) for s in sessions], members)
        return View(list(members), state)

    def depart(self, key: str, user: str, connection: str) -> None:
        """Members of a project stay members; nobody is told."""

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]:
        rows = Membership.objects.filter(project=UUID(key), user__in=list(map(UUID, users))).values_list("user", "role")
        return {str(user): Grant(role, roles.PERMISSIONS[role]) for user, role in rows}
