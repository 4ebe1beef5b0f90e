"""The admin tells whether chains are whole, and has them verified for those who may."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditChain, AuditEntry
from bduf_realtime.gateway import services
from tests.audit.conftest import trail_of
from tests.operators import REASON, act, entries, page, staff, told

Tamper = Callable[..., None]


@pytest.fixture
def operator(client: Client, project: uuid.UUID) -> Client:
    client.force_login(staff("olga", "view", "change"))
    return client


@pytest.fixture
def chain(project: uuid.UUID) -> AuditChain:
    return AuditChain.objects.get(name=str(project))


def shown(client: Client, url: str, **query: object) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_chain_is_verified_from_its_page(operator: Client, chain: AuditChain) -> None:
    confirmation = operator.get(page(AuditChain, chain.pk, "verify"))
    assert "Nothing is changed" in " ".join(confirmation.content.decode().split())
    assert not entries("audit:verify")
    assert told(act(operator, "verify", chain)) == ["1 audit chain verified; its state says what was found."]
    [entry] = entries("audit:verify")
    assert (entry.target, entry.actor_name, entry.details["reason"]) == (f"project:{chain.pk}", "olga", REASON)
    for url in (page(AuditChain), page(AuditChain, chain.pk, "change"), page(AuditEntry)):
        assert "up to 100 of 100" in shown(operator, url), url


def test_entries_that_came_later_are_not_verified_yet(operator: Client, chain: AuditChain, project: uuid.UUID) -> None:
    act(operator, "verify", chain)
    trail_of(project, 3)
    assert "up to 100 of 103" in shown(operator, page(AuditChain))


def test_a_broken_chain_is_shown_first_with_where_and_what_to_do(
    operator: Client, chain: AuditChain, tamper: Tamper
) -> None:
    for number in range(1, 8):
        trail_of(uuid.uuid4(), 100 + number)
    tamper("UPDATE {entry} SET target = 'x' WHERE chain_id = {mine} AND seq IN (7, 8, 50)")
    act(operator, "verify", chain)
    table = operator.get(page(AuditEntry)).context["tables"][0]
    assert table.note == "0 intact, 1 broken, 9 not verified"
    assert len(table.rows) == 5
    assert "at 7 to 8: edited" in table.rows[0][2]
    whole = shown(operator, page(AuditChain, chain.pk, "change"))
    for expected in ("broken", "Keep it and its backups as they are", "What is wrong"):
        assert expected in whole, expected
    [link] = re.findall(r'href="([^"]+)">7 to 8<', whole)
    assert operator.get(link.replace("&amp;", "&")).context["cl"].result_count == 2
    entry = AuditEntry.objects.filter(chain=chain, seq=20).get()
    assert "edited" in shown(operator, page(AuditEntry, entry.pk, "change"))


def test_the_trail_of_one_project_shows_its_chain_alone(operator: Client, chain: AuditChain) -> None:
    table = operator.get(page(AuditEntry), {"chain__name__exact": chain.pk}).context["tables"][0]
    assert [row[1] for row in table.rows] == ["100"]


def test_an_entry_whose_chain_lost_its_head_is_shown_all_the_same(
    operator: Client, chain: AuditChain, tamper: Tamper
) -> None:
    entry = AuditEntry.objects.filter(chain=chain, seq=20).get()
    tamper("DELETE FROM {head} WHERE name = {mine}")
    assert "its head is gone" in shown(operator, page(AuditEntry, entry.pk, "change"))
    assert operator.get(page(AuditEntry)).status_code == 200
    tamper("DELETE FROM {entry} WHERE chain_id = {mine}")  # the database checks at the end


def test_a_chain_that_is_too_long_for_a_page_is_left_to_the_command(
    operator: Client, chain: AuditChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ENTRIES_AT_ONCE", 99)
    [refusal] = told(act(operator, "verify", chain))
    assert f"manage.py audit_verify --record --project {chain.pk}" in refusal
    assert not entries("audit:verify")


def test_who_may_look_may_not_verify(client: Client, chain: AuditChain) -> None:
    client.force_login(staff("vera", "view"))
    assert "Verify now" not in shown(client, page(AuditEntry))
    assert client.get(page(AuditChain, chain.pk, "verify")).status_code == 403
    act(client, "verify", chain)
    assert not entries("audit:verify")


def test_who_may_not_see_chains_sees_the_trail_without_them(client: Client, project: uuid.UUID) -> None:
    user = staff("vera", "view")
    user.user_permissions.remove(*user.user_permissions.filter(codename="view_auditchain"))
    client.force_login(User.objects.get(pk=user.pk))
    assert client.get(page(AuditEntry)).context["tables"] == []


def test_an_entry_shows_its_neighbours_and_its_details_by_name(operator: Client, chain: AuditChain) -> None:
    before, entry, after = AuditEntry.objects.filter(chain=chain, seq__in=[19, 20, 21]).order_by("seq")
    whole = shown(operator, page(AuditEntry, entry.pk, "change"))
    for expected in (
        page(AuditEntry, before.pk, "change"),
        page(AuditEntry, after.pk, "change"),
        "<dt>to</dt><dd>moderator</dd>",
        "<dt>number</dt><dd>20</dd>",
    ):
        assert expected in whole, expected
    assert "to moderator, number 20" in shown(operator, page(AuditEntry), q="session:20")


def test_details_that_were_changed_by_hand_are_shown_as_they_are(
    operator: Client, chain: AuditChain, tamper: Tamper
) -> None:
    tamper("UPDATE {entry} SET details = '[1, \"x\"]' WHERE chain_id = {mine} AND seq = 20")
    entry = AuditEntry.objects.filter(chain=chain, seq=20).get()
    for url in (page(AuditEntry), page(AuditEntry, entry.pk, "change")):
        assert "[1,&quot;x&quot;]" in shown(operator, url, q="session:20"), url


def test_more_chains_and_verifications_take_no_more_queries(operator: Client, chain: AuditChain) -> None:
    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(operator, url)
        return len(captured)

    urls = [page(AuditEntry), page(AuditChain), page(AuditChain, chain.pk, "change")]
    act(operator, "verify", chain)
    few = [queries(url) for url in urls]
    for _ in range(12):
        trail_of(uuid.uuid4(), 3)
    act(operator, "verify", *AuditChain.objects.all())
    assert [queries(url) for url in urls] == few
    assert max(few) <= 25
