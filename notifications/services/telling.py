"""Telling users something, and taking it off their hands when somebody has acted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import plain, text
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.batch import insert
from bduf_realtime.rooms.events import Author
from notifications import metrics, selectors
from notifications.kinds import EMAIL, IN_APP, channels_of
from notifications.messages import NotificationCreated, NotificationRead
from notifications.models import Mute, Notification

DATA_BYTES = 8_192
SERVER = Author("", "", "")
_PATH = re.compile(r"/(?![/\\])[!-~]{0,499}")  # with a second slash it would lead to another host


class Notice(msgspec.Struct, frozen=True):
    """What to tell somebody. Texts that are too long are cut; a `link` that is no path of the workspace is left out.

    The same `key` is told a user once. What one `must_act` on is told again until `settle` or `expires_at`.
    """

    kind: str
    title: str
    body: str = ""
    link: str = ""
    project: UUID | None = None
    session: UUID | None = None
    data: Mapping[str, Any] = {}
    must_act: bool = False
    key: str = ""
    expires_at: datetime | None = None


def user_room(user: UUID) -> str:
    """The name of a user's own room."""
    return f"user:{user}"


def user_rooms_lock(users: Iterable[UUID]) -> None:
    """Locks the rooms of users who ever looked into theirs, until the caller's transaction ends."""
    log.lock_many({user_room(user) for user in users})


def notify(*, told: Iterable[tuple[UUID, Notice]], by: Author) -> int:
    """Stores notices for many users and tells their rooms, in the caller's transaction; returns how many were new.

    Left out are users who do not want that kind, have muted what it is about, or know it already. One who never
    looked into the own room has none, and finds the notification on the first look.
    Takes a fixed number of queries. Raises msg.bad_value for data that is over 8 KiB.
    """
    if not (pairs := list(told)):
        return 0
    user_rooms_lock(user for user, _ in pairs)
    rows = _store(_wanted(pairs, by))
    announce(rows, by)
    transaction.on_commit(lambda: metrics.count_created(row.kind for row in rows))
    return len(rows)


def settle(*, key: str, users: Iterable[UUID] | None = None, read: bool = True) -> int:
    """Notes that there is nothing to act on any more in the notifications of a key; returns how many there were.

    They are not told again and not mailed, and count as `read`, of which the users' other tabs hear. Where that is for
    some `users` alone, these may be told something under the key anew.
    """
    return settle_many(keys=[key], users=users, read=read)


def settle_many(*, keys: Iterable[str], users: Iterable[UUID] | None = None, read: bool = True) -> int:
    """Settles the notifications of several keys, as `settle` does those of one."""
    open_ = selectors.unsettled(keys)
    if users is not None:
        open_ = open_.filter(user__in=list(users))
    concerned = set(open_.values_list("user", flat=True))
    if not concerned:
        return 0
    user_rooms_lock(concerned)
    # Looked at again under the locks: another may have settled them, or their users have read them.
    rows = list(open_.filter(user__in=concerned))
    now = timezone.now()
    done: dict[str, Any] = {"settled_at": now, "resend_at": None, "mail_due": None}
    if users is not None:
        done["key"] = ""
    if read:
        done["read_at"] = Coalesce(F("read_at"), now)
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(**done)
    if read:
        tell_read({row.user_id: [row.pk] for row in rows if row.read_at is None and row.shown}, SERVER)
    return len(rows)


def announce(rows: list[Notification], by: Author) -> None:
    """Tells the rooms of the users of notifications that these are there to be read."""
    counts = selectors.unread_counts({row.user_id for row in rows})
    log.append_many(
        (
            log.News(
                user_room(row.user_id),
                "notification:created",
                NotificationCreated(selectors.notification_info(row), counts[row.user_id]),
            )
            for row in rows
            if row.shown
        ),
        by=by,
    )


def tell_read(read: Mapping[UUID, list[UUID]], by: Author, *, all_: bool = False) -> None:
    """Tells the rooms of users what they have read."""
    counts = selectors.unread_counts(read)
    log.append_many(
        (
            log.News(user_room(user), "notification:read", NotificationRead(list(map(str, ids)), all_, counts[user]))
            for user, ids in read.items()
        ),
        by=by,
    )


# --- pieces ------------------------------------------------------------------------------------------------------


def scopes_of(notice: Notice) -> list[str]:
    """What a notice is about, as mutes name it."""
    about = {"project": notice.project, "session": notice.session}
    return [f"{kind}:{id_}" for kind, id_ in about.items() if id_]


def _wanted(pairs: list[tuple[UUID, Notice]], by: Author) -> list[Notification]:
    now = timezone.now()
    people = {
        user: (bool(email), kinds or {}, conf.notification_mail_after if after is None else after)
        for user, email, kinds, after in User.objects.filter(
            pk__in={user for user, _ in pairs}, is_active=True
        ).values_list("pk", "email", "notification_preferences__kinds", "notification_preferences__mail_after")
    }
    scopes = {scope for _, notice in pairs for scope in scopes_of(notice)}
    mutes = Mute.objects.filter(Q(until=None) | Q(until__gt=now), user__in=people, scope__in=scopes)
    muted = set(mutes.values_list("user", "scope"))
    rows = []
    for user, notice in pairs:
        if user not in people:
            continue
        has_address, kinds, mail_after = people[user]
        channels = channels_of(notice.kind, kinds, must_act=notice.must_act)
        if not has_address:
            channels -= {EMAIL}
        if not notice.must_act and any((user, scope) in muted for scope in scopes_of(notice)):
            continue
        if channels:
            row = _row(user, notice, by, now)
            row.shown = IN_APP in channels
            row.mail_due = now + timedelta(seconds=mail_after) if EMAIL in channels else None
            rows.append(row)
    return rows


def _row(user: UUID, notice: Notice, by: Author, now: datetime) -> Notification:
    data = plain(notice.data)
    if len(msgspec.json.encode(data)) > DATA_BYTES:
        raise RealtimeError("msg.bad_value", f"data is over {DATA_BYTES} bytes.", details={"field": "data"})
    return Notification(
        user_id=user,
        kind=notice.kind,
        key=notice.key,
        project=notice.project,
        session=notice.session,
        title=text(" ".join(notice.title.split()), 200),
        body=text(notice.body, 2_000),
        link=notice.link if _PATH.fullmatch(notice.link) else "",
        data=data,
        by_id=UUID(by.user) if by.user else None,
        by_name=text(by.name, 150),
        must_act=notice.must_act,
        created_at=now,
        expires_at=notice.expires_at,
        resend_at=now + timedelta(seconds=conf.notification_resend) if notice.must_act else None,
    )


def _store(rows: list[Notification]) -> list[Notification]:
    """Inserts what its user is not told already, with one statement, and returns that."""
    fields = Notification._meta.concrete_fields
    rows = sorted(rows, key=lambda row: str(row.user_id))  # those who tell the same wait for each other, in one order
    insert(
        Notification._meta.db_table,
        [str(field.column) for field in fields],
        [field.db_type(connection) or "" for field in fields],
        [tuple(field.get_db_prep_save(field.value_from_object(row), connection) for field in fields) for row in rows],
        "ON CONFLICT DO NOTHING",
    )
    new = set(Notification.objects.filter(pk__in=[row.pk for row in rows if row.key]).values_list("pk", flat=True))
    return [row for row in rows if not row.key or row.pk in new]
