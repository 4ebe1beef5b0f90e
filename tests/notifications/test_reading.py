"""Noting what users have read: their own, once, and for all their connections."""

from __future__ import annotations

import uuid

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author
from notifications import services
from notifications.messages import NotificationsMarked
from notifications.models import Notification
from tests.notifications.conftest import events_of, tell
from tests.people import person

pytestmark = pytest.mark.django_db


def read(user: User, *ids: uuid.UUID, all_: bool = False) -> NotificationsMarked:
    by = Author(str(user.pk), "", "human")
    return services.notifications_read(by=by, ids=None if all_ else ids, all_=all_)


@pytest.fixture
def three(ada: User) -> list[uuid.UUID]:
    for _ in range(3):
        tell(ada)
    return list(Notification.objects.order_by("created_at").values_list("pk", flat=True))


def test_some_are_read_and_the_others_are_not(ada: User, three: list[uuid.UUID]) -> None:
    assert read(ada, *three[:2]) == NotificationsMarked(2, 1)
    event = events_of(ada)[-1]
    assert event["type"] == "notification:read"
    assert (sorted(event["data"].pop("ids")), event["data"]) == (
        sorted(map(str, three[:2])),
        {"all": False, "unread": 1},
    )


def test_all_are_read_at_once(ada: User, three: list[uuid.UUID]) -> None:
    assert read(ada, all_=True) == NotificationsMarked(3, 0)
    assert events_of(ada)[-1]["data"] == {"ids": [], "all": True, "unread": 0}


def test_reading_again_changes_nothing_and_tells_nobody(ada: User, three: list[uuid.UUID]) -> None:
    read(ada, *three)
    events, rows = events_of(ada), list(Notification.objects.order_by("pk").values())
    assert read(ada, *three) == read(ada, all_=True) == NotificationsMarked(0, 0)
    assert events_of(ada) == events
    assert list(Notification.objects.order_by("pk").values()) == rows


def test_what_is_anothers_or_nobodys_is_not_read(three: list[uuid.UUID]) -> None:
    assert read(person(), *three, uuid.uuid4()) == NotificationsMarked(0, 0)
    assert Notification.objects.filter(read_at=None).count() == 3


def test_what_is_read_is_not_mailed(ada: User) -> None:
    tell(ada)
    Notification.objects.update(mail_due="2030-01-01T00:00Z")
    read(ada, all_=True)
    assert Notification.objects.get().mail_due is None


def test_one_names_ids_or_says_all(ada: User) -> None:
    by = Author(str(ada.pk), "", "human")
    for ids, all_ in ((None, False), ([], True)):
        with pytest.raises(RealtimeError, match=r"msg\.bad_value"):
            services.notifications_read(by=by, ids=ids, all_=all_)
