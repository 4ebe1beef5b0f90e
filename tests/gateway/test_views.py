"""The connections that operators see and cut, the published contracts, and paths that lead nowhere."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway import asyncapi
from bduf_realtime.gateway.models import Connection, Instance
from tests.people import Rest, person, refusal

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def instance() -> Instance:
    return Instance.objects.create(host="h", pid=1, expires_at="2999-01-01T00:00Z")


@pytest.fixture
def staff() -> User:
    return person("staff", is_staff=True)


@pytest.fixture
def operator() -> User:
    user = person("operator", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_connection"))
    return user


@pytest.fixture
def three(instance: Instance) -> list[Connection]:
    """Two open connections of Ada's and one of Grace's that was closed."""
    ada, grace = person("ada"), person("grace")
    rows = [
        {"user": ada, "address": "192.0.2.1", "bytes_in": 30, "round_trip_ms": 12.5},
        {"user": ada, "address": "192.0.2.2", "bytes_in": 10, "state": "idle"},
        {"user": grace, "state": "disconnected", "closed_at": NOON, "close_code": 4509, "bytes_in": 20},
    ]
    return [
        Connection.objects.create(
            id=uuid.UUID(int=number), instance=instance, connected_at=NOON + timedelta(minutes=number), **fields
        )
        for number, fields in enumerate(rows, 1)
    ]


def numbers(answer: tuple[int, Any]) -> list[int]:
    status, page = answer
    assert status == 200, page
    return [uuid.UUID(row["id"]).int for row in page["results"]]


# --- connections -------------------------------------------------------------------------------------------------


def test_a_connection_is_shown_to_operators_with_all_that_is_known(three: list[Connection], staff: User) -> None:
    status, shown = Rest(staff).get(f"connections/{three[0].pk}/")
    assert status == 200
    assert shown == Rest(staff).get("connections/", user=str(three[0].user_id), address="192.0.2.1")[1]["results"][0]
    assert {name: shown[name] for name in ("user", "username", "instance", "state", "address", "cut_at")} == {
        "user": str(three[0].user_id),
        "username": "ada",
        "instance": str(three[0].instance_id),
        "state": "authenticated",
        "address": "192.0.2.1",
        "cut_at": None,
    }
    assert (shown["bytes_in"], shown["round_trip_ms"], shown["connected_at"]) == (30, 12.5, "2026-01-01T12:01:00Z")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [3, 2, 1]),
        ({"open": "true"}, [2, 1]),
        ({"open": "false"}, [3]),
        ({"state": "idle"}, [2]),
        ({"address": "192.0.2.1"}, [1]),
        ({"address": "192.0.2"}, []),
        ({"ordering": "bytes_in"}, [2, 3, 1]),
        ({"ordering": "round_trip_ms,connected_at"}, [1, 2, 3]),
        ({"ordering": "-round_trip_ms,connected_at"}, [1, 2, 3]),
        ({"limit": "1", "offset": "1"}, [2]),
    ],
    ids=str,
)
def test_connections_are_found_by(three: list[Connection], staff: User, query: Any, found: list[int]) -> None:
    assert numbers(Rest(staff).get("connections/", **query)) == found


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"open": "maybe"}, "msg.bad_value"),
        ({"open": "1"}, "msg.bad_value"),
        ({"user": "ada"}, "msg.bad_value"),
        ({"instance": "x"}, "msg.bad_value"),
        ({"state": "asleep"}, "msg.bad_value"),
        ({"user__password__startswith": "p"}, "msg.unknown_field"),
        ({"ordering": "user__password"}, "msg.bad_value"),
        ({"ordering": "address"}, "msg.bad_value"),
    ],
    ids=str,
)
def test_connections_are_asked_for_in_known_words_only(staff: User, query: Any, code: str) -> None:
    assert refusal(Rest(staff).get("connections/", **query)) == (400, code)


def test_the_list_takes_as_many_queries_for_many_connections_as_for_one(
    three: list[Connection], instance: Instance, staff: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        with django_assert_num_queries(5):
            Rest(staff).get("connections/")
        Connection.objects.bulk_create(
            [Connection(id=uuid.uuid4(), instance=instance, user=person()) for _ in range(20)]
        )


def test_a_connection_is_cut_by_who_may_change_connections_once(three: list[Connection], operator: User) -> None:
    path = f"connections/{three[0].pk}/"
    for _ in range(2):
        assert Rest(operator).delete(path) == (204, None)
    assert Rest(operator).get(path)[1]["cut_at"] is not None
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.door) == ("connection:cut", f"connection:{three[0].pk}", "rest")
    assert (entry.actor_name, entry.details) == ("operator", {"user": str(three[0].user_id)})
    assert Rest(operator).delete(f"connections/{three[2].pk}/") == (204, None)
    assert AuditEntry.objects.count() == 1


def test_staff_without_the_permission_sees_and_cuts_not(three: list[Connection], staff: User) -> None:
    assert refusal(Rest(staff).delete(f"connections/{three[0].pk}/")) == (403, "perm.denied")
    assert not Connection.objects.exclude(cut_at=None).exists()
    missing = refusal(Rest(person(is_superuser=True, is_staff=True)).delete(f"connections/{uuid.uuid4()}/"))
    assert missing == (404, "room.not_found")


def test_who_is_no_staff_or_staff_no_more_sees_nothing(three: list[Connection], staff: User) -> None:
    caller = Rest(staff)
    assert caller.get("connections/")[0] == 200
    User.objects.filter(pk=staff.pk).update(is_staff=False)
    for path in ("connections/", f"connections/{three[0].pk}/", f"connections/{uuid.uuid4()}/"):
        assert refusal(caller.get(path)) == (403, "perm.denied")


# --- contracts ---------------------------------------------------------------------------------------------------


def test_the_contracts_are_those_that_are_committed(client: Client) -> None:
    committed = json.loads((settings.BASE_DIR / "docs/openapi.json").read_text())
    assert client.get("/api/v1/schema/").json() == committed
    assert client.get("/api/v1/asyncapi.json").json() == json.loads(json.dumps(asyncapi.document()))


def test_the_contracts_are_for_everybody_whatever_token_comes_along() -> None:
    for path in ("schema/", "asyncapi.json"):
        assert Rest(token="a.b.c").get(path)[0] == 200
        assert refusal(Rest().post(path)) == (405, "msg.unknown_type")


def test_the_page_to_try_calls_needs_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert b"http://" not in page.content
    assert b"https://" not in page.content
    script = client.get("/api/v1/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert b"/api/v1/schema/" in script.content


# --- nowhere -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "nothing/", "projects", "sessions/1/", "sessions/x/events/", "é/", "a" * 5_000])
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "trace"])
def test_a_path_that_leads_nowhere_says_so_as_every_call_does(method: str, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    response = getattr(client, method)(f"/api/v1/{path}")
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert response.json()["code"] == "room.not_found"


@pytest.mark.parametrize("method", ["head", "options", "trace", "put"])
def test_methods_that_no_call_has_are_refused_or_harmless(method: str, staff: User) -> None:
    for path in ("me/", "projects/", "sessions/", "status/", "connections/", "audit/"):
        response = getattr(Rest(staff).client, method)(f"/api/v1/{path}")
        assert response.status_code == (200 if method in ("head", "options") else 405), path
        if method == "head":
            assert response.content == b""
        anonymous = getattr(Rest().client, method)(f"/api/v1/{path}")
        assert anonymous.status_code == 401
