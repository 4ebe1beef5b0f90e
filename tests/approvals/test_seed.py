"""The demo project that a first start makes."""

from __future__ import annotations

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from approvals.models import Approval
from bduf_realtime.accounts.models import User
from collaboration.models import Document, Membership, Project, Session
from notifications.models import Notification

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def demo_file(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "var"
    return tmp_path / "var" / "demo.json"


def seed(*arguments: str) -> str:
    out = StringIO()
    call_command("seed", *arguments, stdout=out)
    return out.getvalue()


def test_the_first_run_makes_people_in_every_role_a_project_and_a_session(demo_file: Path) -> None:
    told = seed()
    demo = json.loads(demo_file.read_text())
    project, session = Project.objects.get(), Session.objects.get()
    assert (demo["project"], demo["session"]) == (str(project.pk), str(session.pk))
    assert "Orchestrator design" in told
    assert str(session.pk) in told
    assert dict(Membership.objects.values_list("user__username", "role")) == {
        "ada": "owner",
        "grace": "moderator",
        "alan": "participant",
        "mary": "observer",
        "scribe": "participant",
    }
    for username, password in demo["users"].items():
        assert password in told
        assert User.objects.get(username=username).check_password(password)
    assert [user.username for user in User.objects.filter(is_superuser=True)] == ["admin"]
    scribe = User.objects.get(username="scribe")
    assert (scribe.kind, scribe.acts_for) == ("agent", User.objects.get(username="ada"))


def test_there_is_a_document_to_approve_for_whoever_looks_around() -> None:
    seed()
    document, request = Document.objects.get(), Approval.objects.get()
    assert (document.session, request.document) == (Session.objects.get(), document)
    asked = Notification.objects.filter(kind="approval.requested", must_act=True)
    assert {notification.user.username for notification in asked} == {"ada", "alan"}


def test_the_passwords_are_readable_by_the_operator_alone(demo_file: Path) -> None:
    seed()
    assert stat.S_IMODE(demo_file.stat().st_mode) == 0o600


def test_the_demo_gets_another_session_when_its_own_has_ended(demo_file: Path) -> None:
    seed()
    Session.objects.update(status="ended")
    told = seed()
    demo = json.loads(demo_file.read_text())
    assert str(Session.objects.exclude(status="ended").get().pk) == demo["session"]
    assert demo["session"] in told
    assert stat.S_IMODE(demo_file.stat().st_mode) == 0o600


def test_a_second_run_changes_nothing_and_says_the_same() -> None:
    told = seed()
    assert seed() == told
    assert seed("--quiet") == ""
    assert Project.objects.count() == 1


def test_programs_read_it_as_json(demo_file: Path) -> None:
    assert json.loads(seed("--json")) == json.loads(seed("--json")) == json.loads(demo_file.read_text())


def test_lost_passwords_are_said_to_be_lost(demo_file: Path) -> None:
    seed()
    demo_file.unlink()
    assert "passwords were not kept" in seed()
    assert Project.objects.count() == 1


def test_an_empty_database_is_filled_although_the_file_is_there(demo_file: Path) -> None:
    seed()
    User.objects.all().delete()
    Project.objects.all().delete()
    seed()
    assert json.loads(demo_file.read_text())["project"] == str(Project.objects.get().pk)
