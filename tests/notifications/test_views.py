"""Notifications over REST: one's own, filtered, read, and preferred."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bduf_realtime.accounts.models import User
from notifications.models import Notification, Preferences
from tests.notifications.conftest import events_of, tell
from tests.people import Rest, person, refusal

pytestmark = pytest.mark.django_db
PROJECT, SESSION = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def rest(ada: User) -> Rest:
    return Rest(ada)


def titles(answer: tuple[int, Any]) -> list[str]:
    assert answer[0] == 200, answer
    return [row["title"] for row in answer[1]["results"]]


def test_ones_own_are_listed_newest_first_as_sockets_show_them(ada: User, rest: Rest) -> None:
    tell(person(), title="another's")
    tell(ada, title="first", data={"a": 1})
    tell(ada, title="second")
    status, page = rest.get("notifications/")
    assert (status, page["count"]) == (200, 2)
    assert page["results"] == [event["data"]["notification"] for event in events_of(ada)][::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"unread": "true"}, ["session", "plain"]),
        ({"unread": "false"}, ["project"]),
        ({"must_act": "true"}, ["session"]),
        ({"must_act": "false"}, ["project", "plain"]),
        ({"kind": "test.said"}, ["session", "plain"]),
        ({"kind": "test.*"}, ["session", "project", "plain"]),
        ({"kind": "other.*"}, []),
        ({"project": str(PROJECT)}, ["project"]),
        ({"session": str(SESSION)}, ["session"]),
        ({"limit": 1, "offset": 1}, ["project"]),
    ],
)
def test_they_are_filtered(ada: User, rest: Rest, query: dict[str, Any], expected: list[str]) -> None:
    tell(ada, title="plain")
    tell(ada, "test.done", title="project", project=PROJECT)
    Notification.objects.filter(title="project").update(read_at="2026-01-01T00:00Z")
    tell(ada, title="session", session=SESSION)
    Notification.objects.filter(title="session").update(must_act=True)
    assert titles(rest.get("notifications/", **query)) == expected


@pytest.mark.parametrize("query", [{"unread": "perhaps"}, {"project": "x"}, {"kind": "a" * 101}])
def test_a_filter_that_is_wrong_is_refused(rest: Rest, query: dict[str, Any]) -> None:
    assert refusal(rest.get("notifications/", **query)) == (400, "msg.bad_value")


def test_what_goes_out_by_mail_only_is_not_listed(ada: User, rest: Rest) -> None:
    Preferences.objects.create(user=ada, kinds={"*": ["email"]})
    tell(ada)
    assert Notification.objects.count() == 1
    assert titles(rest.get("notifications/")) == []
    assert rest.get("notifications/unread/") == (200, {"unread": 0})


def test_some_or_all_are_read(ada: User, rest: Rest) -> None:
    for _ in range(3):
        tell(ada)
    ids = [row["id"] for row in rest.get("notifications/")[1]["results"]]
    assert rest.post("notifications/read/", {"ids": ids[:1]}) == (200, {"read": 1, "unread": 2})
    assert rest.get("notifications/unread/") == (200, {"unread": 2})
    assert events_of(ada)[-1]["data"] == {"ids": ids[:1], "all": False, "unread": 2}
    assert rest.post("notifications/read/", {"all": True}) == (200, {"read": 2, "unread": 0})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "msg.bad_value"),
        ([], "msg.bad_value"),
        (1, "msg.bad_value"),
        ({"ids": ["x"]}, "msg.bad_value"),
        ({"ids": None, "all": False}, "msg.bad_value"),
        ({"everything": True}, "msg.unknown_field"),
    ],
)
def test_a_body_that_is_wrong_is_refused(rest: Rest, body: Any, code: str) -> None:
    assert refusal(rest.post("notifications/read/", body)) == (400, code)


def test_preferences_are_read_and_changed(rest: Rest) -> None:
    assert rest.get("notifications/preferences/")[1]["patterns"] == {}
    status, changed = rest.patch("notifications/preferences/", {"kinds": {"a.*": ["email"]}, "mail_after": 60})
    assert (status, changed["patterns"], changed["mail_after"]) == (200, {"a.*": ["email"]}, 60)
    assert rest.get("notifications/preferences/") == (200, changed)
    assert refusal(rest.patch("notifications/preferences/", {"kinds": {"a b": []}})) == (400, "msg.bad_value")


def test_ten_thousand_take_as_many_queries_as_ten(ada: User, rest: Rest) -> None:
    def queries() -> list[int]:
        found = []
        for path in ("notifications/", "notifications/?unread=true&kind=test.*", "notifications/unread/"):
            with CaptureQueriesContext(connection) as captured:
                assert rest.get(path)[0] == 200
            found.append(len(captured))
        return found

    Notification.objects.bulk_create([Notification(user=ada, kind="test.said", title="x") for _ in range(10)])
    few = queries()
    Notification.objects.bulk_create([Notification(user=ada, kind="test.said", title="x") for _ in range(10_000)])
    assert queries() == few
    assert max(few) <= 5
