"""Everything that reads notifications and what people want of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms.events import timestamp
from notifications.kinds import channels_of, known
from notifications.messages import (
    Causer,
    KindPreference,
    MuteInfo,
    NotificationInfo,
    NotificationsSeen,
    PreferencesInfo,
)
from notifications.models import Mute, Notification, Preferences
from notifications.topics import Interest, scopes


def notification_info(row: Notification) -> NotificationInfo:
    """A notification as its user sees it."""
    return NotificationInfo(
        id=str(row.pk),
        kind=row.kind,
        title=row.title,
        body=row.body,
        link=row.link,
        project=str(row.project) if row.project else None,
        session=str(row.session) if row.session else None,
        data=row.data,
        by=Causer(str(row.by_id), row.by_name) if row.by_id else None,
        must_act=row.must_act,
        created_at=timestamp(row.created_at),
        read_at=_time(row.read_at),
        settled_at=_time(row.settled_at),
        sent=row.sent,
    )


def _time(at: datetime | None) -> str | None:
    return timestamp(at) if at else None


def notifications_of(user: UUID) -> QuerySet[Notification]:
    """What a user was told, newest first."""
    return Notification.objects.filter(user=user, shown=True).order_by("-created_at", "-pk")


def unread(user: UUID) -> QuerySet[Notification]:
    """What a user has not read, newest first."""
    return notifications_of(user).filter(read_at=None)


def unsettled(keys: Iterable[str]) -> QuerySet[Notification]:
    """What was told under these keys, and is not settled yet."""
    return Notification.objects.filter(key__in=list(keys), settled_at=None).exclude(key="")


def users_told(keys: Iterable[str]) -> set[UUID]:
    """Who was told what is not settled yet of these keys, and so is concerned when that is settled."""
    return set(unsettled(keys).values_list("user", flat=True))


def out_of_sight(rows: Iterable[Notification]) -> set[UUID]:
    """The ids of those that are about a project or session which their user does not see any more."""
    about = {
        row.pk: ("session" if row.session else "project", row.user_id, place)
        for row in rows
        if (place := row.session or row.project)
    }
    seen = {(kind, user, place): scopes[kind](user, place) for kind, user, place in set(about.values())}
    return {pk for pk, place in about.items() if not seen[place]}


def mails_due(now: datetime) -> QuerySet[Notification]:
    """What is to go out by e-mail by now."""
    return Notification.objects.filter(mail_due__lte=now, read_at=None)


def unread_counts(users: Iterable[UUID]) -> dict[UUID, int]:
    """How many each of many users has not read."""
    users = list(users)
    rows = Notification.objects.filter(user__in=users, read_at=None, shown=True).values("user").order_by()
    return dict.fromkeys(users, 0) | dict(rows.annotate(number=Count("pk")).values_list("user", "number"))


def notifications_seen(user: UUID, interest: Interest, after: datetime | None) -> NotificationsSeen:
    """What a subscription begins with: what is unread, or what was told after a moment; newest first."""
    found = unread(user) if after is None else notifications_of(user).filter(created_at__gt=after)
    rows = list(found.filter(_about(interest))[: conf.notifications_at_once + 1])
    shown = [notification_info(row) for row in rows[: conf.notifications_at_once]]
    return NotificationsSeen(unread(user).count(), shown, len(rows) > len(shown))


def of_kind(pattern: str) -> Q:
    """Those that a pattern of kinds is about."""
    return Q(kind__startswith=pattern[:-1]) if pattern.endswith("*") else Q(kind=pattern)


def _about(interest: Interest) -> Q:
    if interest.is_all:
        return Q()
    about = Q(pk=None)
    for pattern in interest.patterns:
        about |= of_kind(pattern)
    for scope in interest.scopes:
        field, _, id_ = scope.partition(":")
        about |= Q(**{field: id_})
    return about


def preferences_of(user: UUID) -> PreferencesInfo:
    """What a user is told of, and how."""
    own = Preferences.objects.filter(user=user).first() or Preferences()
    mutes = Mute.objects.filter(user=user).order_by("scope").values_list("scope", "until")
    return PreferencesInfo(
        [
            KindPreference(
                name,
                kind.title,
                sorted(channels_of(name, own.kinds, must_act=kind.must_act)),
                sorted(channels_of(name, {}, must_act=kind.must_act)),
                kind.must_act,
            )
            for name, kind in sorted(known.items())
        ],
        own.kinds,
        conf.notification_mail_after if own.mail_after is None else own.mail_after,
        [MuteInfo(scope, _time(until)) for scope, until in mutes if until is None or until > timezone.now()],
    )
