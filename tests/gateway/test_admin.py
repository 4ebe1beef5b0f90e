"""What operators do to connections and accounts from the admin, and what the form of an account leaves on record."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway.models import Connection, Instance
from tests.operators import REASON, act, entries, page, staff, told
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(staff("olga", "view", "change"))
    return client


@pytest.fixture
def user() -> User:
    return person("ada")


@pytest.fixture
def connection(user: User) -> Connection:
    instance = Instance.objects.create(host="blade", pid=17, expires_at="2999-01-01T00:00Z")
    return Connection.objects.create(id=uuid.uuid4(), user=user, instance=instance)


def test_an_operator_disconnects_a_connection(operator: Client, connection: Connection) -> None:
    assert told(act(operator, "disconnect", connection)) == ["1 connection will be closed within two seconds."]
    connection.refresh_from_db()
    assert connection.cut_at is not None
    [entry] = entries("connection:cut")
    assert (entry.target, entry.details["reason"]) == (f"connection:{connection.pk}", REASON)
    assert "being closed" in operator.get(page(Connection)).content.decode()
    assert told(act(operator, "disconnect", connection))[-1] == "1 connection had nothing to change."
    assert len(entries("connection:cut")) == 1


def test_an_operator_disconnects_all_connections_of_a_user(operator: Client, connection: Connection) -> None:
    other = Connection.objects.create(id=uuid.uuid4(), user=connection.user, instance=connection.instance)
    someone = Connection.objects.create(id=uuid.uuid4(), user=person(), instance=connection.instance)
    assert told(act(operator, "disconnect", connection.user)) == ["1 user will be disconnected within two seconds."]
    cut = set(Connection.objects.filter(cut_at__isnull=False).values_list("pk", flat=True))
    assert cut == {connection.pk, other.pk}
    assert someone.pk not in cut
    assert len(entries("connection:cut")) == 2


def test_an_operator_disables_and_enables_an_account(operator: Client, user: User) -> None:
    assert told(act(operator, "disable", user)) == ["1 user disabled."]
    user.refresh_from_db()
    assert not user.is_active
    assert told(act(operator, "enable", user))[-1] == "1 user enabled."
    user.refresh_from_db()
    assert user.is_active
    for verb in ("disable", "enable"):
        [entry] = entries(f"user:{verb}")
        assert (entry.target, entry.details["reason"]) == (f"user:{user.pk}", REASON)


def test_an_operator_signs_a_user_out_everywhere(operator: Client, user: User) -> None:
    act(operator, "sign_out", user)
    user.refresh_from_db()
    assert user.tokens_valid_after is not None
    assert len(entries("user:sign_out")) == 1


def test_nobody_disables_their_own_account(client: Client) -> None:
    root = User.objects.create_superuser("root")
    client.force_login(root)
    assert told(act(client, "disable", root)) == ["root: That is your own account."]
    root.refresh_from_db()
    assert root.is_active


@pytest.mark.parametrize("verb", ["disable", "enable", "sign_out"])
def test_accounts_of_staff_are_left_to_superusers(operator: Client, verb: str) -> None:
    boss = User.objects.create_superuser("boss", is_active=verb != "enable")
    answer = act(operator, verb, boss)
    assert told(answer) == ["boss: Accounts of staff are managed by superusers."]
    assert not entries(f"user:{verb}")


def test_what_is_changed_in_the_form_of_an_account_is_on_record(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    user = person("ada")
    client.post(page(User, user.pk, "change"), {"username": "ada", "kind": "human", "name": "Ada"})
    passwords = {"password1": "tower-7-bridge", "password2": "tower-7-bridge", "usable_password": "true"}
    client.post(page(User, user.pk, "password"), passwords)
    client.post(page(User, user.pk, "delete"), {"post": "yes"})
    assert [entry.target for entry in entries("user:update")] == [f"user:{user.pk}"] * 2
    assert "Name" in str(entries("user:update")[0].details)
    assert "tower" not in str([entry.details for entry in AuditEntry.objects.all()])
    assert entries("user:delete")[0].details == {"username": "ada"}
    created = {"username": "eve", "kind": "human", **passwords}
    client.post(page(User, "add"), created)
    assert entries("user:create")[0].details == {"username": "eve"}
