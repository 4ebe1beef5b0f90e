"""Loaded texts: read once, read on from where they stand, and forgotten where there is no room."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collaboration import services
from collaboration.documents.cache import TextCache, Wanted
from collaboration.documents.texts import decoded
from collaboration.models import Document, DocumentUpdate
from collaboration.services.compaction import document_compact
from tests.collaboration.conftest import Team
from tests.collaboration.documents.typist import Typist
from tests.races import at_once

pytestmark = pytest.mark.django_db
EPOCH = "life"


@pytest.fixture
def document(team: Team) -> Document:
    return services.document_create(session=team.session.pk, title="Notes", strategy="merge", by=team.owner)


def write(document: Document, seq: int, update: str) -> None:
    DocumentUpdate.objects.create(document=document, seq=seq, data=decoded(update, ""), user="ada")


def test_only_what_came_since_is_read(document: Document) -> None:
    cache, ada = TextCache(2**20), Typist(7)
    write(document, 2, ada.type("a"))
    with cache.text(document.pk, EPOCH) as (text, seq):
        assert (str(text), seq) == ("a", 2)
    write(document, 5, ada.type("b"))
    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        cache.text(document.pk, EPOCH) as (again, seq),
    ):
        assert (str(again), seq, again is text) == ("ab", 5, True)
    assert len(queries) == 1


def test_many_texts_are_brought_up_to_date_in_one_query(team: Team) -> None:
    cache = TextCache(2**20)
    documents = [
        services.document_create(session=team.session.pk, title="T", strategy="merge", content=name, by=team.owner)
        for name in "abcde"
    ]
    with CaptureQueriesContext(connection) as queries:
        texts = cache.texts({document.pk: Wanted(EPOCH, 2**31, 0) for document in documents})
    assert [str(texts[document.pk]) for document in documents] == list("abcde")
    assert len(queries) == 1
    assert cache.texts({}) == {}


def test_a_text_whose_updates_are_gone_begins_again_with_the_snapshot(document: Document) -> None:
    one, many, ada = TextCache(2**20), TextCache(2**20), Typist(7)
    write(document, 2, ada.type("a"))
    with one.text(document.pk, EPOCH), many.text(document.pk, EPOCH):
        pass
    write(document, 3, ada.type("b"))
    document_compact(document=document.pk)
    write(document, 4, ada.type("c"))
    with one.text(document.pk, EPOCH) as (text, seq):
        assert (str(text), seq) == ("abc", 4)
    with CaptureQueriesContext(connection) as queries:
        texts = many.texts({document.pk: Wanted(EPOCH, 4, compacted=3)})
    assert str(texts[document.pk]) == "abc"
    assert len(queries) == 2


def test_a_text_that_has_all_there_is_in_the_snapshot_reads_on_from_where_it_stands(document: Document) -> None:
    cache, ada = TextCache(2**20), Typist(7)
    write(document, 2, ada.type("a"))
    with cache.text(document.pk, EPOCH) as (text, _):
        pass
    document_compact(document=document.pk)
    write(document, 3, ada.type("b"))
    with cache.text(document.pk, EPOCH) as (again, _):
        assert again is text
    assert cache.texts({document.pk: Wanted(EPOCH, 3, compacted=2)})[document.pk] is text
    assert str(text) == "ab"


def test_what_was_committed_is_added_where_the_text_stood_and_only_there(document: Document) -> None:
    cache, ada = TextCache(2**20), Typist(7)
    first, second, third = (decoded(ada.type(letter), "update") for letter in "abc")
    cache.add(document.pk, EPOCH, 1, [(2, first, "ada")])
    with cache.text(document.pk, EPOCH) as (text, _):
        assert str(text) == ""
    text = cache.texts({document.pk: Wanted(EPOCH, 1, 0)})[document.pk]
    cache.add(document.pk, EPOCH, 1, [(2, first, "ada"), (3, second, "ada")])
    assert str(text) == "ab"
    cache.add(document.pk, EPOCH, 9, [(10, third, "ada")])
    assert str(text) == "ab"
    with CaptureQueriesContext(connection) as queries:
        assert cache.texts({document.pk: Wanted(EPOCH, 3, 0)})[document.pk] is text
    assert len(queries) == 0


def test_another_life_of_the_log_is_another_text(document: Document) -> None:
    cache = TextCache(2**20)
    write(document, 2, Typist(7).type("a"))
    with cache.text(document.pk, EPOCH) as (text, _):
        pass
    DocumentUpdate.objects.all().delete()
    with cache.text(document.pk, "another") as (other, _):
        assert (str(text), str(other)) == ("a", "")


def test_texts_not_used_for_longest_make_room(team: Team) -> None:
    cache = TextCache(20_000)
    first, second, third = (
        services.document_create(
            session=team.session.pk, title="T", strategy="merge", content="x" * 4_000, by=team.owner
        )
        for _ in range(3)
    )
    for document in (first, second, first, third):
        with cache.text(document.pk, EPOCH):
            pass
    assert [document.pk in cache for document in (first, second, third)] == [True, False, True]
    assert cache.bytes <= 20_000


def test_a_text_larger_than_all_the_room_is_read_all_the_same(team: Team) -> None:
    cache = TextCache(10)
    for name in ("a", "b"):
        made = services.document_create(
            session=team.session.pk, title="T", strategy="merge", content=name, by=team.owner
        )
        with cache.text(made.pk, EPOCH) as (text, _):
            assert str(text) == name


@pytest.mark.django_db(transaction=True)
def test_many_who_want_a_text_at_once_load_it_once_and_read_it_one_after_the_other(document: Document) -> None:
    cache, reading = TextCache(2**20), threading.Lock()
    write(document, 2, Typist(7).type("a"))

    def read() -> uuid.UUID | int:
        with cache.text(document.pk, EPOCH) as (text, _):
            assert reading.acquire(blocking=False)
            assert str(text) == "a"
            reading.release()
            return id(text)

    assert len(set(at_once(*[read] * 6))) == 1
