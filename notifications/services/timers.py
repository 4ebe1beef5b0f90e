"""What the clock does to notifications: what one must act on is told again, and what is old is forgotten."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms.transactions import write
from notifications import selectors
from notifications.models import Notification
from notifications.services.telling import SERVER, announce, user_rooms_lock

AT_ONCE = 200
FORGOTTEN_AT_ONCE = 5_000


def notifications_resend() -> int:
    """Puts before people again what they must act on and have not; returns how many."""
    now = timezone.now()
    expired = Q(expires_at__isnull=False, expires_at__lte=now)
    due = Notification.objects.filter(resend_at__lte=now, settled_at=None, user__is_active=True)
    wanted = dict(due.order_by("resend_at").values_list("pk", "user")[:AT_ONCE])
    if not wanted:
        return 0
    with write():
        due.filter(expired, pk__in=wanted).update(resend_at=None, mail_due=None)
        user_rooms_lock(wanted.values())
        # Looked at again under the locks: somebody may have acted, or another instance was faster.
        rows = list(due.filter(pk__in=wanted).select_for_update(of=("self",), skip_locked=True).order_by("pk"))
        # Whoever was shown out since has nothing to act on there any more.
        hidden = selectors.out_of_sight(rows)
        Notification.objects.filter(pk__in=hidden).update(settled_at=now, resend_at=None, mail_due=None)
        rows = [row for row in rows if row.pk not in hidden]
        again = now + timedelta(seconds=conf.notification_resend)
        Notification.objects.filter(pk__in=[row.pk for row in rows]).update(
            read_at=None, sent=F("sent") + 1, resend_at=again
        )
        for row in rows:
            row.read_at, row.sent = None, row.sent + 1
        announce(rows, SERVER)
    return len(rows)


def notifications_forget() -> int:
    """Forgets notifications that are old, and the oldest of users who have too many; returns how many."""
    now = timezone.now()
    read = now - timedelta(seconds=conf.notification_retention)
    unread = now - timedelta(seconds=conf.notification_unread_retention)
    old = Q(created_at__lt=unread) | Q(created_at__lt=read, read_at__lt=read)
    forgotten = _delete(Notification.objects.filter(old), FORGOTTEN_AT_ONCE)
    counts = Notification.objects.order_by().values("user").annotate(number=Count("pk"))
    too_many = counts.filter(number__gt=conf.max_notifications_per_user).values_list("user", "number")
    for user, number in list(too_many[:AT_ONCE]):
        # Those that were read first, then the oldest, but nothing that somebody must still act on.
        own = Notification.objects.filter(user=user).exclude(must_act=True, settled_at=None)
        oldest = own.order_by(F("read_at").asc(nulls_last=True), "created_at")
        forgotten += _delete(oldest, min(number - conf.max_notifications_per_user, FORGOTTEN_AT_ONCE))
    return forgotten


def _delete(rows: QuerySet[Notification], most: int) -> int:
    with write():
        return Notification.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:most])).delete()[0]
