"""Which notifications are due by e-mail, and what became of them: claimed, sent outside of any transaction, noted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import Case, DateTimeField, F, Max, Q, Value, When
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms.transactions import write
from notifications import metrics, selectors
from notifications.models import Notification, Preferences

logger = structlog.get_logger(__name__)

USERS_AT_ONCE, ROWS_AT_ONCE = 50, 5_000
# The time after which a claim counts as failed, doubled with every try up to the longest: more than a day in all.
PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=6)
TRIES = 10


def mails_claim() -> list[tuple[User, list[Notification]]]:
    """Takes what is due of some users, so that nobody else sends it, and returns it oldest first, user by user.

    What is not sent within a while is due again; after ten tries it is given up. A user gets no more mails than one in
    the time to read, however much there is to tell, and none of what is out of the user's sight by now.
    """
    now = timezone.now()
    due = selectors.mails_due(now)
    claimed: dict[User, list[Notification]] = defaultdict(list)
    with write():
        due.filter(Q(user__is_active=False) | Q(user__email="")).update(mail_due=None)
        given_up = due.filter(mail_tries__gte=TRIES).update(mail_due=None)
        users = list(due.order_by().values_list("user", flat=True).distinct()[:USERS_AT_ONCE])
        for user, until in _mailed_lately(users, now).items():
            due.filter(user=user).update(mail_due=until)
        rows = due.filter(user__in=users).select_related("user").select_for_update(of=("self",), skip_locked=True)
        found = list(rows.order_by("user", "created_at", "pk")[:ROWS_AT_ONCE])
        hidden = selectors.out_of_sight(found)
        Notification.objects.filter(pk__in=hidden).update(mail_due=None)
        for row in found:
            if row.pk not in hidden:
                claimed[row.user].append(row)
        again = [
            When(mail_tries=tries, then=Value(now + min(PAUSE * 2**tries, LONGEST_PAUSE))) for tries in range(TRIES)
        ]
        ids = [row.pk for rows in claimed.values() for row in rows]
        Notification.objects.filter(pk__in=ids).update(
            mail_due=Case(*again, output_field=DateTimeField()), mail_tries=F("mail_tries") + 1
        )
    if given_up:
        metrics.mails.labels("given_up").inc(given_up)
        logger.warning("mails_given_up", notifications=given_up)
    return list(claimed.items())


def _mailed_lately(users: list[UUID], now: datetime) -> dict[UUID, datetime]:
    """Which users got a mail so lately that they have not had their time to read since, and when they will."""
    said = Preferences.objects.filter(user__in=users, mail_after__isnull=False).values_list("user", "mail_after")
    after = dict.fromkeys(users, conf.notification_mail_after) | {user: float(own or 0) for user, own in said}
    mailed = Notification.objects.filter(user__in=users, mailed_at__isnull=False).order_by().values_list("user")
    again = {user: last + timedelta(seconds=after[user]) for user, last in mailed.annotate(Max("mailed_at"))}
    return {user: moment for user, moment in again.items() if moment > now}


def mails_note(*, ids: Iterable[UUID]) -> None:
    """Notes that notifications went out by e-mail."""
    with write():
        Notification.objects.filter(pk__in=list(ids)).update(mailed_at=timezone.now(), mail_due=None)


def mails_count() -> int:
    """Shows in the metrics how many notifications are due to be mailed."""
    metrics.mails_waiting.set(selectors.mails_due(timezone.now()).count())
    return 0
