"""The list of the trail is filtered by trail, actor, kind, action, target, door and time."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.audit.services import Actor, audit_record

GRACE = Actor(id="g1", name="Grace", kind="agent", acts_for="a1")
LIST = "/admin/audit/auditentry/"


@pytest.fixture
def root(client: Client, project: uuid.UUID) -> Client:
    """A superuser, and one entry that is unlike the others."""
    with transaction.atomic():
        audit_record(project=project, action="user:enable", actor=GRACE, target="user:u1", door="admin")
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def found(root: Client, **filters: Any) -> int:
    answer = root.get(LIST, filters)
    assert answer.status_code == 200
    count: int = answer.context["cl"].result_count
    return count


@pytest.mark.parametrize(
    ("filters", "number"),
    [
        ({"actor_id": "g1"}, 1),
        ({"actor_kind": "agent"}, 1),
        ({"action": "user:enable"}, 1),
        ({"target__exact": "user:u1"}, 1),
        ({"target__exact": " session:5 "}, 3),
        ({"door__exact": "admin"}, 1),
        ({"chain__name__exact": "server"}, 10),
        ({"chain__name__exact": "server", "action": "user:enable"}, 0),
        ({"since": "2001-01-01T00:00"}, 116),
        ({"since": "2999-01-01T00:00"}, 0),
        ({"until": "2001-01-01T00:00"}, 0),
        ({"since": "2001-01-01T00:00", "until": "2999-01-01T00:00:00+02:00", "door__exact": "admin"}, 1),
        ({"since": "", "until": "", "actor_id": "", "target__exact": ""}, 116),
    ],
    ids=str,
)
def test_entries_are_found_by(root: Client, filters: dict[str, str], number: int) -> None:
    assert found(root, **filters) == number


def test_moments_include_the_first_and_not_the_last(root: Client) -> None:
    at = AuditEntry.objects.get(action="user:enable").at
    assert found(root, since=at.isoformat(), action="user:enable") == 1
    assert found(root, until=at.isoformat(), action="user:enable") == 0
    assert found(root, until=(at + timedelta(seconds=1)).isoformat(), action="user:enable") == 1


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_what_is_no_moment_is_left_out_of_the_address(root: Client, moment: str) -> None:
    assert root.get(LIST, {"since": moment}).headers["Location"] == f"{LIST}?e=1"


def test_the_form_offers_what_there_was_lately_by_name(root: Client, project: uuid.UUID) -> None:
    form = root.get(LIST).content.decode()
    for expected in (
        f'<option value="{project}">{project}</option>',
        '<option value="server">the server</option>',
        '<option value="g1">Grace</option>',
        '<option value="user:enable">user:enable</option>',
        'name="target__exact"',
        'type="datetime-local"',
    ):
        assert expected in form, expected


def test_the_form_keeps_what_was_chosen_though_it_is_not_recent(root: Client) -> None:
    form = root.get(LIST, {"actor_id": "nobody", "since": "2026-01-01T00:00"}).content.decode()
    assert '<option value="nobody" selected>nobody</option>' in form
    assert 'value="2026-01-01T00:00"' in form
