"""Compaction by hand: what is due, everything, or some documents."""

from __future__ import annotations

import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from collaboration import services
from collaboration.models import Document, DocumentSnapshot, DocumentUpdate
from tests.collaboration.conftest import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def documents(team: Team) -> list[Document]:
    return [
        services.document_create(session=team.session.pk, title="T", strategy="merge", content=name, by=team.owner)
        for name in "ab"
    ]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("compact", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_only_what_is_due_gets_a_snapshot_unless_all_is_asked_for(documents: list[Document]) -> None:
    assert "Compacted: 0." in run()
    assert "Compacted: 2." in run("--all")
    assert DocumentSnapshot.objects.count() == 2
    assert "Compacted: 0." in run("--all")


def test_named_documents_get_a_snapshot_and_others_do_not(documents: list[Document]) -> None:
    assert f"{documents[0].pk}: 1 updates" in run(str(documents[0].pk))
    assert DocumentUpdate.objects.get().document == documents[1]


def test_one_that_fails_keeps_no_other_from_its_snapshot(documents: list[Document]) -> None:
    bad, good = documents
    DocumentSnapshot.objects.create(document=bad, seq=1, data=b"\0\0", owners={}, content_hash="")
    with pytest.raises(CommandError, match="2 of 3 documents could not be compacted"):
        run(str(bad.pk), str(uuid.uuid4()), str(good.pk))
    assert DocumentSnapshot.objects.get().document == good
