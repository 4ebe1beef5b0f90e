"""Telling users something: who is told, what their rooms hear, and how it is settled."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from notifications import kinds, services
from notifications.kinds import Kind
from notifications.models import Mute, Notification, Preferences
from notifications.services import Notice
from tests.notifications.conftest import events_of, tell, tell_all, titles_of, with_room
from tests.people import person
from tests.races import at_once

pytestmark = pytest.mark.django_db
BOTH = Kind("Said", frozenset({"in_app", "email"}))


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.known, "test.said", BOTH)


def settle(key: str, **options: Any) -> int:
    with write():
        return services.settle(key=key, **options)


# --- what is told ------------------------------------------------------------------------------------------------


def test_a_notification_is_stored_and_told_the_users_room(ada: User) -> None:
    by, project = person(name="Bob"), uuid.uuid4()
    author = Author(str(by.pk), "Bob", "human", "connection")
    assert tell(ada, body="how are you", link="/projects/1", project=project, data={"n": [1]}, by=author) == 1
    row = Notification.objects.get(user=ada)
    [event] = events_of(ada)
    assert (event["type"], event["seq"], event["by"]["user"]) == ("notification:created", 1, str(by.pk))
    assert event["data"]["unread"] == 1
    told = event["data"]["notification"]
    assert told.pop("created_at").endswith("Z")
    assert told == {
        "id": str(row.pk),
        "kind": "test.said",
        "title": "Hello",
        "body": "how are you",
        "link": "/projects/1",
        "project": str(project),
        "session": None,
        "data": {"n": [1]},
        "by": {"user": str(by.pk), "name": "Bob"},
        "must_act": False,
        "read_at": None,
        "settled_at": None,
        "sent": 1,
    }


def test_who_never_looked_is_told_later() -> None:
    user = person()
    assert tell(user) == 1
    assert titles_of(user) == ["Hello"]


def test_the_unread_are_counted_with_every_event(ada: User) -> None:
    for _ in range(3):
        tell(ada)
    tell_all([(ada.pk, Notice("test.said", "a")), (ada.pk, Notice("test.said", "b"))])
    assert [event["data"]["unread"] for event in events_of(ada)] == [1, 2, 3, 5, 5]


def test_a_thousand_users_take_as_many_queries_as_one() -> None:
    def queries(number: int) -> int:
        users = User.objects.bulk_create([User(username=f"{number}-{n}", email="a@b.c") for n in range(number)])
        for user in users:
            with_room(user)
        project = uuid.uuid4()
        told = [(user.pk, Notice("test.said", "Hello", project=project, key="once")) for user in users]
        with (
            write(),
            CaptureQueriesContext(
                connection,
            ) as captured,
        ):
            assert services.notify(told=told, by=Author("", "", "")) == number
        return len(captured)

    assert queries(1_000) == queries(1) <= 10


def test_texts_are_cut_and_fit_every_database(ada: User) -> None:
    tell(ada, title="x\n\ny\0" + "z" * 300, body="\ud800" * 3_000, data={"a": "\0"})
    row = Notification.objects.get(user=ada)
    assert (len(row.title), len(row.body)) == (200, 2_000)
    assert row.title.startswith("x y")
    assert "\0" not in row.title + str(row.data)


@pytest.mark.parametrize("link", ["/", "/sessions/1?a=b#c", "/" + "l" * 499])
def test_a_link_is_a_path_of_the_workspace(ada: User, link: str) -> None:
    tell(ada, link=link)
    assert Notification.objects.get().link == link


@pytest.mark.parametrize(
    "link",
    ["https://evil.example", "//evil.example", "/\\evil.example", "@evil.example", "/a b", "/\n", "/" + "l" * 500],
)
def test_a_link_that_leads_elsewhere_is_left_out(ada: User, link: str) -> None:
    tell(ada, link=link)
    assert Notification.objects.get().link == ""


def test_data_has_a_limit(ada: User) -> None:
    with pytest.raises(RealtimeError, match=r"msg\.bad_value"):
        tell(ada, data={"a": "x" * 8_192})
    assert titles_of(ada) == []


@pytest.mark.django_db(transaction=True)
def test_telling_takes_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        services.notify(told=[(person().pk, Notice("test.said", "Hello"))], by=Author("", "", ""))


# --- who is told -------------------------------------------------------------------------------------------------


def test_the_same_key_is_told_once(ada: User) -> None:
    bob = person()
    assert [tell(ada, key="k"), tell(ada, key="k", title="Again"), tell(bob, key="k"), tell(ada, key="l")] == [
        1,
        0,
        1,
        1,
    ]
    assert titles_of(ada) == ["Hello", "Hello"]
    assert len(events_of(ada)) == 2


@pytest.mark.django_db(transaction=True)
def test_the_same_key_told_by_many_at_once_is_told_once() -> None:
    users = [person() for _ in range(3)]
    told = [(user.pk, Notice("test.said", "Hello", key="k")) for user in users]
    assert sorted(at_once(*[lambda n=n: tell_all(told[n % 2 :] + told[: n % 2]) for n in range(4)])) == [0, 0, 0, 3]


def test_accounts_that_are_shut_or_gone_are_told_nothing() -> None:
    user = person(is_active=False)
    assert tell_all([(user.pk, Notice("test.said", "x")), (uuid.uuid4(), Notice("test.said", "x"))]) == 0


@pytest.mark.parametrize("scope", ["project", "session"])
def test_what_is_muted_is_not_told_until_the_time_is_up(ada: User, scope: str) -> None:
    about = uuid.uuid4()
    mute = Mute.objects.create(user=ada, scope=f"{scope}:{about}")
    assert tell(ada, **{scope: about}) == 0
    assert tell(ada, **{scope: about}, must_act=True) == 1
    assert tell(ada, **{scope: uuid.uuid4()}) == 1
    mute.until = timezone.now() + timedelta(hours=1)
    mute.save()
    assert tell(ada, **{scope: about}) == 0
    mute.until = timezone.now() - timedelta(hours=1)
    mute.save()
    assert tell(ada, **{scope: about}) == 1


def test_a_kind_that_is_wanted_nowhere_is_not_told_unless_one_must_act(ada: User) -> None:
    Preferences.objects.create(user=ada, kinds={"test.*": []})
    assert tell(ada) == 0
    assert tell(ada, must_act=True) == 1
    assert Notification.objects.get(user=ada).mail_due is None


def test_a_kind_that_is_wanted_by_mail_only_is_not_shown(ada: User) -> None:
    Preferences.objects.create(user=ada, kinds={"test.said": ["email"]}, mail_after=60)
    assert tell(ada) == 1
    row = Notification.objects.get(user=ada)
    assert row.mail_due - row.created_at == timedelta(seconds=60)
    assert events_of(ada) == []


def test_who_has_no_address_gets_no_mail() -> None:
    user = person()
    tell(user)
    assert Notification.objects.get(user=user).mail_due is None
    Preferences.objects.create(user=user, kinds={"*": ["email"]})
    assert tell(user) == 0


# --- settling ----------------------------------------------------------------------------------------------------


def test_what_is_settled_is_read_and_not_told_or_mailed_again(ada: User) -> None:
    bob = with_room(person(email="bob@example.com"))
    tell_all([(user.pk, Notice("test.said", "Do", must_act=True, key="k")) for user in (ada, bob)])
    assert settle("k") == 2
    for user in (ada, bob):
        row = Notification.objects.get(user=user)
        assert row.settled_at == row.read_at is not None
        assert row.resend_at is row.mail_due is None
        assert events_of(user)[-1]["data"] == {"ids": [str(row.pk)], "all": False, "unread": 0}
    assert settle("k") == 0


def test_it_may_be_settled_for_some_and_stay_unread(ada: User) -> None:
    bob = person()
    tell_all([(user.pk, Notice("test.said", "Do", must_act=True, key="k")) for user in (ada, bob)])
    assert settle("k", users=[ada.pk], read=False) == 1
    assert Notification.objects.get(user=ada).read_at is None
    assert Notification.objects.get(user=bob).settled_at is None
    assert len(events_of(ada)) == 1


def test_settling_no_key_settles_nothing(ada: User) -> None:
    tell(ada)
    assert settle("") == 0


def test_settling_for_a_thousand_takes_as_many_queries_as_for_one() -> None:
    def queries(number: int) -> int:
        users = User.objects.bulk_create([User(username=f"{number}-{n}") for n in range(number)])
        for user in users:
            with_room(user)
        tell_all([(user.pk, Notice("test.said", "Do", key=f"of {number}")) for user in users])
        with write(), CaptureQueriesContext(connection) as captured:
            assert services.settle(key=f"of {number}") == number
        return len(captured)

    assert queries(1_000) == queries(1) <= 9
