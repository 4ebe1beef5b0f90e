"""The pages of documents: what is in them, who is there, versions and files, and what operators do to them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bduf_realtime.gateway.models import Attendance, Connection, Instance
from collaboration import services
from collaboration.admin.versions import PREVIEW
from collaboration.models import Document, DocumentUpdate, DocumentVersion
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.documents.typist import Typist
from tests.collaboration.test_edits import create, edit, results
from tests.operators import REASON, act, entries, page, staff, told
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(staff("olga", "view", "change"))
    return client


def shown(client: Client, url: str, **query: object) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200, (url, answer.status_code)
    return str(answer.content.decode())


def change(row: Document | DocumentVersion) -> str:
    return page(type(row), row.pk, "change")


def attend(document: Document, team: Team) -> None:
    """Puts the owner into a document with one connection."""
    instance = Instance.objects.create(host="blade", pid=17, expires_at="2999-01-01T00:00Z")
    row = Connection.objects.create(id=uuid.uuid4(), user=team.owner, instance=instance)
    room = f"document:{document.pk}"
    Attendance.objects.create(connection=row.pk, instance=instance, room=room, user=str(team.owner.pk))


def test_a_document_shows_what_is_in_it_who_is_there_and_who_edited(operator: Client, team: Team) -> None:
    document = create(team, "merge", content="Hello <b>world</b>")
    results(edit(document, team.participant, update=Typist(7).type("And. ")))
    attend(document, team)
    for url in (page(Document), change(document)):
        found = shown(operator, url)
        for expected in ("Kick-off", "Orchestrator", "participant", "merge", "no snapshot", "bytes"):
            assert expected in found, (url, expected)
        assert f"room__exact=document%3A{document.pk}" in found
    assert "Hello &lt;b&gt;world&lt;/b&gt;" in found
    assert "2 to 2" in found
    assert page(type(team.participant), team.participant.pk, "change") in found


def test_keyed_values_are_shown_as_json_and_a_long_content_is_cut(operator: Client, team: Team) -> None:
    keyed = create(team, "reject", content={"plan": {"steps": 3}})
    assert "&quot;steps&quot;: 3" in shown(operator, change(keyed))
    long = create(team, "merge", content="x" * (PREVIEW + 1_234))
    found = shown(operator, change(long))
    assert "1,234 more characters." in found
    assert "x" * (PREVIEW + 1) not in found


def test_a_version_shows_its_content_and_what_has_changed_since(operator: Client, team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    results(edit(document, team.owner, update=ada.type("one\ntwo\n")))
    version = services.version_create(document=document.pk, title="Draft", by=team.owner)
    assert "Nothing." in shown(operator, change(version))
    results(edit(document, team.owner, update=ada.type("<three>\n")))
    listed = shown(operator, change(document))
    for expected in ("Draft", version.content_hash, change(version)):
        assert expected in listed
    found = shown(operator, change(version))
    assert "one\ntwo\n" in found
    assert "<ins>&lt;three&gt;\n</ins>" in found
    assert version.content_hash in shown(operator, page(DocumentVersion), document__id__exact=document.pk)


def test_what_has_changed_in_keyed_values_is_shown_by_key(operator: Client, team: Team) -> None:
    document = create(team, "last_write_wins", content={"a": 1, "b": 1})
    version = services.version_create(document=document.pk, title="Draft", by=team.owner)
    results(edit(document, team.owner, changes={"a": 2}))
    found = shown(operator, change(version))
    assert "<del>1</del>" in found
    assert "<ins>2</ins>" in found


def test_documents_and_versions_are_exported_as_files(operator: Client, team: Team) -> None:
    document, ada = create(team, "merge"), Typist(7)
    results(edit(document, team.owner, update=ada.type("one")))
    version = services.version_create(document=document.pk, title="Draft", by=team.owner)
    results(edit(document, team.owner, update=ada.type(" two")))
    links = shown(operator, change(document))
    for parts, text in ((("markdown",), "one two"), (("markdown", version.pk), "one")):
        url = page(Document, document.pk, "export", *parts)
        assert url in links
        answer = operator.get(url)
        assert (answer.content.decode(), answer["Content-Disposition"]) == (text, 'attachment; filename="T.md"')
    export = json.loads(operator.get(page(Document, document.pk, "export", "json")).content)
    assert (export["content"], [one["title"] for one in export["versions"]]) == ("one two", ["Draft"])
    for wrong in (("pdf",), ("json", uuid.uuid4())):
        assert operator.get(page(Document, document.pk, "export", *wrong)).status_code == 404
    assert operator.get(page(Document, uuid.uuid4(), "export", "json")).status_code == 404


def test_who_may_not_see_documents_exports_none(client: Client, team: Team) -> None:
    url = page(Document, create(team, "merge").pk, "export", "json")
    assert client.get(url).headers["Location"].startswith("/admin/login/")
    client.force_login(person(is_staff=True))
    assert client.get(url).status_code == 404


def test_an_operator_deletes_a_document_with_a_reason(operator: Client, team: Team) -> None:
    document = create(team, "last_write_wins", content={"a": 1})
    assert told(act(operator, "remove", document)) == ["1 document deleted."]
    document.refresh_from_db()
    assert document.deleted_at is not None
    assert events_of(f"document:{document.pk}")[-1]["type"] == "collaboration:document:deleted"
    [entry] = entries("collaboration:document:delete")
    assert (entry.actor_name, entry.details["reason"]) == ("olga", REASON)
    assert "deleted" in shown(operator, page(Document), deleted="yes")
    again = act(operator, "remove", document)
    assert told(again)[-1].endswith("There is no such document, or you may not see it.")


def test_who_may_only_look_neither_deletes_nor_compacts(client: Client, team: Team) -> None:
    document = create(team, "merge", content="Hello")
    client.force_login(staff("otto", "view"))
    for verb in ("remove", "compact"):
        assert page(Document, document.pk, verb) not in shown(client, change(document))
        assert client.post(page(Document, document.pk, verb), {"confirmed": verb}).status_code == 403
    document.refresh_from_db()
    assert document.deleted_at is None


def test_compaction_is_offered_where_there_is_something_to_compact(operator: Client, team: Team) -> None:
    text, empty = create(team, "merge", content="Hello"), create(team, "merge")
    assert page(Document, text.pk, "compact") in shown(operator, change(text))
    assert page(Document, empty.pk, "compact") not in shown(operator, change(empty))
    DocumentUpdate.objects.bulk_create(
        DocumentUpdate(document=empty, seq=seq, data=b"\0\0", user="") for seq in range(2, 503)
    )
    assert "due" in shown(operator, page(Document))


def test_no_page_shows_bytes_as_they_are(operator: Client, team: Team) -> None:
    document = create(team, "merge", content="Hello")
    version = services.version_create(document=document.pk, title="Draft", by=team.owner)
    for url in (page(Document), change(document), page(DocumentVersion), change(version)):
        found = shown(operator, url)
        assert "&#x27;\\x" not in found
        assert "memory at 0x" not in found
        assert "<script>" not in found


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        shown(client, url)
    return len(captured)


def test_pages_take_as_many_queries_for_many_as_for_few(operator: Client, team: Team) -> None:
    document = create(team, "merge", content="Hello")
    urls = [page(Document), page(DocumentVersion), change(document), page(Document, document.pk, "tables"), "/admin/"]

    def more(number: int) -> dict[str, int]:
        for n in range(number):
            user = person()
            services.project_member_set(project=team.project, user=user, role="participant", by=team.owner)
            other: Any = services.document_create(project=team.project.pk, by=user, title=f"D{n}", strategy="merge")
            services.version_create(document=other.pk, title="Draft", by=user)
            services.version_create(document=document.pk, title=f"Draft {n}", by=user)
            typist = Typist(user.pk.int % 2**31 + 2)
            results(edit(document, user, update=typist.type("a")))
            results(edit(other, user, update=typist.type("b")))
        return {url: queries(operator, url) for url in urls}

    few = more(2)
    assert more(6) == few
    assert max(few.values()) <= 40, few
