"""A session's life: opened, changed, paused, resumed, ended, and forgotten when its time is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import read_data
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.messages import SessionChanged, SessionCreated, Settings
from collaboration.models import Document, Participant, Project, Session
from collaboration.services.acting import author_of, because, lock_session, record, refuse_ended, require, tell
from collaboration.services.notices import requests_settle
from collaboration.services.participants import remove_guests, waiting_admit
from collaboration.text import plain_name, plain_tags

AT_ONCE = 500
# What else keeps a session, whose primary key is the outer query's; the apps above say so when they start.
keeping: list[Callable[[], QuerySet[Any]]] = []


def session_create(
    *,
    project: Project,
    by: User,
    name: str = "",
    settings: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    door: str = "rest",
    connection: str = "",
) -> Session:
    """Opens a session in a project; its creator owns it.

    Raises room.not_found, perm.denied, msg.bad_value, msg.unknown_field, quota.exceeded.
    """
    with write():
        log.lock(f"project:{project.pk}")
        role = selectors.project_role(project.pk, by.pk)
        if role is None:
            raise RealtimeError("room.not_found")
        roles.require(role, "write")
        if project.sessions.exclude(status=Session.Status.ENDED).count() >= conf.max_sessions_per_project:
            limit = conf.max_sessions_per_project
            raise RealtimeError("quota.exceeded", f"A project may have {limit} sessions that have not ended.")
        session = Session.objects.create(
            project=project,
            name=plain_name(name, "name"),
            settings=settings_checked(settings or {}),
            tags=plain_tags(tags),
            created_by=by,
        )
        admitted = Participant.Admission.ADMITTED
        Participant.objects.create(session=session, user=by, role=roles.OWNER, admission=admitted)
        log.create(f"session:{session.pk}")
        created = SessionCreated(selectors.session_info(session))
        author = author_of(by, connection)
        log.append(room=f"project:{project.pk}", type="collaboration:session:created", data=created, by=author)
        record(session, "session:create", by, door, details={"name": session.name})
    return session


def settings_checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Checks a session's settings and fills in the defaults; raises msg.bad_value or msg.unknown_field."""
    return dict(msgspec.structs.asdict(read_data(dict(given), Settings)))


def session_update(
    *,
    session: UUID,
    by: User,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    door: str = "rest",
    connection: str = "",
) -> Session:
    """Changes what is given and leaves the rest; settings that are not named stay as they are.

    Raises session.not_found, perm.denied, session.ended, msg.bad_value, msg.unknown_field.
    """
    with write():
        found = lock_session(session)
        require(found, by, door, "manage_settings")
        refuse_ended(found)
        before = selectors.settings_of(found)
        wanted: dict[str, Any] = {
            "name": found.name if name is None else plain_name(name, "name"),
            "settings": settings_checked({**found.settings, **(settings or {})}),
            "tags": found.tags if tags is None else plain_tags(tags),
        }
        known = {"name": found.name, "settings": found.settings, "tags": found.tags}
        changed = {field: value for field, value in wanted.items() if known[field] != value}
        if not changed:
            return found
        found.name, found.settings, found.tags = wanted.values()
        found.save(update_fields=list(changed))
        _tell_both(found, "updated", author_of(by, connection))
        after = selectors.settings_of(found)
        if before.require_approval and not after.require_approval:
            waiting_admit(session=found, by=author_of(by, connection))
        if before.allow_anonymous and not after.allow_anonymous:
            remove_guests(session=found, by=author_of(by, connection))
        record(found, "session:update", by, door, details=changed)
    return found


def session_pause(*, session: UUID, by: User, door: str = "rest", connection: str = "", reason: str = "") -> Session:
    """Makes a session read-only until it is resumed. Raises session.not_found, perm.denied, session.ended."""
    return _set_status(session, Session.Status.PAUSED, "pause", "paused", by, door, connection, reason)


def session_resume(*, session: UUID, by: User, door: str = "rest", connection: str = "", reason: str = "") -> Session:
    """Makes a paused session writable again. Raises session.not_found, perm.denied, session.ended."""
    return _set_status(session, Session.Status.ACTIVE, "resume", "resumed", by, door, connection, reason)


def _set_status(
    session: UUID, status: str, verb: str, change: str, by: User, door: str, connection: str, reason: str
) -> Session:
    with write():
        found = lock_session(session)
        require(found, by, door, "manage_settings")
        refuse_ended(found)
        if found.status != status:
            found.status = status
            found.save(update_fields=["status"])
            _tell_both(found, change, author_of(by, connection))
            record(found, f"session:{verb}", by, door, details=because(reason))
    return found


def session_end(*, session: UUID, by: User, door: str = "rest", connection: str = "", reason: str = "") -> Session:
    """Ends a session for good; everybody in it is shown out. Raises session.not_found, perm.denied, session.ended."""
    with write():
        found = lock_session(session)
        require(found, by, door, "delete_session")
        refuse_ended(found)
        _end(found, by, author_of(by, connection), door, because(reason))
    return found


def _end(session: Session, by: User | None, author: Author, door: str, details: dict[str, Any]) -> None:
    session.status, session.ended_at = Session.Status.ENDED, timezone.now()
    session.save(update_fields=["status", "ended_at"])
    places = Participant.objects.filter(session=session)
    places.filter(present=True).update(present=False, away_since=None, last_activity=session.ended_at)
    waiting = places.filter(admission=Participant.Admission.WAITING)
    requests_settle(participants=waiting)
    waiting.update(admission=Participant.Admission.OPEN)
    _tell_both(session, "ended", author)
    record(session, "session:end", by, door, details=details)


def _tell_both(session: Session, change: str, by: Author) -> None:
    """Tells those in the session, and the project's members, who see the session in their list."""
    data = SessionChanged(selectors.session_info(session))
    log.append(room=f"project:{session.project_id}", type=f"collaboration:session:{change}", data=data, by=by)
    tell(session, f"session:{change}", data, by)


# --- timers ------------------------------------------------------------------------------------------------------


def sessions_end_idle(*, idle_for: float) -> int:
    """Ends sessions in which nobody has taken part for `idle_for` seconds (0: never); returns how many."""
    if not idle_for:
        return 0
    horizon = timezone.now() - timedelta(seconds=idle_for)
    ended = 0
    for pk in list(_idle(horizon).values_list("pk", flat=True)[:AT_ONCE]):
        with write():
            session = lock_session(pk)
            # Looked at again under the lock: somebody may have joined, or another instance have ended it.
            if _idle(horizon).filter(pk=pk).exists():
                _end(session, None, author_of(None), "system", {"idle_since": str(session.idle_since)})
                ended += 1
    return ended


def _idle(horizon: datetime) -> Any:
    present = Participant.objects.filter(session=OuterRef("pk"), present=True)
    open_ = Session.objects.exclude(status=Session.Status.ENDED)
    return open_.filter(~Exists(present), idle_since__lt=horizon)


def sessions_expire(*, ended_for: float) -> int:
    """Deletes sessions that ended `ended_for` seconds ago (0: never), with their logs; returns how many.

    Those that have documents are kept: what people wrote goes when somebody deletes it. So are those in `keeping`.
    """
    if not ended_for:
        return 0
    horizon = timezone.now() - timedelta(seconds=ended_for)
    written = Document.objects.filter(session=OuterRef("pk"), deleted_at=None)
    due = Session.objects.filter(~Exists(written), status=Session.Status.ENDED, ended_at__lt=horizon)
    for kept in keeping:
        due = due.filter(~Exists(kept()))
    expired = 0
    for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        with write():
            try:
                session = lock_session(pk)
            except RealtimeError:
                continue  # another instance was faster
            record(session, "session:expire", None, "system", details={"name": session.name})
            for document in list(session.documents.values_list("pk", flat=True)):
                log.delete(f"document:{document}")
            session.delete()
            log.delete(f"session:{pk}")
            expired += 1
    return expired
