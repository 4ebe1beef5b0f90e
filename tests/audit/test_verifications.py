"""Verifications on record: who read which chain, how far, and what was found."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.db import transaction

from bduf_realtime.audit import verifications, verify
from bduf_realtime.audit.examination import Finding, Kind
from bduf_realtime.audit.models import SERVER, AuditEntry
from bduf_realtime.audit.verifications import (
    Found,
    chain_examine,
    latest_verifications,
    verification_record,
    verifications_of,
)
from tests.audit.conftest import ADA, told, trail_of


def recorded(chain: object, reason: str = "") -> list[Finding]:
    """Has a chain read and the result put on record."""
    seq, findings = chain_examine(str(chain))
    with transaction.atomic():
        verification_record(chain=str(chain), seq=seq, findings=findings, by=ADA, door="cli", reason=reason)
    return findings


def test_a_chain_that_is_whole_is_verified_up_to_its_head(project: uuid.UUID) -> None:
    assert recorded(project) == []
    [(name, verification)] = latest_verifications().items()
    assert name == str(project)
    assert (verification.seq, verification.wrong, verification.findings, verification.by) == (100, 0, [], "Ada")


def test_what_was_found_is_kept_with_where_it_was_found(project: uuid.UUID, tamper: Callable[..., None]) -> None:
    tamper("UPDATE {entry} SET target = 'x' WHERE chain_id = {mine} AND seq = 7")
    assert told(recorded(project)) == [("edited", 7, 7)]
    found = latest_verifications()[str(project)]
    assert found.wrong == 1
    assert [(f.kind, f.seq, f.last) for f in found.findings] == [("edited", 7, 7)]


def test_many_findings_are_counted_and_the_first_are_kept(project: uuid.UUID) -> None:
    findings = [Finding(str(project), seq, Kind.EDITED, "", seq) for seq in range(1, 60)]
    with transaction.atomic():
        verification_record(chain=str(project), seq=100, findings=findings, by=ADA, door="cli")
    found = latest_verifications()[str(project)]
    assert (found.wrong, len(found.findings)) == (59, verifications.FINDINGS_KEPT)
    assert found.findings[0] == Found("edited", 1, 1, "")


def test_the_verification_of_a_chain_stands_on_the_servers_trail_with_its_reason(project: uuid.UUID) -> None:
    recorded(project, reason="Asked for by the auditors")
    entry = AuditEntry.objects.filter(chain_id=SERVER).latest("seq")
    assert (entry.action, entry.target, entry.door) == ("audit:verify", f"project:{project}", "cli")
    assert entry.details["reason"] == "Asked for by the auditors"
    assert list(verify.verify()) == []


def test_the_latest_verification_counts_and_the_others_are_listed(project: uuid.UUID) -> None:
    recorded(project)
    trail_of(project, 5)
    recorded(project)
    recorded(SERVER)
    assert {name: found.seq for name, found in latest_verifications().items()} == {str(project): 105, SERVER: 12}
    assert set(latest_verifications([SERVER])) == {SERVER}
    assert latest_verifications([str(uuid.uuid4())]) == {}
    assert [found.seq for found in verifications_of(str(project), 10)] == [105, 100]
    assert [found.seq for found in verifications_of(str(project), 1)] == [105]


def test_a_verification_of_long_ago_is_none(project: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifications, "LOOKED_THROUGH", 20)
    recorded(project)
    trail_of(None, 19)
    assert latest_verifications()
    trail_of(None, 1)
    assert latest_verifications() == {}


@pytest.mark.parametrize("details", ["{}", "[]", '{"seq": "x", "wrong": 0, "findings": []}', '{"seq": 1}', "7"])
def test_an_entry_that_was_changed_by_hand_is_no_verification(
    details: str, project: uuid.UUID, tamper: Callable[..., None]
) -> None:
    recorded(project)
    tamper("UPDATE {entry} SET details = %s WHERE action = 'audit:verify'", details)
    assert latest_verifications() == {}
