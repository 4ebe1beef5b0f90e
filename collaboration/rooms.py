"""What the domain says about project, session and document rooms: who gets in, what they see, and who has left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from uuid import UUID

import msgspec

from bduf_realtime.gateway import presence
from bduf_realtime.gateway.doors import Entry, Grant, Over, View, Visitor
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration import roles, selectors, services
from collaboration.messages import ProjectState, SessionState
from collaboration.models import Document, Membership, Project, Session
from collaboration.selectors.rights import roles_in

SESSION_OVER = Over(Close.SESSION_ENDED, "session.ended")
DOCUMENT_OVER = Over(Close.GONE, "doc.not_found")


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
    removing = frozenset({"collaboration:participant:removed"})

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
        documents = selectors.documents_listed(session.project_id, session.pk)
        return View(list(present), SessionState(selectors.session_info(session), present, waiting, documents))

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
        over=SESSION_OVER if session.status == Session.Status.ENDED else None,
    )


class ProjectRoom:
    """`project:<id>`: the project's members."""

    grace = False
    watched = frozenset({"project:member:removed", "project:member:updated"})
    removing = frozenset({"project:member:removed"})

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
        documents = selectors.documents_listed(project.pk, None)
        state = ProjectState(key, project.name, [selectors.session_info(s) for s in sessions], members, documents)
        return View(list(members), state)

    def depart(self, key: str, user: str, connection: str) -> None:
        """Members of a project stay members; nobody is told."""

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]:
        rows = Membership.objects.filter(project=UUID(key), user__in=list(map(UUID, users))).values_list("user", "role")
        return {str(user): Grant(role, roles.PERMISSIONS[role]) for user, role in rows}


class DocumentRoom:
    """`document:<id>`: those inside the document's session, or the project's members; it is read when that has ended.

    What changes their rights happens in the session and in the project: they are asked for by the clock.
    """

    grace = False
    watched = frozenset({"collaboration:document:deleted"})
    removing: frozenset[str] = frozenset()

    def admit(self, key: str, visitor: Visitor) -> Entry:
        _lock(f"document:{key}")
        user = visitor.identity.user_id
        document, role = selectors.document_for(UUID(key), UUID(user), missing="room.not_found")
        presence.attend(room=f"document:{key}", user=user, connection=visitor.connection, instance=visitor.instance)
        ended = document.session is not None and document.session.status == Session.Status.ENDED
        return Entry(_document_grant(role, ended=ended), document)

    def view(self, key: str, entry: Entry, with_state: bool) -> View:
        document: Document = entry.subject
        if document.session is not None:
            members = list[object](selectors.participants_present(document.session))
        else:
            members = list[object](selectors.project_members(document.project_id))
        return View(members, selectors.document_state(document) if with_state else None)

    def depart(self, key: str, user: str, connection: str) -> None:
        """Nobody is told: whether somebody is there is known of the session."""

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]:
        return self.grants_many({key: list(users)}).get(key, {})

    def grants_many(self, users: Mapping[str, Collection[str]]) -> dict[str, dict[str, Grant]]:
        documents = selectors.documents_placed(users)
        people = {(key, user): documents[key].whose(user) for key in documents for user in users[key]}
        lobbies = {place.session for place in documents.values() if place.session and place.lobby}
        found = roles_in(set(people.values()), lobbies)
        granted: dict[str, dict[str, Grant]] = {key: {} for key in users}
        for (key, user), whose in people.items():
            role = found[whose]
            if not isinstance(role, RealtimeError):
                place = documents[key]
                granted[key][user] = _document_grant(
                    role, ended=place.status == Session.Status.ENDED, deleted=place.deleted
                )
        return granted


def _document_grant(role: str, *, ended: bool, deleted: bool = False) -> Grant:
    if deleted:
        return Grant(role, frozenset(), over=DOCUMENT_OVER)  # its past is gone too
    permissions = roles.PERMISSIONS[role]
    return Grant(role, permissions & {"read"} if ended else permissions)
