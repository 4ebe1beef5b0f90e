"""The pages of notifications: what people were told, found and filtered, in a number of queries that does not grow."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bduf_realtime.accounts.models import User
from notifications.models import Mute, Notification, Preferences
from tests.notifications.conftest import tell
from tests.operators import page
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def shown(root: Client, **query: Any) -> str:
    response = root.get(page(Notification), query)
    assert response.status_code == 200
    return response.content.decode()


def test_notifications_are_found_and_filtered(ada: User, root: Client) -> None:
    tell(ada, title="Plain")
    tell(ada, "test.done", title="Act", must_act=True)
    Notification.objects.filter(title="Plain").update(read_at=timezone.now(), mailed_at=timezone.now())
    both = shown(root)
    assert "Plain" in both
    assert "to act on" in both
    assert "Ada" in both
    assert "Act" not in shown(root, must_act__exact=0).partition("result_list")[2]
    assert "Plain" not in shown(root, q="Act").partition("result_list")[2]
    assert "Plain" in shown(root, q=str(ada.pk))


def test_a_list_of_many_takes_as_many_queries_as_one_of_few(root: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(root)
        return len(captured)

    tell(person())
    few = queries()
    for _ in range(20):
        tell(person())
    assert queries() == few


def test_preferences_are_told_in_words(ada: User, root: Client) -> None:
    row = Preferences.objects.create(user=ada, kinds={"test.*": [], "a": ["email", "in_app"]})
    Mute.objects.create(user=ada, scope="project:1")
    text = root.get(page(Preferences, row.pk, "change")).content.decode()
    assert "a: email and in_app, test.*: no" in text
    assert "project:1" in text
