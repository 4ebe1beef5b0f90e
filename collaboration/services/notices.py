"""What people are notified of: being taken into a project or session, somebody at the door, being named in a message.

What happens in a room's hot path, or while many join, is noted there and told a moment later by a timer: rooms of users
are locked after all others, which no transaction can promise that goes on to other rooms.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.models import Membership, Participant, Project, Session, Untold
from collaboration.services.acting import author_of, lock_session
from notifications.kinds import CHANNELS, Kind
from notifications.selectors import users_told
from notifications.services import Notice, notify, settle_many, user_rooms_lock

MEMBER_ADDED, ROLE_CHANGED = "project.member_added", "project.role_changed"
REQUESTED, ADMITTED, MENTIONED = "session.join_requested", "session.admitted", "session.mentioned"
KINDS: Mapping[str, Kind] = {
    MEMBER_ADDED: Kind("You were added to a project", CHANNELS),
    ROLE_CHANGED: Kind("Your role in a project was changed"),
    REQUESTED: Kind("Somebody asks to be let into a session", CHANNELS, must_act=True),
    ADMITTED: Kind("You were let into a session"),
    MENTIONED: Kind("You were named in a session", CHANNELS),
}
MAX_NAMES = 20
EXCERPT = 300
AT_ONCE = 100
_NAME = re.compile(r"(?<![\w@.+-])@([\w@.+-]{1,150})")


# --- projects and sessions ---------------------------------------------------------------------------------------


def member_notify(*, membership: Membership, added: bool, by: User) -> None:
    """Tells a member that it is one now, or in which role; within the caller's transaction."""
    if membership.user_id == by.pk:
        return
    project: Project = membership.project
    name = project.name or "a project"
    title = f"You are a member of {name}" if added else f"You are {membership.role} of {name} now"
    notice = Notice(
        MEMBER_ADDED if added else ROLE_CHANGED,
        title,
        body=f"Your role is {membership.role}.",
        link=f"/projects/{project.pk}",
        project=project.pk,
        data={"role": membership.role},
    )
    notify(told=[(membership.user_id, notice)], by=author_of(by))


def admitted_notify(*, session: Session, user: UUID, by: Author) -> None:
    """Tells somebody that the door of a session is open; within the caller's transaction."""
    if by.user != str(user):
        notify(told=[(user, _about(session, ADMITTED, f"You may come into {_name(session)}"))], by=by)


def requests_settle(*, participants: Iterable[Participant]) -> None:
    """Notes that there is nothing to decide any more about people at a session's door.

    It locks their rooms, and those of whoever was told of them, all at once: to be done before these are told anything.
    """
    places = [place for place in participants if place.admission == Participant.Admission.WAITING]
    if not places:
        return
    keys = [_key(place) for place in places]
    user_rooms_lock({place.user_id for place in places} | users_told(keys))
    settle_many(keys=keys)


def _key(place: Participant) -> str:
    """The name of one wish to be let in; somebody who asks again later has another."""
    return f"{REQUESTED}:{place.pk}:{place.asked_at and place.asked_at.timestamp()}"


def _about(session: Session, kind: str, title: str, **more: Any) -> Notice:
    link = f"/sessions/{session.pk}"
    return Notice(kind, title, link=link, project=session.project_id, session=session.pk, **more)


def _name(session: Session) -> str:
    return session.name or "a session"


# --- noted now, told later ---------------------------------------------------------------------------------------


def request_note(*, session: Session, by: Author) -> None:
    """Notes that somebody has begun to wait at a session's door; within the caller's transaction."""
    Untold.objects.create(session=session, kind=REQUESTED, by_user=UUID(by.user), by_name=by.name)


def names_in(body: str) -> list[str]:
    """The usernames that a text names with an @ before each, as they are or with a full stop after them."""
    if "@" not in body:
        return []
    found = _NAME.findall(body)
    return list(dict.fromkeys(name for raw in found for name in (raw, raw.rstrip(".+-@")) if name))[: 2 * MAX_NAMES]


def mentions_note(subjects: Sequence[tuple[Any, int]]) -> None:
    """Notes whom messages name; subjects are the session, the author, the names and the text, with their numbers."""
    Untold.objects.bulk_create(
        [
            Untold(
                session_id=session,
                kind=MENTIONED,
                by_user=UUID(by.user),
                by_name=by.name,
                data={"names": names, "body": body[:EXCERPT], "seq": seq},
            )
            for (session, by, names, body), seq in subjects
        ]
    )


def untold_tell() -> int:
    """Tells what was noted, session by session; returns how much that was."""
    told = 0
    for session in list(Untold.objects.order_by().values_list("session", flat=True).distinct()[:AT_ONCE]):
        with write():
            try:
                told += _tell(lock_session(session))
            except RealtimeError:
                continue  # the session is gone, and with it what was noted
    return told


def _tell(session: Session) -> int:
    rows = list(Untold.objects.filter(session=session).order_by("pk")[:AT_ONCE])  # by one instance, under the lock
    notices = [(row, _requested(session, row) if row.kind == REQUESTED else _mentioned(session, row)) for row in rows]
    user_rooms_lock({user for _, told in notices for user, _ in told})
    by_author: dict[Author, list[tuple[UUID, Notice]]] = defaultdict(list)
    for row, told in notices:
        by_author[Author(str(row.by_user), row.by_name, "")] += told
    for by, told in by_author.items():
        notify(told=told, by=by)
    Untold.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _requested(session: Session, row: Untold) -> list[tuple[UUID, Notice]]:
    waiting = Participant.Admission.WAITING
    place = Participant.objects.filter(session=session, user=row.by_user, admission=waiting).first()
    if place is None:
        return []
    data = {"user": str(row.by_user)}
    title = f"{row.by_name} asks to be let into {_name(session)}"
    notice = _about(session, REQUESTED, title, data=data, must_act=True, key=_key(place))
    return [(user, notice) for user in selectors.session_managers(session)]


def _mentioned(session: Session, row: Untold) -> list[tuple[UUID, Notice]]:
    named = User.objects.filter(username__in=row.data["names"]).exclude(pk=row.by_user).values_list("pk", flat=True)
    notice = _about(
        session,
        MENTIONED,
        f"{row.by_name} named you in {_name(session)}",
        body=row.data["body"],
        key=f"{MENTIONED}:{session.pk}:{row.data['seq']}",
        data={"seq": row.data["seq"]},
    )
    lobby = selectors.settings_of(session).require_approval
    told = []
    for user, place in selectors.places_in(session, named[:MAX_NAMES]).items():
        try:
            roles.admitted(place.role, place.admission, lobby=lobby)
        except RealtimeError:
            continue  # somebody else, who may not know of the session
        told.append((user, notice))
    return told
