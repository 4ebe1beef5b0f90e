"""Everything that reads notifications and what people want of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet

from bduf_realtime.rooms.events import timestamp
from notifications.messages import Causer, NotificationInfo
from notifications.models import Notification


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


def unread(user: UUID) -> QuerySet[Notification]:
    """What a user has not read."""
    return Notification.objects.filter(user=user, read_at=None, shown=True)


def unread_counts(users: Iterable[UUID]) -> dict[UUID, int]:
    """How many each of many users has not read."""
    users = list(users)
    rows = Notification.objects.filter(user__in=users, read_at=None, shown=True).values("user").order_by()
    return dict.fromkeys(users, 0) | dict(rows.annotate(number=Count("pk")).values_list("user", "number"))
