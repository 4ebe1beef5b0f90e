"""What is written in documents: judged in order under the lock, by the rule of each document, in few statements."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.batch import Committed, Outcome, Submission, commit
from bduf_realtime.rooms.events import CommandKey, IdConflict, fingerprint
from collaboration import messages as wire
from collaboration import selectors, services
from collaboration.documents.texts import encoded
from collaboration.models import Document, DocumentUpdate
from collaboration.services import edits
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.documents.typist import Typist
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the edits other limits."""
    return lambda **limits: monkeypatch.setattr(edits, "conf", msgspec.structs.replace(conf, **limits))


def create(team: Team, strategy: str, **wanted: Any) -> Document:
    return services.document_create(session=team.session.pk, by=team.owner, title="T", strategy=strategy, **wanted)


def edit(document: Document, by: User, *, id: str = "", joined: bool = True, **data: Any) -> Submission:
    """An edit ready for the journal: `update`, or keys and values in `changes`."""
    if "changes" in data:
        data["changes"] = [wire.Change(key, value) for key, value in data["changes"].items()]
    message = wire.DocumentUpdate(document.pk, **data)
    made = services.document_update(message=message, by=services.author_of(by), joined=joined)
    key = CommandKey(str(by.pk), "tab", id, fingerprint(made.type, data)) if id else None
    return msgspec.structs.replace(made, key=key)


def told(outcome: Outcome) -> str:
    """The code of a refusal; else the number of the event, or `idle` where there is none."""
    if isinstance(outcome, RealtimeError):
        reason = outcome.details.get("reason")
        return f"{outcome.code} {reason}" if reason else outcome.code
    assert isinstance(outcome, Committed), outcome
    return str(outcome.event.seq) if outcome.event else "idle"


def results(*submissions: Submission) -> list[str]:
    return [told(outcome) for outcome in commit(submissions)]


def result(submission: Submission) -> str:
    return results(submission)[0]


def content(document: Document) -> Any:
    found = selectors.document_content(Document.objects.get(pk=document.pk))
    if found.fields is None:
        return found.content
    return {key: (field.value, field.seq) for key, field in found.fields.items()}


# --- every strategy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["merge", "last_write_wins", "reject"])
def test_only_who_may_write_and_is_in_the_document_edits_it(team: Team, strategy: str) -> None:
    document = create(team, strategy)

    def attempt(by: User, **options: Any) -> Submission:
        if strategy == "merge":
            return edit(document, by, update=Typist(by.pk.int % 2**31 + 2).type("a"), **options)
        base = {"base": 1} if strategy == "reject" else {}
        return edit(document, by, changes={str(by.pk): 1}, **base, **options)

    got = [result(attempt(team[role])) for role in ("owner", "moderator", "participant", "observer", "stranger")]
    assert got == ["2", "3", "4", "perm.denied", "doc.not_found"]
    assert result(attempt(team.owner, joined=False)) == "room.not_joined"
    services.session_pause(session=team.session.pk, by=team.owner)
    assert result(attempt(team.participant)) == "session.paused"
    services.session_end(session=team.session.pk, by=team.owner)
    assert result(attempt(team.participant)) == "doc.read_only"
    services.document_delete(document=document.pk, by=team.owner)
    assert result(attempt(team.participant)) == "doc.not_found"
    document.pk = uuid.uuid4()
    assert result(attempt(team.participant)) == "doc.not_found"


@pytest.mark.parametrize(
    ("strategy", "data", "code", "field"),
    [
        ("merge", {"changes": {"a": 1}}, "msg.bad_value", "changes"),
        ("merge", {"update": "AAA=", "base": 1}, "msg.bad_value", "base"),
        ("last_write_wins", {"update": "AAA="}, "msg.bad_value", "update"),
        ("last_write_wins", {"changes": {"a": 1}, "base": 1}, "msg.bad_value", "base"),
        ("reject", {"update": "AAA=", "base": 1}, "msg.bad_value", "update"),
        ("reject", {"changes": {"a": 1}}, "msg.missing_field", "base"),
        ("reject", {"changes": {"a": 1}, "base": 2}, "msg.bad_value", "base"),
    ],
)
def test_an_edit_of_another_strategys_shape_is_refused_by_the_field_that_is_wrong(
    team: Team, strategy: str, data: dict[str, Any], code: str, field: str
) -> None:
    [outcome] = commit([edit(create(team, strategy), team.owner, **data)])
    assert isinstance(outcome, RealtimeError)
    assert (outcome.code, outcome.details["field"]) == (code, field)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "msg.missing_field"),
        ({"update": "AAA=", "changes": {"a": 1}}, "msg.missing_field"),
        ({"update": "?"}, "msg.bad_value"),
        ({"update": encoded(b"\xff" * 20)}, "doc.update_rejected"),
        ({"changes": {"a": "x" * 40_000}}, "msg.bad_value"),
    ],
)
def test_what_is_no_edit_never_gets_to_the_journal(team: Team, data: dict[str, Any], code: str) -> None:
    document = create(team, "merge")
    with pytest.raises(RealtimeError) as error:
        edit(document, team.owner, **data)
    assert error.value.code == code


def test_a_resend_is_answered_and_changes_nothing_in_the_same_batch_or_later(team: Team) -> None:
    for strategy, data in (
        ("merge", {"update": Typist(7).type("a")}),
        ("last_write_wins", {"changes": {"a": 1}}),
        ("reject", {"changes": {"a": 1}, "base": 1}),
    ):
        document = create(team, strategy)
        one = edit(document, team.owner, id=strategy, **data)
        again = edit(document, team.owner, id=strategy, joined=False, **data)
        outcomes = [*commit([one, again]), *commit([again])]
        acks = {outcome.ack for outcome in outcomes if isinstance(outcome, Committed)}
        assert (len(outcomes), len(acks)) == (3, 1)
        assert log.position(f"document:{document.pk}").head == 2


def test_an_edit_counts_on_none_that_was_not_taken_for_its_id(team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    first, second, third = ada.type("a"), ada.type("b"), ada.type("c")
    outcomes = commit(
        [
            edit(document, team.owner, id="1", update=first),
            edit(document, team.owner, id="1", update=second),
            edit(document, team.owner, id="2", update=third),
        ]
    )
    assert isinstance(outcomes[1], IdConflict)
    assert told(outcomes[2]) == "doc.update_rejected missing_deps"
    assert content(document) == "a"


def statements(submissions: Sequence[Submission]) -> int:
    with CaptureQueriesContext(connection) as queries:
        outcomes = commit(submissions)
    assert all(isinstance(outcome, Committed) for outcome in outcomes), outcomes
    return len(queries)


def test_a_batch_of_edits_takes_as_many_statements_as_one_of_each_kind(team: Team) -> None:
    def batch(number: int) -> list[Submission]:
        made = []
        for n in range(number):
            made.append(edit(create(team, "merge"), team.participant, update=Typist(7 + n).type("a")))
            made.append(edit(create(team, "last_write_wins"), team.owner, changes={f"a{n}": 1}))
            made.append(edit(create(team, "reject"), team.moderator, changes={f"b{n}": 1}, base=1))
        return made

    few, many = batch(1), batch(40)
    assert statements(few) == statements(many) <= 24


# --- merge -------------------------------------------------------------------------------------------------------


def test_deletions_that_are_known_are_no_edit_in_the_same_batch_or_later(team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    erased, everything = [ada.type("Hello"), ada.erase(1, 3)], encoded(ada.doc.get_update())
    batch = [edit(document, team.owner, update=update) for update in [*erased, everything]]
    again = edit(document, team.participant, update=everything)
    assert results(*batch) == ["2", "3", "idle"]
    assert results(again) == ["idle"]
    assert log.position(f"document:{document.pk}").head == 3


def test_edits_of_one_batch_build_on_each_other(team: Team) -> None:
    document, ada = create(team, "merge", content="Hello"), Typist(7)
    ada.take(encoded(bytes(DocumentUpdate.objects.get(document=document).data)))
    updates = [ada.type(word) for word in (" dear", " 😀", "!")] + [ada.erase(0, 5)]
    assert results(*(edit(document, team.owner, update=update) for update in updates)) == ["2", "3", "4", "5"]
    assert content(document) == str(ada) == " dear 😀!"
    sizes = sum(len(row.data) for row in DocumentUpdate.objects.filter(document=document))
    assert Document.objects.get(pk=document.pk).size == sizes
    event = events_of(f"document:{document.pk}")[1]
    assert event["data"] == {"document": str(document.pk), "update": updates[0]}


def test_what_builds_on_what_was_refused_is_refused(team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    first, second = ada.type("a"), ada.type("b")
    refused = edit(document, team.observer, update=first)
    assert results(refused, edit(document, team.owner, update=second)) == [
        "perm.denied",
        "doc.update_rejected missing_deps",
    ]
    assert content(document) == ""


def test_an_update_that_says_nothing_new_is_acknowledged_without_an_event(team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    update = ada.type("a")
    four = [edit(document, by, update=update) for by in (team.owner, team.moderator) * 2]
    assert results(*four[:2]) == ["2", "idle"]
    assert results(*four[2:]) == ["idle", "idle"]
    assert result(edit(document, team.owner, update="AAA=")) == "idle"


def test_nobody_writes_under_a_number_of_anothers_or_of_the_server(team: Team) -> None:
    document = create(team, "merge", content="Hello")
    update = Typist(7).type("a")
    forged = Typist(7)
    forged.type("a")
    assert result(edit(document, team.owner, update=update)) == "2"
    assert result(edit(document, team.moderator, update=forged.type("b"))) == "doc.update_rejected client_id"
    seeded = Typist(1, encoded(bytes(DocumentUpdate.objects.get(document=document, seq=1).data)))
    assert result(edit(document, team.owner, update=seeded.type("b"))) == "doc.update_rejected client_id"
    in_one_batch = [edit(document, by, update=Typist(9).type(word)) for by, word in ((team.owner, "a"),)]
    late = Typist(9)
    late.type("a")
    in_one_batch.append(edit(document, team.moderator, update=late.type("b")))
    assert results(*in_one_batch) == ["3", "doc.update_rejected client_id"]


def test_a_character_of_an_earlier_edit_is_not_cut_in_two(team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    cutting = encoded(bytes((0, 1, 7, 1, 0, 1)))
    both = [edit(document, team.owner, update=ada.type("😀")), edit(document, team.owner, update=cutting)]
    assert results(*both) == ["2", "doc.update_rejected encoding"]
    assert result(both[1]) == "doc.update_rejected encoding"


def test_a_full_text_takes_deletions_and_nothing_else(team: Team, small: Callable[..., None]) -> None:
    document, ada = create(team, "merge"), Typist(7)
    small(document_bytes=200)
    assert result(edit(document, team.owner, update=ada.type("x" * 150))) == "2"
    assert result(edit(document, team.owner, update=ada.erase(0, 10))) == "3"
    full = Typist(8, encoded(ada.doc.get_update()))
    both = [edit(document, team.moderator, update=full.type("y" * 20)) for _ in range(2)]
    assert results(*both)[0] == "doc.too_large"
    assert result(edit(document, team.owner, update=ada.erase(0, 100))) == "4"


# --- last write wins ---------------------------------------------------------------------------------------------


def test_the_last_writer_of_a_key_wins_and_each_key_tells_who_wrote_it(team: Team) -> None:
    document = create(team, "last_write_wins", content={"a": 0, "z": 0})
    batch = [
        edit(document, team.owner, changes={"a": 1, "b": {"y": 1, "x": 2}}),
        edit(document, team.moderator, changes={"a": 2}),
    ]
    assert results(*batch) == ["2", "3"]
    assert content(document) == {"a": (2, 3), "b": ({"x": 2, "y": 1}, 2), "z": (0, 1)}
    assert Document.objects.get(pk=document.pk).size == len('a2b{"x":2,"y":1}z0')
    event = events_of(f"document:{document.pk}")[-1]
    assert event["data"] == {"document": str(document.pk), "changes": [{"key": "a", "value": 2}]}


def test_keyed_documents_have_so_many_keys_and_so_many_bytes(
    team: Team, small: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = create(team, "last_write_wins", content={"a": 1})
    monkeypatch.setattr(edits, "MAX_KEYS", 3)
    small(document_bytes=30)
    batch = [edit(document, team.owner, changes={key: 1}) for key in "bcda"]
    assert results(*batch) == ["2", "3", "quota.exceeded", "4"]
    assert result(edit(document, team.owner, changes={"a": "x" * 40})) == "doc.too_large"
    assert result(edit(document, team.owner, changes={"a": "x" * 20})) == "5"
    assert result(edit(document, team.owner, changes={"a": ""})) == "6"
    assert Document.objects.get(pk=document.pk).size == len('a""b1c1')


# --- reject ------------------------------------------------------------------------------------------------------


def test_of_two_who_change_a_key_unseen_the_first_wins_and_the_other_is_told_what_it_is_now(team: Team) -> None:
    document = create(team, "reject", content={"a": 0, "b": 0})
    batch = [
        edit(document, team.owner, changes={"a": 1}, base=1),
        edit(document, team.moderator, changes={"a": 2, "b": 2}, base=1),
        edit(document, team.participant, changes={"b": 3}, base=1),
    ]
    outcomes = commit(batch)
    assert [told(outcome) for outcome in outcomes] == ["2", "doc.conflict", "3"]
    assert isinstance(outcomes[1], RealtimeError)
    assert outcomes[1].details == {"fields": {"a": {"value": 1, "seq": 2}}}
    [late] = commit([edit(document, team.moderator, changes={"a": 2, "b": 2}, base=2)])
    assert isinstance(late, RealtimeError)
    assert late.details == {"fields": {"b": {"value": 3, "seq": 3}}}
    assert result(edit(document, team.moderator, changes={"a": 2, "b": 2}, base=3)) == "4"
    assert content(document) == {"a": (2, 4), "b": (2, 4)}


def test_a_conflict_over_large_values_tells_only_who_wrote_the_last_of_them(team: Team) -> None:
    document = create(team, "reject", content={str(n): "x" * 30_000 for n in range(20)})
    assert result(edit(document, team.owner, changes={"0": "y" * 30_000}, base=1)) == "2"
    [outcome] = commit([edit(document, team.owner, changes={str(n): 1 for n in range(20)}, base=0)])
    assert isinstance(outcome, RealtimeError)
    fields = outcome.details["fields"]
    assert (len(fields), len([1 for field in fields.values() if "value" in field])) == (20, 8)


@pytest.mark.django_db(transaction=True)
def test_of_many_batches_at_once_exactly_one_wins_a_key(team: Team) -> None:
    document = create(team, "reject")
    submissions = [edit(document, team.owner, changes={"a": n}, base=1) for n in range(6)]
    got = at_once(*[lambda s=s: result(s) for s in submissions])
    assert sorted(got) == ["2", *["doc.conflict"] * 5]
    assert content(document) == {"a": (got.index("2"), 2)}


@pytest.mark.django_db(transaction=True)
def test_texts_that_many_batches_write_at_once_have_everything(team: Team) -> None:
    document = create(team, "merge", content="Hello")
    words = [f"<{n}>" for n in range(6)]
    submissions = [edit(document, team.owner, update=Typist(10 + n).type(word)) for n, word in enumerate(words)]
    assert sorted(at_once(*[lambda s=s: result(s) for s in submissions])) == [str(n) for n in range(2, 8)]
    assert all(word in content(document) for word in words)
