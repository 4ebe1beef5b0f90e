"""Who acts, by what right, on which session: what every service here begins with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Exists
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import SYSTEM, Actor, audit_record
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Author, NoSuchRoom
from collaboration import roles, selectors
from collaboration.models import Participant, Session

ADMIN = "admin"
SERVER = Author("", "", "")


def author_of(user: User | None, connection: str = "") -> Author:
    """A user, or the server for None, as the author of an event."""
    return SERVER if user is None else Author(str(user.pk), user.display_name, user.kind, connection)


def actor_of(user: User | None) -> Actor:
    """A user, or the server for None, as the audit trail names it."""
    return SYSTEM if user is None else Actor.of(user)


def lock_session(session: UUID) -> Session:
    """Locks a session's project and the session, in the order everybody does, and reads it; raises session.not_found.

    With the project's lock no role in the project changes meanwhile.
    """
    project = Session.objects.filter(pk=session).values_list("project", flat=True).first()
    try:
        log.lock(f"project:{project}")
        log.lock(f"session:{session}")
    except NoSuchRoom as error:
        raise RealtimeError("session.not_found") from error
    return Session.objects.get(pk=session)


def require(session: Session, by: User, door: str, permission: str) -> str:
    """Returns the role by which somebody may do something in a session; raises session.not_found, perm.denied."""
    if door == ADMIN:
        return roles.OWNER
    place = selectors.place_in(session, by.pk)
    role = roles.admitted(place.role, place.admission, lobby=selectors.settings_of(session).require_approval)
    roles.require(role, permission)
    return role


def refuse_ended(session: Session) -> None:
    """Raises session.ended."""
    if session.status == Session.Status.ENDED:
        raise RealtimeError("session.ended")


def note_if_idle(session: UUID) -> None:
    """Notes, when somebody has left a session, that nobody takes part from now on, if nobody does."""
    present = Participant.objects.filter(session=session, present=True)
    Session.objects.filter(~Exists(present), pk=session).update(idle_since=timezone.now())


def because(reason: str) -> dict[str, str]:
    """A reason as an audit entry's details have it: not at all where none was given."""
    return {"reason": reason} if reason else {}


def record(
    session: Session, action: str, by: User | None, door: str, target: str = "", details: dict[str, Any] | None = None
) -> None:
    """Puts a change of a session on the project's trail."""
    audit_record(
        project=session.project_id,
        action=f"collaboration:{action}",
        actor=actor_of(by),
        target=target or f"session:{session.pk}",
        details=details,
        door=door,
    )


def tell(session: Session, change: str, data: msgspec.Struct, by: Author) -> None:
    """Appends an event to a session's room."""
    log.append(room=f"session:{session.pk}", type=f"collaboration:{change}", data=data, by=by)


def tell_user(user: UUID, change: str, data: msgspec.Struct, by: Author) -> None:
    """Appends an event to a user's own room; one who never looked into it has none, and misses nothing."""
    name = f"user:{user}"
    if log.exists(name):
        log.append(room=name, type=f"collaboration:{change}", data=data, by=by)
