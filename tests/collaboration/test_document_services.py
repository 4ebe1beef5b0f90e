"""Documents as things: who starts, renames and deletes them, who is told, and who may read them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from collaboration import roles, selectors, services
from collaboration.models import Document, DocumentUpdate, Membership, Participant, Session
from collaboration.rooms import DocumentRoom
from collaboration.services import documents
from tests.collaboration.conftest import Team, events_of
from tests.people import person

pytestmark = pytest.mark.django_db
ROLES = ("owner", "moderator", "participant", "observer", "stranger")


def refused(function: Any, **arguments: Any) -> str:
    with pytest.raises(RealtimeError) as error:
        function(**arguments)
    return error.value.code


def create(team: Team, **wanted: Any) -> Document:
    place = {} if "project" in wanted else {"session": team.session.pk}
    return services.document_create(**{"by": team.owner, "title": "Notes", **place, **wanted})


def attempt(function: Any, **arguments: Any) -> str:
    try:
        function(**arguments)
    except RealtimeError as error:
        return error.code
    return ""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the documents other limits."""
    return lambda **limits: monkeypatch.setattr(documents, "conf", msgspec.structs.replace(conf, **limits))


# --- starting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["session", "project"])
def test_whoever_may_write_starts_documents(team: Team, place: str) -> None:
    missing = "session.not_found" if place == "session" else "room.not_found"
    where = {place: getattr(team, place).pk}
    got = [attempt(services.document_create, title="T", by=team[role], **where) for role in ROLES]
    assert got == ["", "", "", "perm.denied", missing]


def test_a_new_document_is_told_in_its_own_room_and_in_the_list_it_is_in_and_is_on_the_trail(team: Team) -> None:
    for place in ("session", "project"):
        document = create(team, **{place: getattr(team, place).pk})
        room = f"{place}:{getattr(team, place).pk}"
        info = msgspec.to_builtins(selectors.document_info(document))
        for name in (room, f"document:{document.pk}"):
            event = events_of(name)[-1]
            assert event["type"] == "collaboration:document:created"
            assert event["data"] == {"document": info}
            assert event["by"]["user"] == str(team.owner.pk)
        entry = entries_for(team.project.pk).last()
        assert entry is not None
        assert (entry.action, entry.target) == ("collaboration:document:create", f"document:{document.pk}")


def test_the_strategy_is_the_sessions_unless_the_document_has_its_own(team: Team) -> None:
    assert create(team).strategy == "last_write_wins"
    services.session_update(session=team.session.pk, by=team.owner, settings={"conflict_resolution": "reject"})
    assert create(team).strategy == "reject"
    assert create(team, strategy="merge").strategy == "merge"
    assert create(team, project=team.project.pk).strategy == "last_write_wins"


def test_a_document_begins_with_its_content(team: Team) -> None:
    text = create(team, strategy="merge", content="Hello 😀")
    content = selectors.document_content(text)
    assert (content.content, content.seq) == ("Hello 😀", 1)
    assert text.size == len(DocumentUpdate.objects.get(document=text).data)
    keyed = create(team, content={"b": [1], "a": "é"})
    state = selectors.document_state(keyed)
    assert msgspec.to_builtins(state.fields) == {"a": {"value": "é", "seq": 1}, "b": {"value": [1], "seq": 1}}
    assert keyed.size == len('a"é"b[1]'.encode())
    assert selectors.document_content(create(team, strategy="merge", content="")).content == ""


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ({"strategy": "merge", "content": {"a": 1}}, "msg.bad_value", "content"),
        ({"strategy": "reject", "content": "text"}, "msg.bad_value", "content"),
        ({"content": {"": 1}}, "msg.bad_value", "content"),
        ({"content": {"k" * 201: 1}}, "msg.bad_value", "content"),
        ({"content": {"k": "x" * 40_000}}, "msg.bad_value", "content"),
        ({"content": {str(n): 1 for n in range(1_001)}}, "quota.exceeded", None),
        ({"title": "\u200b"}, "msg.bad_value", "title"),
        ({"title": ""}, "msg.bad_value", "title"),
        ({"session": None}, "msg.bad_value", "session"),
        ({"session": uuid.uuid4()}, "session.not_found", None),
        ({"session": None, "project": uuid.uuid4()}, "room.not_found", None),
    ],
)
def test_what_no_document_can_begin_with_is_refused_and_starts_nothing(
    team: Team, wanted: dict[str, Any], code: str, field: str | None
) -> None:
    with pytest.raises(RealtimeError) as error:
        services.document_create(**{"by": team.owner, "title": "T", "session": team.session.pk, **wanted})
    assert (error.value.code, error.value.details.get("field")) == (code, field)
    assert not Document.objects.exists()


def test_a_session_and_a_project_at_once_are_refused(team: Team) -> None:
    assert refused(create, team=team, session=team.session.pk, project=team.project.pk) == "msg.bad_value"


def test_a_project_has_so_many_documents_and_each_has_so_many_bytes(team: Team, small: Callable[..., None]) -> None:
    small(max_documents_per_project=2, document_bytes=100)
    first = create(team)
    create(team, project=team.project.pk)
    assert refused(create, team=team) == "quota.exceeded"
    services.document_delete(document=first.pk, by=team.owner)
    assert refused(create, team=team, strategy="merge", content="x" * 100) == "doc.too_large"
    assert refused(create, team=team, content={"k": "x" * 100}) == "doc.too_large"
    create(team, strategy="merge", content="x" * 50)


def test_nothing_is_started_in_a_session_that_is_paused_or_over(team: Team) -> None:
    services.session_pause(session=team.session.pk, by=team.owner)
    assert refused(create, team=team) == "session.paused"
    services.session_end(session=team.session.pk, by=team.owner)
    assert refused(create, team=team) == "session.ended"


# --- renaming and deleting ---------------------------------------------------------------------------------------


def test_whoever_may_write_renames_and_owners_and_the_author_delete(team: Team) -> None:
    document = create(team)
    got = [attempt(services.document_rename, document=document.pk, title=role, by=team[role]) for role in ROLES]
    assert got == ["", "", "", "perm.denied", "doc.not_found"]
    theirs = create(team, by=team.participant)
    assert attempt(services.document_delete, document=theirs.pk, by=team.participant) == ""
    order = ("stranger", "observer", "participant", "moderator", "owner")
    got = [attempt(services.document_delete, document=document.pk, by=team[role]) for role in order]
    assert got == ["doc.not_found", "perm.denied", "perm.denied", "perm.denied", ""]


@pytest.mark.parametrize("place", ["session", "project"])
def test_another_title_and_the_end_are_told_like_the_beginning(team: Team, place: str) -> None:
    document = create(team, **{place: getattr(team, place).pk})
    room = f"{place}:{getattr(team, place).pk}"
    services.document_rename(document=document.pk, title="Plan", by=team.owner)
    services.document_rename(document=document.pk, title="Plan", by=team.owner)
    services.document_delete(document=document.pk, by=team.owner)
    for name in (room, f"document:{document.pk}"):
        kinds = [event["type"].rpartition(":")[2] for event in events_of(name)]
        assert kinds[-3:] == ["created", "renamed", "deleted"]
        assert events_of(name)[-2]["data"]["document"]["title"] == "Plan"
        assert events_of(name)[-1]["data"] == {"document": str(document.pk)}
    actions = [entry.action.rpartition(":")[2] for entry in entries_for(team.project.pk)]
    assert actions[-3:] == ["create", "rename", "delete"]


def test_a_deleted_document_is_there_no_more(team: Team) -> None:
    document = create(team)
    services.document_delete(document=document.pk, by=team.owner)
    assert refused(services.document_delete, document=document.pk, by=team.owner) == "doc.not_found"
    assert refused(services.document_rename, document=document.pk, title="x", by=team.owner) == "doc.not_found"
    assert refused(selectors.document_for, document=document.pk, user=team.owner.pk) == "doc.not_found"
    assert not selectors.documents_for(team.owner).exists()
    assert selectors.documents_listed(team.project.pk, team.session.pk) == []


def test_a_document_of_an_ended_session_is_read_and_can_only_be_deleted(team: Team) -> None:
    document = create(team, content={"a": 1})
    services.session_end(session=team.session.pk, by=team.owner)
    assert refused(services.document_rename, document=document.pk, title="x", by=team.owner) == "doc.read_only"
    found, _ = selectors.document_for(document.pk, team.observer.pk)
    assert selectors.document_content(found).fields is not None
    services.document_delete(document=document.pk, by=team.owner)


def test_a_paused_document_keeps_its_title(team: Team) -> None:
    document = create(team)
    services.session_pause(session=team.session.pk, by=team.owner)
    assert refused(services.document_rename, document=document.pk, title="x", by=team.owner) == "session.paused"


def test_an_ended_session_is_kept_as_long_as_it_has_documents(team: Team) -> None:
    document = create(team)
    services.session_end(session=team.session.pk, by=team.owner)
    Session.objects.update(ended_at=timezone.now() - timedelta(days=100))
    assert services.sessions_expire(ended_for=1) == 0
    services.document_delete(document=document.pk, by=team.owner)
    assert services.sessions_expire(ended_for=1) == 1
    assert not Document.objects.exists()
    assert not log.exists(f"document:{document.pk}")


# --- who may read ------------------------------------------------------------------------------------------------


def may_read(document: Document, user: Any) -> str:
    """What somebody is told who wants to read; the list, one's rights in the room and the look itself agree."""
    code = attempt(selectors.document_for, document=document.pk, user=user.pk)
    listed = selectors.documents_for(user).filter(pk=document.pk).exists()
    granted = str(user.pk) in DocumentRoom().grants(str(document.pk), [str(user.pk)])
    assert (listed, granted) == (code == "", code == ""), code
    return code


def test_those_inside_the_session_read_its_documents(team: Team) -> None:
    document = create(team)
    assert [may_read(document, team[role]) for role in ROLES] == ["", "", "", "", "doc.not_found"]
    services.participant_remove(session=team.session.pk, user=team.participant.pk, by=team.owner)
    assert may_read(document, team.participant) == "doc.not_found"
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": True})
    assert may_read(document, team.observer) == "session.join_pending"
    assert [may_read(document, team[role]) for role in ("owner", "moderator")] == ["", ""]
    services.participant_admit(session=team.session.pk, user=team.observer.pk, by=team.owner)
    assert may_read(document, team.observer) == ""
    services.participant_role(session=team.session.pk, user=team.observer.pk, role="moderator", by=team.owner)
    assert may_read(document, team.observer) == ""


def test_list_look_and_room_agree_about_everybody_there_can_be(team: Team) -> None:
    document, user = create(team), person()
    place = Participant.objects.create(session=team.session, user=user)
    admissions = Participant.Admission.values
    for lobby in (False, True):
        Session.objects.update(settings=team.session.settings | {"require_approval": lobby})
        for in_project, own, admission in itertools.product([None, *roles.ROLES], [None, *roles.ROLES], admissions):
            Membership.objects.filter(user=user).delete()
            if in_project:
                Membership.objects.create(project=team.project, user=user, role=in_project)
            place.role, place.admission = own, admission
            place.save()
            may_read(document, user)


def test_a_guest_reads_documents_of_its_session_and_none_of_the_project(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"allow_anonymous": True})
    _, secret = services.invitation_create(session=team.session.pk, by=team.owner)
    _, guest, _ = services.invitation_accept(secret=secret, by=None, name="Gus")
    assert may_read(create(team), guest) == ""
    assert may_read(create(team, project=team.project.pk), guest) == "doc.not_found"


def test_a_projects_documents_are_read_by_its_members(team: Team) -> None:
    document = create(team, project=team.project.pk)
    assert [may_read(document, team[role]) for role in ROLES] == ["", "", "", "", "doc.not_found"]
    services.project_member_remove(project=team.project, user=team.observer, by=team.owner)
    assert may_read(document, team.observer) == "doc.not_found"


def test_rights_of_many_rooms_take_as_many_queries_as_those_of_one(team: Team, django_assert_num_queries: Any) -> None:
    made = [create(team) for _ in range(3)] + [create(team, project=team.project.pk) for _ in range(3)]
    users = [str(team[role].pk) for role in ROLES]
    for number in (1, 6):
        with django_assert_num_queries(3):
            granted = DocumentRoom().grants_many({str(document.pk): users for document in made[:number]})
        assert all(len(of_room) == 4 for of_room in granted.values())


def test_a_stranger_learns_nothing_of_a_document_that_was_deleted(team: Team) -> None:
    document = create(team)
    services.document_delete(document=document.pk, by=team.owner)
    stranger = person()
    known = attempt(selectors.document_for, document=document.pk, user=stranger.pk, missing="room.not_found")
    unknown = attempt(selectors.document_for, document=uuid.uuid4(), user=stranger.pk, missing="room.not_found")
    assert known == unknown == "room.not_found"
