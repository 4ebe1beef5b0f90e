"""Edits are counted as they are made, and summed up in the trail: each once, whoever does it and when."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.audit.models import AuditEntry
from collaboration import services
from collaboration.documents.texts import decoded
from collaboration.models import DocumentTally
from collaboration.services import tallies
from tests.collaboration.conftest import Team
from tests.collaboration.documents.typist import Typist
from tests.collaboration.test_edits import create, edit, results
from tests.people import person
from tests.races import at_once

pytestmark = pytest.mark.django_db
EVERY = {"older_than": 0.0}


def entries() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action="collaboration:document:edit").order_by("seq"))


def said(entry: AuditEntry) -> tuple[Any, ...]:
    return entry.actor_name, *(entry.details[name] for name in ("edits", "bytes", "first_seq", "last_seq"))


def test_edits_are_summed_up_for_each_user_and_document(team: Team) -> None:
    text, keyed, ada = create(team, "merge"), create(team, "last_write_wins"), Typist(7)
    updates = [ada.type("a"), ada.type("b")]
    results(*[edit(text, team.owner, update=update) for update in updates])
    results(edit(keyed, team.owner, changes={"ä": 1, "b": "x"}), edit(keyed, team.moderator, changes={"a": 2}))
    results(edit(keyed, team.owner, changes={"b": 3}))
    assert entries() == []
    assert services.tallies_audit(**EVERY) == 3
    size = sum(len(decoded(update, "")) for update in updates)
    assert {entry.target: said(entry) for entry in entries() if entry.actor_name == "owner"} == {
        f"document:{text.pk}": ("owner", 2, size, 2, 3),
        f"document:{keyed.pk}": ("owner", 2, len('ä1b"x"'.encode()) + len("b3"), 2, 4),
    }
    [other] = [entry for entry in entries() if entry.actor_name == "moderator"]
    assert said(other) == ("moderator", 1, 2, 3, 3)
    assert (other.chain_id, other.door) == (str(team.project.pk), "system")
    assert services.tallies_audit(**EVERY) == 0
    assert not DocumentTally.objects.exists()


def test_what_is_resent_refused_or_brings_nothing_is_not_counted(team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    update = ada.type("a")
    results(edit(document, team.owner, id="1", update=update), edit(document, team.owner, id="1", update=update))
    results(edit(document, team.owner, update=update), edit(document, team.observer, update=Typist(8).type("b")))
    services.tallies_audit(**EVERY)
    assert [said(entry)[:2] for entry in entries()] == [("owner", 1)]


def test_edits_are_summed_up_when_they_have_waited_long_enough(team: Team) -> None:
    document = create(team, "last_write_wins")
    results(edit(document, team.owner, changes={"a": 1}))
    began = DocumentTally.objects.get().since
    assert services.tallies_audit(older_than=300) == 0
    DocumentTally.objects.update(since=timezone.now() - timedelta(seconds=301))
    results(edit(document, team.owner, changes={"a": 2}))
    assert services.tallies_audit(older_than=300) == 1
    assert said(entries()[0]) == ("owner", 2, 4, 2, 3)
    assert entries()[0].details["since"] < began.isoformat()


def test_a_document_is_not_deleted_before_its_edits_are_on_record(team: Team) -> None:
    document = create(team, "last_write_wins")
    results(edit(document, team.moderator, changes={"a": 1}))
    services.document_delete(document=document.pk, by=team.owner)
    actions = [entry.action.rpartition(":")[2] for entry in AuditEntry.objects.filter(target=f"document:{document.pk}")]
    assert actions == ["create", "edit", "delete"]
    assert services.tallies_audit(**EVERY) == 0


def test_an_account_that_is_gone_is_on_record_by_its_id(team: Team) -> None:
    document = create(team, "last_write_wins")
    results(edit(document, team.participant, changes={"a": 1}))
    pk = str(team.participant.pk)
    team.participant.delete()
    services.tallies_audit(**EVERY)
    assert [(entry.actor_id, entry.actor_name) for entry in entries()] == [(pk, "")]


def test_an_agents_edits_name_whom_it_acts_for(team: Team) -> None:
    agent = person("architect", kind="agent", acts_for=team.moderator)
    services.project_member_set(project=team.project, user=agent, role="participant", by=team.owner)
    results(edit(create(team, "last_write_wins"), agent, changes={"a": 1}))
    services.tallies_audit(**EVERY)
    assert [(e.actor_kind, e.acts_for) for e in entries()] == [("agent", str(team.moderator.pk))]


def test_many_are_summed_up_in_slices(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "SLICE", 2)
    document = create(team, "last_write_wins")
    for by in (team.owner, team.moderator, team.participant):
        results(edit(document, by, changes={"a": 1}))
    assert services.tallies_audit(**EVERY) == 3
    assert len(entries()) == 3


@pytest.mark.django_db(transaction=True)
def test_each_edit_is_on_record_once_however_many_write_and_sum_up_at_once(team: Team) -> None:
    documents = [create(team, "last_write_wins") for _ in range(3)]
    people = [team.owner, team.moderator, team.participant]

    def write(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(8):
            batch = [edit(d, rng.choice(people), changes={"a": seed}) for d in rng.sample(documents, 3)]
            assert all(told.isdigit() for told in results(*batch))

    def sum_up() -> None:
        for _ in range(12):
            services.tallies_audit(**EVERY)

    at_once(*[lambda s=s: write(s) for s in range(4)], sum_up, sum_up)
    services.tallies_audit(**EVERY)
    counted: Counter[str] = Counter()
    for entry in entries():
        counted[entry.target] += entry.details["edits"]
    assert counted == {f"document:{document.pk}": 32 for document in documents}
