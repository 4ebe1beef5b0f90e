"""The audit trail over REST: for staff, filtered, and as it was written."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.audit.services import Actor, AuditRecord, audit_record_many
from tests.people import Rest, person, refusal

pytestmark = pytest.mark.django_db
ONE = "00000000-0000-4000-8000-000000000001"
TWO = "00000000-0000-4000-8000-000000000002"
ADA, GRACE = Actor("a1", "Ada", "human"), Actor("g1", "Grace", "agent", acts_for="a1")


@pytest.fixture
def staff() -> User:
    """An operator, after a few things have happened."""
    entries = [
        (ONE, "collaboration:session:create", ADA, "session:s1", "rest", {"name": "Kick-off"}),
        (ONE, "collaboration:session:end", GRACE, "session:s1", "socket", {}),
        (TWO, "collaboration:session:create", ADA, "session:s2", "rest", {}),
        (None, "connection:cut", ADA, "connection:c1", "admin", {}),
    ]
    with transaction.atomic():
        audit_record_many(
            [
                AuditRecord(project=project, action=action, actor=actor, target=target, door=door, details=details)
                for project, action, actor, target, door, details in entries
            ]
        )
    return person(is_staff=True)


def actions(answer: tuple[int, Any]) -> list[str]:
    status, page = answer
    assert status == 200, page
    return [f"{row['action'].rpartition(':')[2]} {row['target']}" for row in page["results"]]


def test_an_entry_is_shown_whole_with_its_place_in_the_chain(staff: User) -> None:
    status, page = Rest(staff).get("audit/", project=ONE, ordering="seq")
    entries = list(AuditEntry.objects.filter(chain_id=ONE).order_by("seq"))
    assert (status, page["count"]) == (200, 2)
    assert page["results"][1] == {
        "project": ONE,
        "seq": 2,
        "at": page["results"][1]["at"],
        "actor_id": "g1",
        "actor_name": "Grace",
        "actor_kind": "agent",
        "acts_for": "a1",
        "door": "socket",
        "action": "collaboration:session:end",
        "target": "session:s1",
        "details": {},
        "hash": entries[1].hash,
        "previous_hash": entries[0].hash,
    }
    assert page["results"][0]["details"] == {"name": "Kick-off"}
    assert Rest(staff).get("audit/", server="true")[1]["results"][0]["project"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"project": TWO}, ["create session:s2"]),
        ({"server": "true"}, ["cut connection:c1"]),
        ({"server": "false", "actor": "a1", "ordering": "at"}, ["create session:s1", "create session:s2"]),
        ({"actor": "g1"}, ["end session:s1"]),
        ({"actor": "Ada"}, []),
        ({"action": "collaboration:session:e"}, ["end session:s1"]),
        ({"action": "collaboration%"}, []),
        ({"target": "session:s2"}, ["create session:s2"]),
        ({"door": "admin"}, ["cut connection:c1"]),
        ({"since": "2999-01-01T00:00:00Z"}, []),
        ({"until": "2001-01-01T00:00:00Z"}, []),
        ({"until": "2999-01-01T00:00:00Z", "door": "socket"}, ["end session:s1"]),
    ],
    ids=str,
)
def test_entries_are_found_by(staff: User, query: Any, found: list[str]) -> None:
    assert actions(Rest(staff).get("audit/", **query)) == found


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"project": "server"}, "msg.bad_value"),
        ({"server": "perhaps"}, "msg.bad_value"),
        ({"door": "window"}, "msg.bad_value"),
        ({"since": "then"}, "msg.bad_value"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "msg.bad_value"),
        ({"actor": "a\0"}, "msg.bad_value"),
        ({"hash": "x"}, "msg.unknown_field"),
        ({"chain__head_seal__startswith": "a"}, "msg.unknown_field"),
        ({"ordering": "chain__head_seal"}, "msg.bad_value"),
        ({"ordering": "details"}, "msg.bad_value"),
    ],
    ids=str,
)
def test_entries_are_asked_for_in_known_words_only(staff: User, query: Any, code: str) -> None:
    assert refusal(Rest(staff).get("audit/", **query)) == (400, code)


def test_the_newest_entries_come_first_in_pages_and_in_a_fixed_number_of_queries(
    staff: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        with django_assert_num_queries(5):
            _, page = Rest(staff).get("audit/", limit=3)
        assert len(page["results"]) == 3
        assert page["results"] == sorted(page["results"], key=lambda row: row["at"], reverse=True)
        with transaction.atomic():
            audit_record_many(
                [AuditRecord(project=ONE, action="x:y", actor=ADA, target="t", door="rest") for _ in range(20)]
            )
    assert len(Rest(staff).get("audit/", offset=43)[1]["results"]) == 1


def test_the_trail_is_for_staff_and_for_reading(staff: User) -> None:
    assert refusal(Rest(person()).get("audit/")) == (403, "perm.denied")
    for method in ("post", "patch", "delete"):
        assert refusal(getattr(Rest(staff), method)("audit/")) == (405, "msg.unknown_type")
