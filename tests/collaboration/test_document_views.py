"""Documents over REST: lists, titles, ends, and what is in them."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest

from collaboration import services
from tests.collaboration.conftest import Team, events_of
from tests.people import Rest, refusal

pytestmark = pytest.mark.django_db


def start(team: Team, **wanted: Any) -> dict[str, Any]:
    place = {} if "project" in wanted else {"session": str(team.session.pk)}
    status, made = Rest(team.owner).post("documents/", {"title": "Notes", **place, **wanted})
    assert status == 201, made
    return dict(made)


def test_a_document_is_started_shown_renamed_and_deleted(team: Team) -> None:
    owner = Rest(team.owner)
    made = start(team, content={"a": 1})
    assert made == {
        "id": made["id"],
        "project": str(team.project.pk),
        "session": str(team.session.pk),
        "title": "Notes",
        "strategy": "last_write_wins",
        "created_by": str(team.owner.pk),
        "created_at": made["created_at"],
        "size": 2,
    }
    path = f"documents/{made['id']}/"
    assert owner.get(path) == (200, made)
    assert owner.patch(path, {"title": "Plan"}) == (200, made | {"title": "Plan"})
    assert owner.patch(path) == (200, made | {"title": "Plan"})
    assert owner.delete(path)[0] == 204
    assert refusal(owner.get(path)) == (404, "doc.not_found")
    kinds = [event["type"].rpartition(":")[2] for event in events_of(f"session:{team.session.pk}")]
    assert kinds[-3:] == ["created", "renamed", "deleted"]


def test_documents_are_listed_by_where_they_are_and_what_they_are_called(team: Team) -> None:
    notes, plan = start(team), start(team, title="The plan", strategy="merge")
    common = start(team, project=str(team.project.pk), title="Common plan")
    theirs = services.project_create(name="Theirs", by=team.stranger)
    services.document_create(project=theirs.pk, title="Theirs", by=team.stranger)

    def found(**query: Any) -> list[str]:
        status, page = Rest(team.observer).get("documents/", **query)
        assert status == 200, page
        return sorted(row["id"] for row in page["results"])

    assert found() == sorted(made["id"] for made in (notes, plan, common))
    assert found(session=team.session.pk) == sorted([notes["id"], plan["id"]])
    assert found(project=team.project.pk, title="plan") == sorted([plan["id"], common["id"]])
    assert found(strategy="merge") == [plan["id"]]
    assert found(project=theirs.pk) == []
    assert refusal(Rest(team.owner).get("documents/", colour="red")) == (400, "msg.unknown_field")


def test_the_content_of_a_text_is_hashed_as_utf_8(team: Team) -> None:
    made = start(team, strategy="merge", content="Schöne Grüße 😀")
    assert Rest(team.observer).get(f"documents/{made['id']}/content/") == (
        200,
        {
            "strategy": "merge",
            "content": "Schöne Grüße 😀",
            "seq": 1,
            "content_hash": hashlib.sha256("Schöne Grüße 😀".encode()).hexdigest(),
        },
    )


def test_the_content_of_keyed_values_is_hashed_as_json_with_sorted_keys_and_without_nulls(team: Team) -> None:
    values = {"b": {"y": 1, "x": ["é"]}, "a": None}
    made = start(team, strategy="reject", content=values)
    canonical = json.dumps({"b": values["b"]}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    status, content = Rest(team.observer).get(f"documents/{made['id']}/content/")
    assert status == 200
    assert content["content_hash"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert content["fields"] == {key: {"value": value, "seq": 1} for key, value in values.items()}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({}, (400, "msg.missing_field")),
        ({"title": "T"}, (400, "msg.bad_value")),
        ({"title": "", "session": "s"}, (400, "msg.bad_value")),
        ({"title": "T", "session": "s", "strategy": "guess"}, (400, "msg.bad_value")),
        ({"title": "T", "session": "s", "content": 5}, (400, "msg.bad_value")),
        ({"title": "T", "session": "s", "content": "text"}, (400, "msg.bad_value")),
        ({"title": "T", "session": "s", "size": 5}, (400, "msg.unknown_field")),
    ],
)
def test_a_call_that_makes_no_document_says_what_is_wrong(
    team: Team, body: dict[str, Any], answer: tuple[int, str]
) -> None:
    body = body | ({"session": str(team.session.pk)} if "session" in body else {})
    assert refusal(Rest(team.owner).post("documents/", body)) == answer


def test_what_may_not_be_changed_over_rest_is_an_unknown_field(team: Team) -> None:
    path = f"documents/{start(team)['id']}/"
    for field in ("strategy", "session", "project", "content", "size"):
        assert refusal(Rest(team.owner).patch(path, {field: "merge"})) == (400, "msg.unknown_field")


def test_only_those_who_may_read_a_document_find_it(team: Team) -> None:
    made = start(team)
    for path in (f"documents/{made['id']}/", f"documents/{made['id']}/content/", f"documents/{uuid.uuid4()}/"):
        assert refusal(Rest(team.stranger).get(path)) == (404, "doc.not_found")
    services.session_end(session=team.session.pk, by=team.owner)
    assert Rest(team.observer).get(f"documents/{made['id']}/content/")[0] == 200
    assert refusal(Rest(team.owner).patch(f"documents/{made['id']}/", {"title": "x"})) == (409, "doc.read_only")
