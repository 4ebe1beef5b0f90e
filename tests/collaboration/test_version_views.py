"""Versions over REST: listed, read, compared and restored; content that is put, and files in and out."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from bduf_realtime.rooms import log
from collaboration import selectors, services
from collaboration.models import Document, DocumentVersion
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.documents.typist import Typist
from tests.people import Rest, refusal

pytestmark = pytest.mark.django_db
TEXT = "The quick fox\njumps.\n"


def start(team: Team, strategy: str = "merge", content: Any = TEXT, title: str = "Notes") -> str:
    """Starts a document; returns its path."""
    made = services.document_create(
        session=team.session.pk, by=team.owner, title=title, strategy=strategy, content=content
    )
    return f"documents/{made.pk}/"


def call(by: Any, method: str, path: str, body: Any = None) -> Any:
    """Makes a call that has to succeed; returns its answer."""
    status, answer = getattr(Rest(by), method)(path, *([] if body is None else [body]))
    assert status in (200, 201), answer
    return answer


def put(by: Any, path: str, body: Any) -> tuple[int, Any]:
    return send(by, path, json.dumps(body))


def send(by: Any, path: str, body: str | bytes, kind: str = "application/json") -> tuple[int, Any]:
    response = Rest(by).client.put(f"/api/v1/{path}", body, content_type=kind)
    return response.status_code, response.json()


# --- versions ----------------------------------------------------------------------------------------------------


def test_a_version_is_named_listed_read_compared_and_restored(team: Team) -> None:
    path = start(team)
    first = call(team.participant, "post", f"{path}versions/", {"title": "First"})
    hashed = call(team.owner, "get", f"{path}content/")["content_hash"]
    assert first == {
        "id": first["id"],
        "seq": 1,
        "title": "First",
        "automatic": False,
        "content_hash": hashed,
        "size": len(TEXT),
        "created_by": str(team.participant.pk),
        "author": "participant",
        "created_at": first["created_at"],
    }
    assert put(team.owner, f"{path}content/", {"content": TEXT.replace("quick", "slow")})[0] == 200
    second = call(team.owner, "post", f"{path}versions/", {"title": "Second"})
    page = call(team.observer, "get", f"{path}versions/")
    assert (page["count"], page["results"]) == (2, [second, first])
    assert call(team.observer, "get", f"{path}versions/{first['id']}/") == {**first, "content": TEXT}
    diff = call(team.observer, "get", f"{path}versions/{first['id']}/diff/{second['id']}/")
    assert diff["before"] == {"version": first["id"], "seq": 1, "content_hash": hashed}
    assert diff["after"] == {"version": second["id"], "seq": second["seq"], "content_hash": second["content_hash"]}
    assert [piece["op"] for piece in diff["hunks"][0]["pieces"]] == ["equal", "delete", "insert", "equal"]
    assert diff["hunks"][1] == {"before": 2, "after": 2, "pieces": [{"op": "equal", "text": "jumps.\n"}]}
    restored = call(team.owner, "post", f"{path}versions/{first['id']}/restore/")
    now = call(team.owner, "get", f"{path}content/")
    assert restored == {"document": path.split("/")[1], "seq": now["seq"], "content_hash": hashed}
    assert now["content"] == TEXT
    current = call(team.owner, "get", f"{path}versions/{first['id']}/diff/current/")
    assert current["after"] == {"version": None, "seq": now["seq"], "content_hash": hashed}
    assert [piece["op"] for hunk in current["hunks"] for piece in hunk["pieces"]] == ["equal"]


def test_values_are_compared_key_by_key(team: Team) -> None:
    path = start(team, "reject", {"a": 1, "b": {"x": 1}, "c": [1], "gone": 0})
    version = call(team.owner, "post", f"{path}versions/", {"title": "T"})
    assert call(team.owner, "get", f"{path}versions/{version['id']}/")["content"]["b"] == {"x": 1}
    assert put(team.owner, f"{path}content/", {"content": {"a": 1, "b": {"x": 2}, "c": [1], "d": True}})[0] == 200
    diff = call(team.owner, "get", f"{path}versions/{version['id']}/diff/current/")
    assert diff["keys"] == [
        {"key": "b", "before": {"x": 1}, "after": {"x": 2}},
        {"key": "d", "after": True},
        {"key": "gone", "before": 0},
    ]


def test_automatic_versions_are_told_from_named_ones(team: Team) -> None:
    path = start(team)
    call(team.owner, "post", f"{path}versions/", {"title": "Mine"})
    put(team.owner, f"{path}content/", {"content": "x"})
    Document.objects.update(version_due="2020-01-01T00:00Z")
    services.versions_keep_due()
    found = {automatic: call_page(team, path, automatic=automatic) for automatic in ("true", "false")}
    assert found == {"true": [""], "false": ["Mine"]}


def call_page(team: Team, path: str, **query: Any) -> list[str]:
    status, page = Rest(team.observer).get(f"{path}versions/", **query)
    assert status == 200
    return [row["title"] for row in page["results"]]


def test_versions_that_are_not_there_or_not_ones_to_see_are_not_found(team: Team) -> None:
    path, other = start(team), start(team)
    theirs = call(team.owner, "post", f"{other}versions/", {"title": "T"})["id"]
    mine = call(team.owner, "post", f"{path}versions/", {"title": "T"})["id"]
    for version in (theirs, uuid.uuid4()):
        for call_ in (f"{version}/", f"{version}/diff/current/", f"{mine}/diff/{version}/"):
            assert refusal(Rest(team.owner).get(f"{path}versions/{call_}")) == (404, "doc.not_found")
        assert refusal(Rest(team.owner).post(f"{path}versions/{version}/restore/")) == (404, "doc.not_found")
        assert refusal(Rest(team.owner).get(f"{path}export/", version=version)) == (404, "doc.not_found")
    assert refusal(Rest(team.stranger).get(f"{path}versions/{mine}/")) == (404, "doc.not_found")
    assert refusal(Rest(team.owner).post(f"{path}versions/", {"title": " "})) == (400, "msg.bad_value")
    assert refusal(Rest(team.owner).post(f"{path}versions/{mine}/restore/", {"x": 1})) == (400, "msg.unknown_field")


# --- edits -------------------------------------------------------------------------------------------------------


def test_content_that_is_put_is_an_edit_like_any_other(team: Team) -> None:
    path = start(team)
    status, answer = put(team.participant, f"{path}content/", {"content": TEXT + "More\n", "base": 1})
    now = call(team.owner, "get", f"{path}content/")
    assert (status, answer) == (200, {"document": path.split("/")[1], "seq": 2, "content_hash": now["content_hash"]})
    [event] = events_of(f"document:{path.split('/')[1]}")[1:]
    assert (event["type"], event["by"]["user"]) == ("collaboration:document:updated", str(team.participant.pk))
    ada = Typist(7, call(team.owner, "get", f"{path}content/?yjs=true")["update"])
    assert str(ada) == TEXT + "More\n"
    update = ada.type("Ada\n")
    assert put(team.owner, f"{path}content/", {"update": update})[0] == 200
    assert put(team.owner, f"{path}content/", {"update": update})[1]["seq"] == 3
    assert call(team.owner, "get", f"{path}content/")["content"] == TEXT + "More\nAda\n"


def test_changes_are_put_as_on_a_socket(team: Team) -> None:
    path = start(team, "reject", {"a": 1})
    change = {"changes": [{"key": "a", "value": 2}], "base": 1}
    assert Rest(team.owner).patch(f"{path}content/", change)[1]["seq"] == 2
    status, answer = Rest(team.owner).patch(f"{path}content/", change)
    assert (status, answer["code"]) == (409, "doc.conflict")
    assert answer["details"] == {"fields": {"a": {"value": 2, "seq": 2}}}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({}, (400, "msg.missing_field")),
        ({"content": "x", "update": "AAA="}, (400, "msg.missing_field")),
        ({"content": 5}, (400, "msg.bad_value")),
        ({"content": {"a": 1}}, (400, "msg.bad_value")),
        ({"content": "x", "base": -1}, (400, "msg.bad_value")),
        ({"content": "x", "base": 99}, (400, "msg.bad_value")),
        ({"content": "x", "title": "T"}, (400, "msg.unknown_field")),
        ({"changes": []}, (400, "msg.bad_value")),
        ({"changes": [{"key": "a", "value": 1}]}, (400, "msg.bad_value")),
        ({"update": "?"}, (400, "msg.bad_value")),
        ({"update": "AAAA"}, (400, "doc.update_rejected")),
        ({"update": "A" * 1_400_000}, (400, "doc.update_rejected")),
        (["content"], (400, "msg.bad_value")),
    ],
)
def test_an_edit_that_is_none_says_what_is_wrong(team: Team, body: Any, answer: tuple[int, str]) -> None:
    assert refusal(put(team.owner, f"{start(team)}content/", body)) == answer


# --- files -------------------------------------------------------------------------------------------------------


def test_markdown_comes_in_as_it_is_and_goes_out_as_it_was(team: Team) -> None:
    path = start(team)
    text = "# Größe 😀\r\n\n* one\n"
    assert send(team.owner, f"{path}content/?base=1", "\ufeff" + text, "text/markdown; charset=utf-8")[0] == 200
    for accept in ("text/markdown", "*/*"):
        response = Rest(team.observer).client.get(f"/api/v1/{path}export/", HTTP_ACCEPT=accept)
        assert (response.content.decode(), response["Content-Type"]) == (text, "text/markdown")
        assert response["Content-Disposition"] == 'attachment; filename="Notes.md"'


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"\xff", (400, "msg.bad_text")),
        (b"a\0b", (400, "msg.bad_text")),
        (b"x" * 2_200_000, (413, "quota.exceeded")),
    ],
)
def test_markdown_that_is_no_text_is_refused(team: Team, body: bytes, answer: tuple[int, str]) -> None:
    assert refusal(send(team.owner, f"{start(team)}content/", body, "text/markdown")) == answer
    assert refusal(send(team.owner, f"{start(team, 'reject', {})}content/", "x", "text/markdown")) == (
        400,
        "msg.bad_value",
    )


def test_an_export_in_json_has_all_that_is_known_of_a_document(team: Team) -> None:
    path = start(team, "last_write_wins", {"a": 1, "b": None}, title='Plan "B" / Größe')
    version = call(team.owner, "post", f"{path}versions/", {"title": "First"})
    put(team.owner, f"{path}content/", {"content": {"a": 2}})
    response = Rest(team.observer).client.get(f"/api/v1/{path}export/", {"as": "json"})
    assert "filename*=utf-8''Plan%20B%20Gr%C3%B6%C3%9Fe.json" in response["Content-Disposition"]
    export, now = response.json(), call(team.owner, "get", f"{path}content/")
    assert export == {
        "document": {name: export["document"][name] for name in export["document"]},
        "seq": now["seq"],
        "content_hash": now["content_hash"],
        "version": None,
        "content": {"a": 2},
        "versions": [version],
    }
    then = Rest(team.observer).client.get(f"/api/v1/{path}export/", {"as": "json", "version": version["id"]}).json()
    assert (then["content"], then["version"], then["content_hash"]) == ({"a": 1}, version, version["content_hash"])
    markdown = Rest(team.observer).client.get(f"/api/v1/{path}export/", {"version": version["id"]})
    assert markdown.content.decode().endswith("## a\n\n```json\n1\n```\n")


def test_a_list_of_versions_does_not_read_what_is_in_them(team: Team) -> None:
    document = Document.objects.get(pk=start(team).split("/")[1])
    services.version_create(document=document.pk, title="T", by=team.owner)
    [version] = selectors.versions_of(document)
    assert version.get_deferred_fields() == {"content"}
    assert DocumentVersion.objects.get().content != TEXT.encode()


def test_an_edit_that_is_sent_again_under_its_key_is_done_once_and_told_once(team: Team) -> None:
    path = f"{start(team)}content/"
    body = json.dumps({"content": TEXT + "More\n", "base": 1})
    heard: list[str] = []
    log.listen(listener := lambda event: heard.append(event.type))

    def send_with(key: str, body: str = body) -> tuple[int, Any]:
        response = Rest(team.owner).client.put(
            f"/api/v1/{path}", body, content_type="application/json", headers={"Idempotency-Key": key}
        )
        return response.status_code, response.json()

    try:
        first, again = send_with("1"), send_with("1")
    finally:
        log.unlisten(listener)
    assert (first[0], again, heard) == (200, first, ["collaboration:document:updated"])
    assert call(team.owner, "get", path)["content"] == TEXT + "More\n"
    assert refusal(send_with("1", json.dumps({"content": "x"}))) == (409, "msg.id_conflict")
    assert refusal(send_with("k" * 65)) == (400, "msg.bad_value")
    assert refusal(send_with("2", json.dumps({"content": "x", "base": 9}))) == (400, "msg.bad_value")
    assert send_with("2", json.dumps({"content": "x", "base": 2}))[0] == 200
