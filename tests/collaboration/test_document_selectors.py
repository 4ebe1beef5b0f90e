"""Reading texts as Yjs does: what somebody lacks, and whether an update is news."""

from __future__ import annotations

import uuid

import pytest

from bduf_realtime.gateway.errors import RealtimeError
from collaboration import selectors, services
from collaboration.documents.texts import encoded
from collaboration.documents.updates import read_update
from tests.collaboration.conftest import Team
from tests.collaboration.documents.typist import Typist

pytestmark = pytest.mark.django_db


def test_who_has_nothing_gets_the_whole_text_and_who_has_it_gets_nothing(team: Team) -> None:
    document = services.document_create(
        session=team.session.pk, title="T", strategy="merge", content="Hello", by=team.owner
    )
    update, vector, seq = selectors.document_update(document.pk)
    ada = Typist(7, encoded(update))
    assert (str(ada), ada.doc.get_state(), seq) == ("Hello", vector, 1)
    assert selectors.document_update(document.pk, vector).update == b"\0\0"


def test_an_update_is_news_until_the_document_has_it(team: Team) -> None:
    document = services.document_create(
        session=team.session.pk, title="T", strategy="merge", content="Hello", by=team.owner
    )
    ada = Typist(7, encoded(selectors.document_update(document.pk).update))
    assert not selectors.document_lacks(document.pk, read_update(ada.doc.get_update()))
    ada.erase(0, 1)
    assert selectors.document_lacks(document.pk, read_update(ada.doc.get_update()))


def test_there_is_nothing_to_read_where_there_is_no_document() -> None:
    with pytest.raises(RealtimeError) as error:
        selectors.document_update(uuid.uuid4())
    assert error.value.code == "doc.not_found"
