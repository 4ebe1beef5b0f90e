"""Everything that changes projects, sessions and participants: one transaction each, with its events and its audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import Actor, audit_record
from bduf_realtime.gateway import presence
from bduf_realtime.gateway.doors import Visitor
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.batch import Guard, Submission, Verdicts
from bduf_realtime.rooms.events import Author, encode
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.messages import (
    MemberChanged,
    MessageSend,
    MessageSent,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    SessionCreated,
    Settings,
)
from collaboration.models import Membership, Participant, Project, Session


def author_of(user: User, connection: str = "") -> Author:
    """A user as the author of an event."""
    return Author(str(user.pk), user.display_name, user.kind, connection)


def actor_of(user: User) -> Actor:
    """A user as the audit trail names it."""
    acts_for = str(user.acts_for_id) if user.acts_for_id else None
    return Actor(str(user.pk), user.display_name, user.kind, acts_for)


# --- projects ----------------------------------------------------------------------------------------------------


def project_create(*, name: str, by: User, door: str = "rest") -> Project:
    """Starts a project; its creator owns it."""
    with write():
        project = Project.objects.create(name=name, created_by=by)
        Membership.objects.create(project=project, user=by, role=roles.OWNER)
        log.create(f"project:{project.pk}")
        audit_record(
            project=project.pk,
            action="project:create",
            actor=actor_of(by),
            target=f"project:{project.pk}",
            details={"name": name},
            door=door,
        )
    return project


def project_member_set(*, project: Project, user: User, role: str, by: User, door: str = "rest") -> Membership:
    """Adds a member or changes its role; raises perm.denied, or session.last_owner's sibling for the last owner."""
    with write():
        log.lock(f"project:{project.pk}")
        _require_manager(project, by, role)
        known = Membership.objects.filter(project=project, user=user).first()
        if known is not None and known.role == roles.OWNER and role != roles.OWNER:
            _require_manager(project, by, roles.OWNER)
            _refuse_last_owner(project)
        membership, created = Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
        change = "added" if created else "updated"
        _member_changed(project, user, role, change, by, door)
        _roles_changed(project, user, role, by)
    return membership


def project_member_remove(*, project: Project, user: User, by: User, door: str = "rest") -> None:
    """Takes a member out of a project and of all its sessions, live ones at once."""
    with write():
        log.lock(f"project:{project.pk}")
        membership = Membership.objects.filter(project=project, user=user).first()
        if membership is None:
            raise RealtimeError("room.not_found", "That user is not a member.")
        if by != user:
            _require_manager(project, by, membership.role)
        if membership.role == roles.OWNER:
            _refuse_last_owner(project)
        membership.delete()
        places = Participant.objects.filter(session__project=project, user=user).select_related("session")
        for participant in places.order_by("session_id"):
            if participant.present:
                _append(participant.session, "participant:removed", author_of(by), participant)
        places.delete()
        _member_changed(project, user, None, "removed", by, door)


def _require_manager(project: Project, by: User, role: str) -> None:
    own = selectors.project_role(project.pk, by.pk)
    if own is None:
        raise RealtimeError("room.not_found")
    roles.require(own, "manage_settings" if role == roles.OWNER else "manage_participants")


def _refuse_last_owner(project: Project) -> None:
    if Membership.objects.filter(project=project, role=roles.OWNER).count() < 2:
        raise RealtimeError("perm.denied", "A project keeps one owner; name another one first.")


def _roles_changed(project: Project, user: User, role: str, by: User) -> None:
    """Tells the sessions that the user is in with the role in the project."""
    places = Participant.objects.filter(session__project=project, user=user, present=True, role=None)
    for participant in places.order_by("session_id"):
        session = str(participant.session_id)
        info = selectors.participant_info(participant, author_of(user), role)
        updated = ParticipantUpdated(session, str(user.pk), info)
        log.append(room=f"session:{session}", type="collaboration:participant:updated", data=updated, by=author_of(by))


def _member_changed(project: Project, user: User, role: str | None, change: str, by: User, door: str) -> None:
    name = f"project:{project.pk}"
    changed = MemberChanged(str(project.pk), str(user.pk), user.display_name, user.kind, role)
    log.append(room=name, type=f"project:member:{change}", data=changed, by=author_of(by))
    audit_record(
        project=project.pk,
        action=f"project:member:{change}",
        actor=actor_of(by),
        target=f"user:{user.pk}",
        details={"role": role},
        door=door,
    )


# --- sessions ----------------------------------------------------------------------------------------------------


def session_create(
    *,
    project: Project,
    by: User,
    name: str = "",
    settings: dict[str, Any] | None = None,
    tags: Sequence[str] = (),
    door: str = "rest",
) -> Session:
    """Opens a session in a project; its creator owns it. Raises room.not_found, perm.denied, msg.bad_value."""
    with write():
        role = selectors.project_role(project.pk, by.pk)
        if role is None:
            raise RealtimeError("room.not_found")
        roles.require(role, "write")
        chosen = settings_checked(settings or {})
        session = Session.objects.create(project=project, name=name, settings=chosen, tags=list(tags), created_by=by)
        Participant.objects.create(session=session, user=by, role=roles.OWNER)
        log.create(f"session:{session.pk}")
        created = SessionCreated(selectors.session_info(session))
        log.append(room=f"project:{project.pk}", type="collaboration:session:created", data=created, by=author_of(by))
        audit_record(
            project=project.pk,
            action="collaboration:session:create",
            actor=actor_of(by),
            target=f"session:{session.pk}",
            details={"name": name},
            door=door,
        )
    return session


def settings_checked(given: dict[str, Any]) -> dict[str, Any]:
    """Checks a session's settings and fills in the defaults; raises msg.bad_value or msg.unknown_field."""
    from bduf_realtime.gateway.reading import read_data

    return dict(msgspec.structs.asdict(read_data(given, Settings)))


# --- participants ------------------------------------------------------------------------------------------------


def participant_join(*, session: Session, role: str, visitor: Visitor) -> str:
    """Notes a connection of a member in a session; others hear of the first one. The caller holds the room's lock.

    `role` is the one in the project; the one in the session is returned. Raises session.full.
    """
    user, room = visitor.identity.user_id, f"session:{session.pk}"
    participant, _ = Participant.objects.get_or_create(session=session, user_id=user)
    role = participant.role or role
    if not participant.present:
        limit = selectors.settings_of(session).max_participants
        if Participant.objects.filter(session=session, present=True).count() >= limit:
            raise RealtimeError("session.full", details={"max_participants": limit})
        participant.present, participant.joined_at = True, timezone.now()
        by = Author(user, visitor.identity.name, visitor.identity.kind, visitor.connection)
        info = selectors.participant_info(participant, by, role)
        joined = ParticipantJoined(str(session.pk), user, info)
        log.append(room=room, type="collaboration:participant:joined", data=joined, by=by)
        participant.save(update_fields=["present", "joined_at"])
    if participant.away_since is not None:
        participant.away_since = None
        participant.save(update_fields=["away_since"])
    presence.attend(room=room, user=user, connection=visitor.connection, instance=visitor.instance)
    return role


def participant_away(*, session: str, user: str) -> None:
    """Starts the grace period of a user whose last connection in the session is gone."""
    log.lock(f"session:{session}")
    if not presence.attending(f"session:{session}", user):
        now = timezone.now()
        Participant.objects.filter(session=UUID(session), user=UUID(user), present=True, away_since=None).update(
            away_since=now, last_activity=now
        )


def participants_leave(*, away_for: float) -> int:
    """Tells rooms of participants whose grace period is over; returns how many."""
    due = Participant.objects.filter(
        present=True, away_since__lt=timezone.now() - timedelta(seconds=away_for)
    ).values_list("pk", "session_id")
    left = 0
    for key, session in list(due[:500]):
        with write():
            log.lock(f"session:{session}")
            # Looked at again under the lock: another instance may have told already, or the user may be back.
            participant = (
                Participant.objects.filter(pk=key, present=True, away_since__isnull=False)
                .select_related("user", "session")
                .first()
            )
            if participant is None:
                continue
            participant.present, participant.away_since = False, None
            participant.save(update_fields=["present", "away_since"])
            _append(participant.session, "participant:left", author_of(participant.user), participant)
            left += 1
    return left


def _append(session: Session, change: str, by: Author, participant: Participant) -> None:
    log.append(
        room=f"session:{session.pk}",
        type=f"collaboration:{change}",
        data=ParticipantLeft(str(session.pk), str(participant.user_id)),
        by=by,
    )


# --- messages ----------------------------------------------------------------------------------------------------


def message_send(*, message: MessageSend, by: Author, joined: bool = True) -> Submission:
    """Makes a room message ready for the journal, which judges the sender's right in the committing transaction.

    A connection that has not `joined` may only resend what it sent before: it gets the first answer.
    """
    session = str(message.session)
    data = MessageSent(session, message.body, message.payload)
    return Submission(
        f"session:{session}",
        "collaboration:message:sent",
        encode(data),
        by,
        guard=Guard(writers_refused, (session, by.user)),
        unless_known=None if joined else RealtimeError("room.not_joined"),
    )


def writers_refused(subjects: Sequence[Any]) -> Verdicts:
    """Judges at once who may write to which session; subjects are pairs of session and user id.

    It runs under the rooms' locks: a role that was lowered, a pause or an end that committed before is seen.
    """
    users = {user for _, user in subjects}
    sessions = {
        str(session): (project, status)
        for session, project, status in Session.objects.filter(pk__in={session for session, _ in subjects}).values_list(
            "pk", "project", "status"
        )
    }
    # Two plain queries: one that joins sessions and members yields a row for every pair of them.
    members = {
        (project, str(user)): role
        for project, user, role in Membership.objects.filter(
            project__in={project for project, _ in sessions.values()}, user__in=users
        ).values_list("project", "user", "role")
    }
    own = {
        (str(session), str(user)): role
        for session, user, role in Participant.objects.filter(
            session__in=list(sessions), user__in=users, role__isnull=False
        ).values_list("session", "user", "role")
    }
    refused: Verdicts = {}
    for subject in subjects:
        project, status = sessions.get(subject[0], (None, None))
        role = members.get((project, subject[1])) if project else None
        if role is None:
            refused[subject] = RealtimeError("session.not_found")
        elif status == Session.Status.ENDED:
            refused[subject] = RealtimeError("session.ended")
        elif "write" not in roles.PERMISSIONS[own.get(subject) or role]:
            refused[subject] = RealtimeError("perm.denied", details={"needs": "write"})
        elif status == Session.Status.PAUSED:
            refused[subject] = RealtimeError("session.paused")
    return refused
