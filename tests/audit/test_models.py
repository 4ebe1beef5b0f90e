import uuid

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from bduf_realtime.audit.models import AppendOnlyError, AuditChain, AuditEntry
from bduf_realtime.audit.selectors import entries_for


@pytest.fixture
def entry(project: uuid.UUID) -> AuditEntry:
    return entries_for(project).get(seq=17)


def test_an_entry_cannot_be_saved_again(entry: AuditEntry) -> None:
    entry.target = "x"
    for options in ({}, {"force_update": True}, {"update_fields": ["target"]}):
        with pytest.raises(AppendOnlyError):
            entry.save(**options)


def test_an_entry_cannot_be_saved_over_by_a_copy(entry: AuditEntry) -> None:
    copy = AuditEntry(hash=entry.hash, chain_id=entry.chain_id, seq=entry.seq, target="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_update=True)


def test_an_entry_cannot_be_deleted(entry: AuditEntry) -> None:
    with pytest.raises(AppendOnlyError):
        entry.delete()


def test_a_queryset_cannot_change_entries(entry: AuditEntry) -> None:
    entries = AuditEntry.objects.filter(pk=entry.pk)
    with pytest.raises(AppendOnlyError):
        entries.update(target="x")
    with pytest.raises(AppendOnlyError):
        entries.delete()
    with pytest.raises(AppendOnlyError):
        entries.bulk_update([entry], ["target"])
    with pytest.raises(AppendOnlyError):
        entries.bulk_create([entry], update_conflicts=True, unique_fields=["hash"], update_fields=["target"])
    with pytest.raises(AppendOnlyError):
        AuditEntry.objects.update_or_create(pk=entry.pk, defaults={"target": "x"})


def test_a_chain_with_entries_cannot_be_deleted(entry: AuditEntry) -> None:
    with pytest.raises(ProtectedError):
        AuditChain.objects.all().delete()
    with pytest.raises(ProtectedError):
        entry.chain.delete()


def test_a_seq_is_used_once_in_a_chain(entry: AuditEntry) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry.objects.create(hash="1" * 64, chain_id=entry.chain_id, seq=17)


def test_a_chain_knows_its_project(project: uuid.UUID) -> None:
    assert AuditChain.objects.get(name=str(project)).project == str(project)
    assert AuditChain.objects.get(name="server").project is None


def test_rows_say_what_they_are(entry: AuditEntry, project: uuid.UUID) -> None:
    assert str(entry) == f"{project} 17: Ada collaboration:participant:role"
    assert str(entry.chain) == f"{project} at 100"
