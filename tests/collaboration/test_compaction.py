"""Snapshots in place of updates: the same text before and after, whatever happens meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.batch import Committed, commit
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration import messages as wire
from collaboration import selectors, services
from collaboration.documents.cache import TextCache
from collaboration.documents.stored import SnapshotMissing
from collaboration.documents.texts import MergedText, decoded, encoded
from collaboration.models import Document, DocumentSnapshot, DocumentUpdate
from collaboration.services import compaction
from collaboration.services.compaction import SnapshotDiffers, document_compact, documents_due
from tests.collaboration.conftest import Team
from tests.collaboration.documents.typist import Typist
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(team: Team) -> Document:
    return services.document_create(
        session=team.session.pk, title="Notes", strategy="merge", content="Hello 😀", by=team.owner
    )


def write(document: Document, by: User, update: str) -> Any:
    """Edits a document as a client does; returns the outcome."""
    message = wire.DocumentUpdate(document.pk, update=update)
    return commit([services.document_update(message=message, by=services.author_of(by))])[0]


def typist_in(document: Document, client: int = 7) -> Typist:
    return Typist(client, encoded(selectors.document_update(document.pk).update))


def write_some(document: Document, by: User, words: int = 5, client: int = 7) -> Typist:
    """Has somebody type, and erase what they typed first; returns them."""
    typist = typist_in(document, client)
    for update in [*(typist.type(f"{word} ") for word in range(words)), typist.erase(0, 3)]:
        assert isinstance(write(document, by, update), Committed)
    return typist


def loaded(document: Document) -> MergedText:
    """A document as a process finds it that has not had it before."""
    with TextCache(0).text(document.pk, "") as (text, _):
        return text


def rows(document: Document) -> list[int]:
    return list(DocumentUpdate.objects.filter(document=document).order_by("seq").values_list("seq", flat=True))


def replayed(updates: list[tuple[bytes, str]]) -> MergedText:
    text = MergedText()
    for update, user in updates:
        text.take(update, user)
    return text


# --- the same text -----------------------------------------------------------------------------------------------


def test_one_snapshot_takes_the_place_of_all_updates(team: Team, document: Document) -> None:
    typist = write_some(document, team.owner)
    before = loaded(document)
    assert document_compact(document=document.pk) == 7
    assert rows(document) == []
    snapshot = DocumentSnapshot.objects.get(document=document)
    assert (snapshot.seq, snapshot.proven_at is None) == (7, False)
    assert before.differences(loaded(document)) == []
    assert str(loaded(document)) == str(typist)
    kept = Document.objects.get(pk=document.pk)
    assert (kept.compacted_seq, kept.size) == (7, len(snapshot.data))
    assert document_compact(document=document.pk) == 0


def test_a_snapshot_is_taken_on_top_of_the_one_before(team: Team, document: Document) -> None:
    for client in (7, 8):
        write_some(document, team.owner, client=client)
        document_compact(document=document.pk)
    typist = write_some(document, team.owner, client=9)
    assert (DocumentSnapshot.objects.get(document=document).seq, rows(document)) == (13, [*range(14, 20)])
    assert str(loaded(document)) == str(typist)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_compacted_now_and_then_a_text_is_what_all_its_updates_make(team: Team, chance: int) -> None:
    dice = random.Random(chance)
    document = services.document_create(
        session=team.session.pk, title="T", strategy="merge", content="Hello", by=team.owner
    )
    taken = [(bytes(DocumentUpdate.objects.get(document=document).data), "")]
    people = [team.owner, team.moderator, team.participant]
    typists = [typist_in(document, 100 + number) for number in range(3)]
    for _ in range(25):
        who = dice.randrange(3)
        typist, length = typists[who], len(typists[who].text)
        if dice.random() < 0.4:
            typist.take(encoded(loaded(document).update()))
            continue
        if length and dice.random() < 0.4:
            start = dice.randrange(length)
            update = typist.erase(start, min(length, start + dice.randrange(1, 4)))
        elif length and dice.random() < 0.3:
            before = typist.doc.get_state()
            typist.text.format(0, length, {"bold": dice.choice((True, None))})
            update = encoded(typist.doc.get_update(before))
        else:
            update = typist.type(dice.choice(("a", "bc", "def")), dice.randrange(length + 1))
        outcome = write(document, people[who], update)
        assert isinstance(outcome, Committed), outcome
        if outcome.event is not None:
            taken.append((decoded(update, ""), str(people[who].pk)))
        if dice.random() < 0.2:
            document_compact(document=document.pk)
    assert replayed(taken).differences(loaded(document)) == []
    document_compact(document=document.pk)
    assert replayed(taken).differences(loaded(document)) == []
    for typist in typists:
        typist.take(encoded(loaded(document).update()))
    assert {str(typist) for typist in typists} == {str(loaded(document))}


def test_what_guards_know_outlives_the_updates(team: Team, document: Document) -> None:
    typist = write_some(document, team.owner, words=1)
    typist_update = typist.erase(0, len(typist.text))
    write(document, team.owner, typist_update)
    document_compact(document=document.pk)
    again = write(document, team.participant, encoded(typist.doc.get_update()))
    assert isinstance(again, Committed)
    assert again.event is None
    stolen = typist.type("in your name")
    outcome = write(document, team.participant, stolen)
    assert isinstance(outcome, RealtimeError)
    assert outcome.details["reason"] == "client_id"
    assert isinstance(write(document, team.owner, stolen), Committed)


# --- nothing is lost ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        {"data": MergedText().update()},
        {"data": b"\x01\x01"},
        {"owners": {"somebody else": [7]}},
        {"content_hash": "0" * 64},
    ],
    ids=lambda damage: "-".join(damage),
)
def test_a_snapshot_that_reads_otherwise_is_deleted_and_the_updates_stay(
    team: Team, document: Document, damage: dict[str, Any]
) -> None:
    write_some(document, team.owner)
    before, seqs = loaded(document), rows(document)
    taken = {"data": before.update(), "owners": before.clients, "content_hash": ""} | damage
    DocumentSnapshot.objects.create(document=document, seq=seqs[-1], **taken)
    with pytest.raises(SnapshotDiffers):
        document_compact(document=document.pk)
    assert rows(document) == seqs
    assert not DocumentSnapshot.objects.exists()
    assert before.differences(loaded(document)) == []
    assert document_compact(document=document.pk) == 7


class Crash(BaseException):
    """The process ends."""


def crash_at(statement: int) -> Callable[..., Any]:
    """Has the process end instead of sending its n-th statement."""
    left = [statement]

    def execute(execute: Callable[..., Any], *call: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Crash
        return execute(*call)

    return execute


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_before_any_of_its_statements_leaves_a_document_that_reads_as_before(
    team: Team, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "SLICE", 3)
    typist, statement, ended = write_some(document, team.owner), 0, False
    while not ended:
        try:
            with connection.execute_wrapper(crash_at(statement)):
                document_compact(document=document.pk)
            ended = True
        except Crash:
            statement += 1
        assert str(loaded(document)) == str(typist)
        assert isinstance(write(document, team.owner, typist.type(".")), Committed)
        assert str(loaded(document)) == str(typist)
    assert statement > 10
    assert len(rows(document)) == 1


@pytest.mark.django_db(transaction=True)
def test_many_compact_while_somebody_types_and_others_read(team: Team, document: Document) -> None:
    typist, read = typist_in(document), TextCache(2**20)

    def type_on() -> None:
        for number in range(20):
            assert isinstance(write(document, team.owner, typist.type(f"{number} ")), Committed)

    def compact() -> None:
        for _ in range(8):
            document_compact(document=document.pk)

    def watch() -> None:
        seen = ""
        for _ in range(30):
            cold = str(loaded(document))
            with read.text(document.pk, "") as (text, _):
                assert str(text).startswith(cold)
                assert cold.startswith(seen)
                seen = str(text)

    at_once(type_on, compact, compact, watch)
    document_compact(document=document.pk)
    assert str(loaded(document)) == str(typist)
    assert rows(document) == []
    assert DocumentSnapshot.objects.filter(document=document, proven_at__isnull=False).count() == 1
    assert Document.objects.get(pk=document.pk).size == len(DocumentSnapshot.objects.latest("seq").data)


def test_a_snapshot_of_a_life_that_is_over_comes_to_nothing(team: Team, document: Document) -> None:
    write_some(document, team.owner)
    seqs = rows(document)
    replay = compaction._Replay()
    replay.read_on(document.pk)
    compaction._write_down(document.pk, replay)
    compaction._put_in_place(document.pk, "the life before", compaction._proven(document.pk, replay))
    assert not DocumentSnapshot.objects.exists()
    assert rows(document) == seqs


def test_a_snapshot_that_is_gone_is_told_and_no_text_made_up(team: Team, document: Document) -> None:
    write_some(document, team.owner)
    document_compact(document=document.pk)
    DocumentSnapshot.objects.all().delete()
    with pytest.raises(SnapshotMissing):
        loaded(document)
    assert isinstance(write(document, team.owner, Typist(9).type("a")), SnapshotMissing)
    assert compaction.documents_compact(documents=[document.pk]) == 0


def test_there_is_nothing_to_compact_where_there_is_no_document(team: Team) -> None:
    with pytest.raises(NoSuchRoom):
        document_compact(document=team.session.pk)


# --- which are due -----------------------------------------------------------------------------------------------


def test_texts_with_many_updates_or_bytes_since_their_snapshot_are_due(team: Team, document: Document) -> None:
    Document.objects.update(edited_at=timezone.now())
    assert documents_due() == []
    write_some(document, team.owner)
    Document.objects.update(edited_at=timezone.now())
    assert (documents_due(updates=7), documents_due(updates=6)) == ([], [document.pk])
    Document.objects.update(size=conf.compaction_bytes + 1)
    assert documents_due() == [document.pk]
    document_compact(document=document.pk)
    assert documents_due(updates=0) == []
    written = Document.objects.get(pk=document.pk).size
    Document.objects.update(size=conf.compaction_bytes + written)
    assert documents_due() == []


def test_only_texts_that_are_there_and_were_edited_since_are_due(team: Team, document: Document) -> None:
    edited_at = timezone.now()
    Document.objects.update(edited_at=edited_at)
    assert documents_due(updates=0, since=edited_at) == [document.pk]
    assert documents_due(updates=0, since=edited_at + timedelta(seconds=1)) == []
    services.document_delete(document=document.pk, by=team.owner)
    assert documents_due(updates=0) == []
    assert log.exists(f"document:{document.pk}")
