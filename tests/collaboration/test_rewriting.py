"""Content that takes the place of what is there: as edits, with what others wrote since it was read."""

from __future__ import annotations

import msgspec
import pytest

from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from collaboration import selectors
from collaboration.documents.texts import encoded
from collaboration.services import edits
from collaboration.services.compaction import document_compact
from tests.collaboration.conftest import Team
from tests.collaboration.documents.typist import Typist
from tests.collaboration.writing import TEXT, content, create, put, refusal, typed
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_of_two_who_want_the_same_text_at_once_one_writes_it(team: Team) -> None:
    document = create(team)
    wanted = TEXT.replace("quick", "slow")
    at_once(*[lambda by=by: put(document, wanted, by) for by in (team.owner, team.moderator) * 2])
    assert content(document) == wanted


def test_who_took_a_minute_over_a_text_loses_nobodys_edits(team: Team) -> None:
    document = create(team)
    base = selectors.document_content(document).seq
    ada = Typist(7, encoded(selectors.document_update(document.pk).update))
    typed(document, ada.type("lazy ", 4), team.participant)
    put(document, TEXT.replace("jumps", "sleeps"), team.owner, base)
    assert content(document) == "The lazy quick fox\nsleeps.\n"
    put(document, TEXT, team.owner)
    assert content(document) == TEXT


def test_a_text_is_not_edited_as_it_will_be_or_was_before_anybody_remembers(team: Team) -> None:
    document = create(team)
    put(document, "Second", team.owner)
    put(document, "Third", team.owner)
    assert refusal(put, document, "x", team.owner, 9) == "msg.bad_value"
    document_compact(document=document.pk)
    put(document, "Third, and more", team.owner)
    with pytest.raises(RealtimeError) as error:
        put(document, "x", team.owner, 2)
    now = selectors.document_content(document)
    assert error.value.code == "doc.conflict"
    assert error.value.details == {"seq": now.seq, "content_hash": now.content_hash}
    put(document, "Now Third", team.owner, 3)
    assert content(document) == "Now Third, and more"


def test_values_that_were_written_since_are_a_conflict_where_the_document_says_so(team: Team) -> None:
    document = create(team, "reject", {"a": 1, "b": 1})
    put(document, {"a": 2, "b": 1}, team.owner, 1)
    assert refusal(put, document, {"a": 3, "b": 1}, team.moderator, 1) == "doc.conflict"
    put(document, {"a": 2, "b": 2}, team.moderator, 1)
    assert content(document) == {"a": 2, "b": 2}
    assert refusal(put, create(team, "last_write_wins", {}), {"a": 1}, team.owner, 1) == "msg.bad_value"


def test_content_of_the_wrong_shape_or_size_is_refused(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    document = create(team)
    assert refusal(put, document, {"a": 1}, team.owner) == "msg.bad_value"
    assert refusal(put, create(team, "reject", {}), "text", team.owner) == "msg.bad_value"
    assert refusal(put, create(team, "reject", {}), {"": 1}, team.owner) == "msg.bad_value"
    monkeypatch.setattr(edits, "conf", msgspec.structs.replace(conf, document_bytes=200))
    assert refusal(put, document, "x " * 200, team.owner) == "doc.too_large"
    assert content(document) == TEXT
    put(document, "", team.owner)
    assert content(document) == ""
