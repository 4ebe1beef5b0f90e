"""Who wrote what: every range of a text and every key by user, kind and, for agents, whom they act for."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.storage import call
from collaboration import selectors, services
from collaboration.documents import authorship, cache
from collaboration.documents.texts import encoded
from collaboration.models import Document, DocumentUpdate
from collaboration.services import compaction
from tests.cast import cast
from tests.collaboration.conftest import Team
from tests.collaboration.documents.typist import Typist
from tests.collaboration.test_edits import create, edit, result, results
from tests.people import Rest, person, refusal
from tests.sockets import connected

pytestmark = pytest.mark.django_db


def told(user: User, **where: int) -> dict[str, Any]:
    """What is said of somebody who wrote something."""
    return {"user": str(user.pk), "name": user.display_name, "kind": user.kind, "acts_for": None} | where


def attribution(document: Document, by: User) -> dict[str, Any]:
    status, found = Rest(by).get(f"documents/{document.pk}/attribution/")
    assert status == 200, found
    return dict(found)


@pytest.fixture
def agent(team: Team) -> User:
    agent = person("architect", kind="agent", name="The architect", acts_for=team.moderator)
    services.project_member_set(project=team.project, user=agent, role="participant", by=team.owner)
    return agent


def begun(document: Document, client: int) -> Typist:
    """Somebody who has what the document begins with."""
    return Typist(client, encoded(bytes(DocumentUpdate.objects.get(document=document, seq=1).data)))


def test_every_range_of_a_text_names_who_wrote_it_and_for_whom(team: Team, agent: User) -> None:
    document = create(team, "merge", content="Hello 😀 world")
    ada, machine = begun(document, 7), begun(document, 8)
    wrote = [
        edit(document, team.participant, update=ada.type("dear ", 6)),
        edit(document, agent, update=machine.type("!")),
        edit(document, team.participant, update=ada.erase(0, 1)),
        edit(document, team.participant, update=Typist(9).type("And. ")),
    ]
    assert results(*wrote) == ["2", "3", "4", "5"]
    text = str(selectors.document_content(document).content)
    found = attribution(document, team.observer)
    for_whom = {"user": str(team.moderator.pk), "name": "moderator"}
    assert found == {
        "document": str(document.pk),
        "seq": 5,
        "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        "ranges": found["ranges"],
    }
    units = text.encode("utf-16-le")
    ends = [0, *(range_["end"] for range_ in found["ranges"])]
    assert ends[-1] * 2 == len(units)
    said = {}
    for range_, end in zip(found["ranges"], ends, strict=False):
        assert range_.pop("start") == end
        said[units[2 * end : 2 * range_.pop("end")].decode("utf-16-le")] = range_
    assert said == {
        "ello ": told(team.owner),
        "dear ": told(team.participant),
        "😀 world": told(team.owner),
        "!": told(agent) | {"acts_for": for_whom},
        "And. ": told(team.participant),
    }


def test_a_snapshot_keeps_who_wrote_what(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    document = create(team, "merge", content="Hello")
    ada = begun(document, 7)
    results(
        edit(document, team.participant, update=ada.type(" dear")),
        edit(document, team.participant, update=ada.erase(0, 1)),
    )
    before = attribution(document, team.owner)
    assert compaction.document_compact(document=document.pk) == 3
    monkeypatch.setattr(cache, "texts", cache.TextCache(10**6))
    assert attribution(document, team.owner) == before


def test_every_key_names_who_wrote_it_last(team: Team, agent: User) -> None:
    for strategy, base in (("last_write_wins", {}), ("reject", {"base": 1})):
        document = create(team, strategy, content={"a": 1, "b": 1, "c": None})
        assert result(edit(document, team.participant, changes={"a": 2, "b": 2}, **base)) == "2"
        assert result(edit(document, agent, changes={"b": 3}, **dict.fromkeys(base, 2))) == "3"
        found = attribution(document, team.observer)
        assert found["content_hash"] == selectors.document_content(document).content_hash
        assert found["seq"] == 3
        assert found["fields"] == {
            "a": told(team.participant, seq=2),
            "b": told(agent, seq=3) | {"acts_for": {"user": str(team.moderator.pk), "name": "moderator"}},
            "c": told(team.owner, seq=1),
        }


def test_what_is_empty_was_written_by_nobody(team: Team) -> None:
    assert attribution(create(team, "merge"), team.owner)["ranges"] == []
    assert attribution(create(team, "reject"), team.owner)["fields"] == {}


def test_the_name_of_a_deleted_user_is_what_the_trail_has(team: Team, agent: User) -> None:
    document = create(team, "last_write_wins", content={"a": 1})
    results(edit(document, agent, changes={"b": 1}), edit(document, team.participant, changes={"c": 1}))
    services.document_rename(document=document.pk, title="Plan", by=agent)
    gone, silent = told(agent, seq=2), told(team.participant, seq=3)
    for user in (agent, team.participant):
        user.delete()
    fields = attribution(document, team.observer)["fields"]
    assert fields["b"] == gone | {"acts_for": {"user": str(team.moderator.pk), "name": ""}}
    assert fields["c"] == silent | {"name": "", "kind": ""}
    team.owner.memberships.all().delete()
    Document.objects.filter(pk=document.pk).update(created_by=None)
    assert attribution(document, team.observer)["fields"]["a"] == {
        **{"user": None, "name": "", "kind": "", "acts_for": None, "seq": 1}
    }


def test_a_text_in_too_many_pieces_says_so(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    document = create(team, "merge", content="Hello")
    monkeypatch.setattr(authorship, "MAX_PIECES", 0)
    answer = Rest(team.owner).get(f"documents/{document.pk}/attribution/")
    assert refusal(answer) == (413, "doc.too_large")


def test_what_does_not_add_up_to_the_text_is_not_told(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    document = create(team, "merge", content="Hello")
    monkeypatch.setattr(authorship, "pieces", lambda update: [authorship.Piece(1, 0, 4)])
    with capture_logs() as logs, pytest.raises(RealtimeError) as error:
        selectors.document_attribution(document)
    assert error.value.code == "internal"
    assert [entry["event"] for entry in logs] == ["document.attribution_wrong"]


def test_what_is_too_much_for_a_frame_is_large_on_the_socket_alone(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    document = create(team, "last_write_wins", content={"a": 1})
    whole = selectors.document_attribution(document)
    assert selectors.document_attribution(document, in_frame=True) == whole
    monkeypatch.setattr(selectors.attribution, "AT_ONCE", 100)
    large = selectors.document_attribution(document, in_frame=True)
    assert msgspec.to_builtins(large) == {
        **{"document": str(document.pk), "seq": 1, "content_hash": whole.content_hash, "large": True}
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sockets")
async def test_a_socket_is_told_what_rest_is(transactional_db: None) -> None:
    everybody = await call(cast)
    peer = await connected(everybody["observer"])
    asked = {"document": str(everybody.document.pk)}
    answer = await peer.ask("collaboration:document:attribution", asked)
    assert answer["data"] == await call(attribution, everybody.document, everybody["owner"])
    await peer.leave()
