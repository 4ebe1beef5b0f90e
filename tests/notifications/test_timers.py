"""What the clock does to notifications: telling again what one must act on, and forgetting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.rooms.transactions import write
from notifications import services
from notifications.models import Notification
from tests.notifications.conftest import events_of, tell, titles_of
from tests.people import person
from tests.races import at_once

pytestmark = pytest.mark.django_db


def overdue(user: User, **fields: Any) -> Notification:
    tell(user, must_act=True, key="k")
    past = timezone.now() - timedelta(hours=1)
    Notification.objects.filter(user=user).update(**{"resend_at": past, "read_at": past, **fields})
    return Notification.objects.get(user=user)


# --- telling again -----------------------------------------------------------------------------------------------


def test_what_one_must_act_on_is_unread_and_told_again(ada: User) -> None:
    row = overdue(ada)
    assert services.notifications_resend() == 1
    row.refresh_from_db()
    assert (row.read_at, row.sent) == (None, 2)
    assert row.resend_at > timezone.now() + timedelta(hours=23)
    event = events_of(ada)[-1]
    assert (event["type"], event["data"]["unread"]) == ("notification:created", 1)
    assert (event["data"]["notification"]["id"], event["data"]["notification"]["sent"]) == (str(row.pk), 2)
    assert event["data"]["notification"]["read_at"] is None
    assert services.notifications_resend() == 0


def test_what_is_settled_is_not_told_again(ada: User) -> None:
    overdue(ada)
    with write():
        services.settle(key="k")
    assert services.notifications_resend() == 0


def test_what_has_expired_is_not_told_again(ada: User) -> None:
    row = overdue(ada, expires_at=timezone.now())
    assert services.notifications_resend() == 0
    row.refresh_from_db()
    assert (row.resend_at, row.sent) == (None, 1)


def test_an_account_that_is_shut_is_told_nothing_again() -> None:
    overdue(person())
    User.objects.update(is_active=False)
    assert services.notifications_resend() == 0


def test_what_is_no_matter_to_act_on_is_told_once(ada: User) -> None:
    tell(ada)
    assert Notification.objects.get().resend_at is None


@pytest.mark.django_db(transaction=True)
def test_two_instances_tell_it_again_once() -> None:
    users = [person() for _ in range(5)]
    for user in users:
        overdue(user)
    assert sum(at_once(*[services.notifications_resend] * 3)) == 5
    assert set(Notification.objects.values_list("sent", flat=True)) == {2}


# --- forgetting --------------------------------------------------------------------------------------------------


def kept(user: User) -> list[str]:
    services.notifications_forget()
    return titles_of(user)


def old(user: User, title: str, days: int, read: int | None = None, **fields: Any) -> None:
    now = timezone.now()
    Notification.objects.create(
        user=user,
        kind="test.said",
        title=title,
        created_at=now - timedelta(days=days),
        read_at=None if read is None else now - timedelta(days=read),
        **fields,
    )


def test_what_was_read_long_ago_goes_and_later_what_never_was(ada: User) -> None:
    old(ada, "read long ago", 100, 91)
    old(ada, "read lately", 100, 89)
    old(ada, "unread", 364)
    old(ada, "never read", 366)
    assert kept(ada) == ["unread", "read lately"]


def test_of_too_many_the_oldest_go_those_read_first(ada: User, tune: Callable[..., None]) -> None:
    tune(max_notifications_per_user=3)
    old(ada, "old act", 9, must_act=True)
    old(ada, "unread 8", 8)
    old(ada, "unread 7", 7)
    old(ada, "read 6", 6, 5)
    old(ada, "read 5", 5, 4)
    assert kept(ada) == ["old act", "unread 8", "unread 7"]
    old(ada, "new", 0)
    assert kept(ada) == ["old act", "unread 7", "new"]
    bob = person()
    for number in range(3):
        old(bob, str(number), 1)
    assert kept(bob) == ["0", "1", "2"]


def test_what_one_must_still_act_on_is_never_too_much(ada: User, tune: Callable[..., None]) -> None:
    tune(max_notifications_per_user=1)
    old(ada, "one", 2, must_act=True)
    old(ada, "other", 1, must_act=True)
    assert kept(ada) == ["one", "other"]
