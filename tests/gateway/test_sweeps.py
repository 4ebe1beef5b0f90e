"""The timers: each when it is due, all at once from cron, and as often as one likes."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session as PageSession
from django.core.management import call_command
from django.utils import timezone

from approvals.messages import ApprovalAnswer, ApprovalRequest, Subject
from approvals.models import Approval, DecisionLink, Timer
from approvals.services import approval_decide, approval_request
from bduf_realtime.accounts.models import RevokedToken, User
from bduf_realtime.gateway import presence, sweeps
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.models import Connection, Instance
from bduf_realtime.gateway.sweeps import Sweep
from bduf_realtime.rooms.models import Command, Event, Room
from collaboration import services
from collaboration.models import (
    Document,
    DocumentTally,
    DocumentUpdate,
    Membership,
    Participant,
    Project,
    Session,
    Untold,
)
from notifications.models import Notification
from tests.people import person


@pytest.fixture
def overdue(db: None) -> None:
    """Something to do for every sweep."""
    past, ada = timezone.now() - timedelta(days=2), person()
    session = services.session_create(project=services.project_create(name="P", by=ada), by=ada)
    text = services.document_create(session=session.pk, title="T", strategy="merge", content="Hello", by=ada)
    seed = DocumentUpdate.objects.get(document=text)
    DocumentUpdate.objects.bulk_create(
        DocumentUpdate(document=text, seq=seq, data=seed.data) for seq in range(2, conf.compaction_updates + 2)
    )
    Document.objects.update(version_due=past)
    DocumentTally.objects.create(document=text, user=str(ada.pk), edits=1, bytes=9, first_seq=2, last_seq=2, since=past)
    Participant.objects.update(present=True, away_since=past)
    other = services.project_create(name="Q", by=ada)
    idle, ended = (services.session_create(project=other, by=ada) for _ in range(2))
    Session.objects.filter(pk=idle.pk).update(idle_since=past - timedelta(days=7))
    Session.objects.filter(pk=ended.pk).update(status="ended", ended_at=past - timedelta(days=90))
    Participant.objects.create(session=session, user=person(), admission="waiting", last_activity=past)
    User.objects.create(username="guest", is_guest=True, date_joined=past)
    presence.instance_start(str(uuid.uuid4()), -1.0)
    alive = Instance.objects.create(host="h", pid=1, expires_at=timezone.now() + timedelta(minutes=1))
    Connection.objects.create(id=uuid.uuid4(), instance=alive, user=ada, closed_at=past)
    PageSession.objects.create(session_key="old", session_data="", expire_date=past)
    RevokedToken.objects.create(jti="old", expires_at=past)
    Command.objects.create(user="u", instance="i", key="k", fingerprint="f", answer="{}", at=past)
    Untold.objects.create(
        session=session, kind="session.mentioned", by_user=ada.pk, data={"names": [], "body": "", "seq": 1}
    )
    User.objects.filter(pk=ada.pk).update(email="ada@example.com")
    again = Notification(user=ada, kind="k", title="Act", must_act=True, resend_at=past)
    mailed = Notification(user=ada, kind="k", title="Mail", mail_due=past)
    old = Notification(user=ada, kind="k", title="Old", created_at=past - timedelta(days=366))
    Notification.objects.bulk_create([again, mailed, old])
    requests_overdue(other, ada, past)
    Event.objects.update(at=past)
    Room.objects.filter(name=f"project:{session.project_id}").update(head=conf.log_retention_events + 1)


def requests_overdue(project: Project, by: User, past: datetime) -> None:
    """A request whose document changed, one to escalate and one whose last approver has gone; and an old link."""
    stays, goes = person("stays"), person("goes")
    for user in (stays, goes):
        services.project_member_set(project=project, user=user, role="participant", by=by)
    text = services.document_create(project=project.pk, title="T", strategy="merge", content="Hello", by=by)

    def ask(**given: Any) -> ApprovalAnswer:
        return approval_request(message=ApprovalRequest(project=project.pk, title="R", **given), by=by)

    ask(subject=Subject(document=text.pk))
    Approval.objects.update(content_hash="0" * 64)
    Document.objects.filter(pk=text.pk).update(edited_at=past)
    late = ask()
    Timer.objects.create(approval_id=late.id, kind="escalate", due_at=past)
    DecisionLink.objects.create(approval_id=late.id, user=stays, expires_at=past)
    both = ask(approvers=[str(stays.pk), str(goes.pk)], quorum="all")
    approval_decide(approval=UUID(both.id), decision="approve", content_hash=both.content_hash, by=stays)
    Membership.objects.filter(user=goes).delete()


def run_sweep() -> dict[str, int]:
    out = StringIO()
    call_command("sweep", stdout=out)
    return {name: int(count) for name, _, count in (line.partition(": ") for line in out.getvalue().splitlines())}


@pytest.mark.usefixtures("overdue")
def test_what_is_due_is_done_once_and_the_second_run_finds_nothing() -> None:
    assert run_sweep() == {
        "instances": 1,
        "log": 1,
        "commands": 1,
        "connections": 1,
        "tokens": 1,
        "page_sessions": 1,
        "notifications_resend": 1,
        "notifications_forget": 1,
        "mails": 1,
        "participants": 1,
        "idle_sessions": 1,
        "requests": 1,
        "untold": 1,
        "ended_sessions": 1,
        "edits": 1,
        "versions": 1,
        "guests": 1,
        "compaction": 1,
        "approval_rounds": 1,
        "approval_timers": 1,
        "approval_seats": 1,
        "decision_links": 1,
    }
    assert set(run_sweep().values()) == {0}


def test_each_sweep_runs_when_its_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def sweep(name: str, every: float, does: int) -> Sweep:
        return Sweep(name, every, lambda: ran.append(name) or does)

    monkeypatch.setattr(sweeps, "sweeps", [sweep("often", 1.0, 2), sweep("seldom", 60.0, 0)])
    assert sweeps.run_due(100.0) == {"often": 2}
    assert sweeps.run_due(100.5) == {}
    assert sweeps.run_due(101.0) == {"often": 2}
    assert sweeps.run_due(160.0) == {"often": 2}
    assert ran == ["often", "seldom", "often", "often", "seldom"]


def test_every_sweep_has_a_name_of_its_own() -> None:
    names = [sweep.name for sweep in sweeps.sweeps]
    assert len(names) == len(set(names))
    assert "participants" in names
