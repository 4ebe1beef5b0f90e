"""What operators do to connections and accounts: done, and on the server's trail."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.gateway import presence, services
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.models import Connection, Instance
from tests.people import person

pytestmark = pytest.mark.django_db


def connection(user: User, instance: Instance, **fields: object) -> Connection:
    return Connection.objects.create(id=uuid.uuid4(), user=user, instance=instance, **fields)


@pytest.fixture
def instance() -> Instance:
    return Instance.objects.create(host="h", pid=1, expires_at="2999-01-01T00:00Z")


def trail() -> list[tuple[str, str, str]]:
    return [(entry.action, entry.target, entry.door) for entry in entries_for(None)]


def test_only_open_connections_are_cut_each_once_and_their_instance_learns_of_it(instance: Instance) -> None:
    operator, ada = person(), person()
    first, second = connection(ada, instance), connection(ada, instance)
    connection(ada, instance, closed_at=timezone.now())
    mine = Connection.objects.filter(user=ada)
    assert services.connections_cut(connections=mine, by=operator, reason="noisy") == 2
    assert services.connections_cut(connections=mine, by=operator) == 0
    assert set(presence.to_be_cut(str(instance.pk))) == {str(first.pk), str(second.pk)}
    assert presence.to_be_cut(str(uuid.uuid4())) == []
    assert sorted(trail()) == sorted(("connection:cut", f"connection:{pk}", "admin") for pk in (first.pk, second.pk))
    assert entries_for(None)[0].details == {"user": str(ada.pk), "reason": "noisy"}


def test_a_report_of_the_connection_does_not_take_the_wish_back(instance: Instance) -> None:
    operator, cut = person(), connection(person(), instance)
    services.connections_cut(connections=Connection.objects.all(), by=operator)
    presence.report([Connection(id=cut.pk, instance=instance, user=cut.user, state="idle")])
    assert presence.to_be_cut(str(instance.pk)) == [str(cut.pk)]


def test_an_account_is_shut_opened_and_signed_out_on_the_trail() -> None:
    operator, ada = person(), person()
    services.user_disable(user=ada, by=operator, reason="left")
    assert not User.objects.get(pk=ada.pk).is_active
    services.user_enable(user=ada, by=operator)
    assert User.objects.get(pk=ada.pk).is_active
    services.user_sign_out(user=ada, by=operator)
    assert User.objects.get(pk=ada.pk).tokens_valid_after is not None
    assert [action for action, _, _ in trail()] == ["user:disable", "user:enable", "user:sign_out"]
    assert {target for _, target, _ in trail()} == {f"user:{ada.pk}"}


def test_nobody_shuts_the_own_account() -> None:
    operator = person()
    with pytest.raises(RealtimeError, match="denied"):
        services.user_disable(user=operator, by=operator)
    assert User.objects.get(pk=operator.pk).is_active
    assert trail() == []


@pytest.mark.parametrize("act", [services.user_disable, services.user_enable, services.user_sign_out])
def test_accounts_of_staff_are_managed_by_superusers(act: Callable[..., None]) -> None:
    operator, root = person(is_staff=True), person(is_staff=True, is_superuser=True)
    for colleague in (person(is_staff=True), person(is_superuser=True)):
        with pytest.raises(RealtimeError, match="denied"):
            act(user=colleague, by=operator)
        assert trail() == []
    act(user=operator, by=root)
    assert len(trail()) == 1
