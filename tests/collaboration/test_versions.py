"""Versions: what is kept by name and by the clock, and what restoring brings back and leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms import log
from bduf_realtime.rooms.commands import Effect, carry_out
from collaboration import selectors, services
from collaboration.documents.texts import encoded
from collaboration.models import Document, DocumentUpdate, DocumentVersion
from collaboration.services import edits, versions
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.documents.typist import Typist
from tests.collaboration.writing import TEXT, content, create, put, refusal, typed
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives versions and edits other limits."""

    def change(**limits: Any) -> None:
        for module in (versions, edits):
            monkeypatch.setattr(module, "conf", msgspec.structs.replace(conf, **limits))

    return change


def name(document: Document, title: str = "First", by: User | None = None) -> DocumentVersion:
    return services.version_create(document=document.pk, title=title, by=by or document.created_by)  # type: ignore[arg-type]


def restore(document: Document, version: DocumentVersion, by: User | None = None) -> None:
    services.version_restore(document=document.pk, version=version.pk, by=by or document.created_by)  # type: ignore[arg-type]


def titles(document: Document) -> list[str]:
    return [version.title for version in selectors.versions_of(document)]


def told(document: Document, after: int = 0) -> list[str]:
    events = events_of(f"document:{document.pk}")
    return [event["type"].removeprefix("collaboration:document:") for event in events if event["seq"] > after]


def due(document: Document, later: float = 0) -> None:
    """Lets the time come at which a document's edits become a version."""
    when = timezone.now() + timedelta(seconds=later)
    assert Document.objects.filter(pk=document.pk, version_due__isnull=False).update(version_due=when)


# --- by name -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "kept"), [("merge", TEXT), ("reject", {"a": 1, "b": {"c": None}})])
def test_a_version_has_what_was_in_the_document_then(team: Team, strategy: str, kept: Any) -> None:
    document = create(team, strategy, kept | {"gone": None} if isinstance(kept, dict) else kept)
    hashed = selectors.document_content(document).content_hash
    version = name(document, "  Before\nthe review ", team.moderator)
    put(document, "Other" if strategy == "merge" else {"a": 2}, team.owner)
    again = selectors.version_of(document, version.pk)
    assert selectors.version_content(again) == kept
    shown = selectors.version_info(again)
    assert (shown.seq, shown.title, shown.automatic) == (1, "Before the review", False)
    assert (shown.created_by, shown.author) == (str(team.moderator.pk), "moderator")
    assert shown.content_hash == hashed
    [created] = [e for e in events_of(f"document:{document.pk}") if e["type"].endswith("version:created")]
    assert created["data"] == {"document": str(document.pk), "version": msgspec.to_builtins(shown)}
    assert created["by"]["user"] == str(team.moderator.pk)


def test_only_who_may_write_now_names_and_restores_versions(team: Team) -> None:
    document = create(team)
    version = name(document)
    expected = {"observer": "perm.denied", "stranger": "doc.not_found"}
    for role, code in expected.items():
        assert refusal(name, document, "x", team[role]) == code
        assert refusal(restore, document, version, team[role]) == code
        assert refusal(put, document, "x", team[role]) == code
    services.session_pause(session=team.session.pk, by=team.owner)
    for act in (lambda: name(document), lambda: restore(document, version), lambda: put(document, "x", team.owner)):
        assert refusal(act) == "session.paused"
    services.session_end(session=team.session.pk, by=team.owner)
    assert refusal(name, document) == "doc.read_only"


def test_a_document_has_so_many_named_versions(team: Team, small: Callable[..., None]) -> None:
    document = create(team)
    small(max_versions_per_document=2)
    name(document), name(document)
    assert refusal(name, document) == "quota.exceeded"
    assert refusal(name, document, " \u200b ") == "msg.bad_value"


def test_versions_and_restores_are_on_the_trail(team: Team) -> None:
    document = create(team)
    version = name(document)
    restore(document, version)
    entries = [entry for entry in entries_for(team.project.pk) if ":version:" in entry.action]
    assert [entry.action for entry in entries] == [
        f"collaboration:document:version:{what}" for what in ("create", "restore")
    ]
    assert {entry.target for entry in entries} == {f"document:{document.pk}"}
    assert {entry.details["hash"] for entry in entries} == {version.content_hash}


# --- by the clock ------------------------------------------------------------------------------------------------


def test_an_edited_document_becomes_a_version_when_it_is_time_and_only_then(team: Team) -> None:
    document = create(team)
    assert Document.objects.get(pk=document.pk).version_due is None
    put(document, "Edited", team.participant)
    when = Document.objects.get(pk=document.pk).version_due
    assert when is not None
    assert timedelta(seconds=25) < when - timezone.now() <= timedelta(seconds=30)
    put(document, "Edited again", team.moderator)
    assert Document.objects.get(pk=document.pk).version_due == when
    assert services.versions_keep_due() == 0
    due(document)
    assert (services.versions_keep_due(), services.versions_keep_due()) == (1, 0)
    [version] = selectors.versions_of(document)
    assert selectors.version_content(version) == "Edited again"
    shown = selectors.version_info(version)
    assert (shown.automatic, shown.title, shown.author) == (True, "", "moderator")
    [event] = events_of(f"document:{document.pk}")[-1:]
    assert event["type"] == "collaboration:document:version:created"
    assert (event["by"]["user"], event["data"]["version"]["automatic"]) == ("", True)


def test_what_is_as_it_was_becomes_no_version_again(team: Team) -> None:
    document = create(team)
    name(document)
    put(document, "Other", team.owner)
    put(document, TEXT, team.owner)
    due(document)
    assert services.versions_keep_due() == 0
    assert titles(document) == ["First"]
    put(document, "Other", team.owner)
    name(document, "Second")
    assert Document.objects.get(pk=document.pk).version_due is None


def test_the_session_says_whether_and_when_versions_are_made(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"auto_save_interval": 5_000})
    soon = create(team)
    put(soon, "x", team.owner)
    when = Document.objects.get(pk=soon.pk).version_due
    assert when is not None
    assert when - timezone.now() <= timedelta(seconds=5)
    services.session_update(session=team.session.pk, by=team.owner, settings={"auto_save": False})
    never = create(team, "last_write_wins", {})
    put(never, {"a": 1}, team.owner)
    edited = Document.objects.get(pk=never.pk)
    assert (edited.version_due, edited.edited_by) == (None, str(team.owner.pk))
    common = services.document_create(project=team.project.pk, by=team.owner, title="T")
    put(common, {"a": 1}, team.owner)
    assert Document.objects.get(pk=common.pk).version_due is not None


def test_of_automatic_versions_the_newest_are_kept_and_of_named_ones_all(
    team: Team, small: Callable[..., None]
) -> None:
    small(document_versions=3)
    document = create(team)
    name(document)
    for number in range(5):
        put(document, str(number), team.owner)
        due(document)
        assert services.versions_keep_due() == 1
    assert titles(document) == ["", "", "", "First"]
    assert [selectors.version_content(version) for version in selectors.versions_of(document)] == ["4", "3", "2", TEXT]


def test_a_deleted_document_becomes_no_version_and_is_not_looked_at_again(team: Team) -> None:
    document = create(team)
    put(document, "x", team.owner)
    due(document)
    services.document_delete(document=document.pk, by=team.owner)
    assert services.versions_keep_due() == 0
    assert Document.objects.get(pk=document.pk).version_due is None


@pytest.mark.django_db(transaction=True)
def test_instances_that_look_at_once_make_one_version(team: Team) -> None:
    document = create(team)
    put(document, "x", team.owner)
    due(document)
    assert sorted(at_once(*[services.versions_keep_due] * 4)) == [0, 0, 0, 1]
    assert titles(document) == [""]


# --- restoring ---------------------------------------------------------------------------------------------------


def test_a_restored_text_is_as_it_was_and_what_was_there_is_a_version(team: Team) -> None:
    document = create(team)
    version = name(document)
    put(document, "Something else entirely\n", team.participant)
    before = log.position(f"document:{document.pk}").head
    restore(document, version, team.moderator)
    assert content(document) == TEXT
    assert told(document, before) == ["version:restored", "version:created", "updated"]
    assert titles(document) == ["", "First"]
    kept = selectors.versions_of(document)[0]
    assert (selectors.version_content(kept), kept.author) == ("Something else entirely\n", "participant")
    restored = events_of(f"document:{document.pk}")[-3]
    assert restored["data"]["version"]["id"] == str(version.pk)
    assert DocumentUpdate.objects.filter(document=document).last().user == str(team.moderator.pk)  # type: ignore[union-attr]
    restore(document, kept)
    assert content(document) == "Something else entirely\n"


def test_restoring_what_is_there_changes_nothing(team: Team) -> None:
    for strategy, kept in (("merge", TEXT), ("last_write_wins", {"a": 1})):
        document = create(team, strategy, kept)
        version = name(document)
        restore(document, version)
        assert told(document)[2:] == ["version:restored"]


@pytest.mark.parametrize("strategy", ["last_write_wins", "reject"])
def test_restored_values_are_as_they_were_and_keys_that_were_not_there_are_null(team: Team, strategy: str) -> None:
    document = create(team, strategy, {"a": 1, "b": {"x": 1, "y": 2}, "same": True})
    version = name(document)
    put(document, {"b": {"x": 1}, "new": 5, "same": True}, team.owner)
    assert content(document) == {"b": {"x": 1}, "new": 5, "same": True}
    restore(document, version)
    assert content(document) == {"a": 1, "b": {"x": 1, "y": 2}, "same": True}
    found = selectors.document_content(Document.objects.get(pk=document.pk))
    assert found.content_hash == version.content_hash
    assert found.fields is not None
    assert (found.fields["new"].value, found.fields["same"].seq) == (None, 1)


def test_many_values_are_restored_by_several_edits(team: Team) -> None:
    values = {f"k{n}": "x" * 2_000 for n in range(150)}
    document = create(team, "reject", values)
    version = name(document)
    put(document, {}, team.owner)
    restore(document, version)
    assert content(document) == values
    assert told(document).count("updated") > 4


def test_what_somebody_types_on_a_text_they_saw_before_is_kept(team: Team) -> None:
    document = create(team)
    version = name(document)
    put(document, "The slow fox\njumps.\n", team.owner)
    ada = Typist(7, encoded(selectors.document_update(document.pk).update))
    restore(document, version)
    typed(document, ada.type("Really!\n"), team.participant)
    assert content(document) == TEXT + "Really!\n"


@pytest.mark.django_db(transaction=True)
def test_two_who_restore_at_once_and_one_who_types_lose_nothing(team: Team) -> None:
    document = create(team)
    version = name(document)
    put(document, "The slow fox\njumps.\n", team.owner)
    ada = Typist(7, encoded(selectors.document_update(document.pk).update))
    update = ada.type("Really!\n")
    at_once(
        lambda: restore(document, version),
        lambda: typed(document, update, team.participant),
        lambda: restore(document, version, team.moderator),
    )
    # What was typed before the second restore is in the version that it kept.
    assert content(document) in (TEXT, TEXT + "Really!\n")
    kept = [selectors.version_content(one) for one in selectors.versions_of(document)]
    assert any(str(text).endswith("Really!\n") for text in [content(document), *kept])
    assert told(document).count("version:restored") == 2


def test_what_would_be_too_large_is_not_restored_and_leaves_nothing_behind(
    team: Team, small: Callable[..., None]
) -> None:
    document = create(team, content="x " * 200)
    version = name(document)
    put(document, "", team.owner)
    events, kept = told(document), titles(document)
    small(document_bytes=500)
    assert refusal(restore, document, version) == "doc.too_large"
    assert (content(document), told(document), titles(document)) == ("", events, kept)


def test_a_version_of_another_document_is_not_found(team: Team) -> None:
    assert refusal(restore, create(team), name(create(team))) == "doc.not_found"


def test_a_command_that_restores_is_answered_by_the_restore_and_followed_by_the_edit(team: Team) -> None:
    document = create(team)
    version = name(document)
    put(document, "x", team.owner)

    def run() -> Effect:
        restore(document, version)
        return Effect({}, f"document:{document.pk}")

    _, events = carry_out(None, run)
    assert [event.type.rpartition(":")[2] for event in events] == ["restored", "created", "updated"]
