"""Asking for approval: of what, and of whom."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from approvals import metrics, selectors
from approvals.messages import ApprovalAnswer, ApprovalChanged, ApprovalRequest
from approvals.models import Approval, PolicyVersion, Timer
from approvals.policy import DEFAULT, Policy, Stage, Who, needed
from approvals.selectors import People
from approvals.services.acting import PENDING, Acting, publish
from approvals.services.rules import rules_checked
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import read_moment
from bduf_realtime.rooms.transactions import write
from collaboration import selectors as collaboration
from collaboration import services
from collaboration.models import Document, Session
from collaboration.roles import OWNER
from collaboration.services.documents import lock_document, refuse_read_only, writable_project, writable_session
from collaboration.text import plain_name

A_DAY = timedelta(days=1)


def approval_request(*, message: ApprovalRequest, by: User, door: str = "rest", connection: str = "") -> ApprovalAnswer:
    """Asks for approval of a document, or of what the request itself says.

    Raises room.not_found, session.not_found, session.join_pending, session.paused, session.ended, doc.not_found,
    doc.read_only, perm.denied, msg.bad_value, quota.exceeded.
    """
    now = timezone.now()
    title = plain_name(message.title, "title")
    if message.payload is not None and len(msgspec.json.encode(message.payload)) > conf.payload_bytes:
        raise _wrong("payload", f"A payload has up to {conf.payload_bytes} bytes.", limit=conf.payload_bytes)
    if (due_at := read_moment(message.due_at, "due_at")) is not None and due_at <= now:
        raise _wrong("due_at", "That moment is over.")
    with write():
        document, session = _where(message, by, door)
        project = message.project
        _refuse_many(project, now)
        place = selectors.place_of(project, session)
        policy, stored = _policy(message, selectors.people_at([place])[place], by)
        approval = Approval(
            project_id=project,
            session=session,
            document=document,
            title=title,
            description=message.description,
            payload=message.payload,
            requested_by=by,
            requester=str(by.pk),
            requester_name=by.display_name,
            policy_version=stored,
            rules=msgspec.to_builtins(policy),
            created_at=now,
            expires_at=_earliest(due_at, _after(now, policy.expires_after)),
        )
        pin(approval, message.subject.version if message.subject else None)
        approval.save()
        transaction.on_commit(metrics.requested.inc)
        moments = {
            Timer.Kind.REMIND: _after(now, policy.remind_after),
            Timer.Kind.ESCALATE: _after(now, policy.escalate_after) if policy.escalate_to else None,
            Timer.Kind.EXPIRE: approval.expires_at,
        }
        Timer.objects.bulk_create(
            Timer(approval=approval, kind=kind, due_at=due_at) for kind, due_at in moments.items() if due_at
        )
        [standing] = selectors.standings([approval], now)
        _refuse_unreachable(policy, standing.seats, "policy" if message.approvers is None else "approvers")
        details = {"title": title, "content_hash": approval.content_hash, "round": approval.round}
        if document is not None:
            details |= {"document": str(document.pk), "version": str(approval.version_id), "seq": approval.seq}
        return publish(
            standing,
            Acting(by, door, connection),
            "requested",
            ApprovalChanged,
            was="",
            action="request",
            details=details,
        )


def pin(approval: Approval, version: UUID | None = None) -> None:
    """Has a request be about what is in its document now, or was in a version; or about what it says itself."""
    document = approval.document
    if document is None:
        said = {"title": approval.title, "description": approval.description, "payload": approval.payload}
        approval.content_hash = hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()
        return
    approval.seq = collaboration.position_of(document.pk).head
    kept = approval.version = services.version_pin(document=document, version=version)
    approval.content_hash = kept.content_hash
    present = document.edited_by or str(document.created_by_id or "")
    approval.editor = collaboration.version_editor(kept) if version else present
    approval.edited_at, approval.changed_seq = document.edited_at, None


def _where(message: ApprovalRequest, by: User, door: str) -> tuple[Document | None, Session | None]:
    """Locks what a request is about and in, where its author may write in all of that."""
    if message.subject is None:
        if message.session is None:
            writable_project(message.project, by)
            return None, None
        return None, _session(message, by, door)
    found, role = lock_document(message.subject.document, by)
    if found.project_id != message.project:
        raise RealtimeError("doc.not_found")
    refuse_read_only(found, role)
    if message.session not in (None, found.session_id):
        # Not the project's either: guests in a session would read its title, and what is asked about it.
        whose = "another session's" if found.session_id else "the project's, and not for everybody in a session"
        raise _wrong("session", f"The document is {whose}: ask without a session.")
    return found, found.session


def _session(message: ApprovalRequest, by: User, door: str) -> Session:
    assert message.session is not None  # noqa: S101 - the callers looked
    found = writable_session(message.session, by, door)
    if found.project_id != message.project:
        raise RealtimeError("session.not_found")
    return found


def _refuse_many(project: UUID, now: datetime) -> None:
    """Raises quota.exceeded where too much waits already, or was asked lately: requests stay, taken back or not."""
    of_project = Approval.objects.filter(project=project)
    if of_project.filter(state=PENDING).count() >= conf.max_open_approvals:
        text = f"A project may have {conf.max_open_approvals} open requests: decide some, or take them back."
        raise RealtimeError("quota.exceeded", text)
    if of_project.filter(created_at__gt=now - A_DAY).count() >= conf.max_approvals_per_day:
        text = f"A project may make {conf.max_approvals_per_day} requests in 24 hours: ask again later."
        raise RealtimeError("quota.exceeded", text)


# --- by what policy ----------------------------------------------------------------------------------------------


def _policy(message: ApprovalRequest, people: People, by: User) -> tuple[Policy, PolicyVersion | None]:
    """What a request asks for, users turned into ids, and the stored policy that says so.

    Raises msg.bad_value, perm.denied.
    """
    given = message.policy
    if message.approvers is not None:
        if given is not None:
            raise _wrong("policy", "A request names a policy or approvers.")
        stage = Stage(Who(users=message.approvers), need=message.quorum or 1)
        try:
            return rules_checked(Policy([stage]), certifying=people.certifying), None
        except RealtimeError as error:
            error.details["field"] = "approvers"
            raise
    if message.quorum is not None:
        raise _wrong("quorum", "A quorum is one of approvers.")
    if isinstance(given, Policy):
        _refuse_favours(given, people.roles.get(str(by.pk)))
        return rules_checked(given, certifying=people.certifying, field="policy"), None
    versions = PolicyVersion.objects.filter(policy__project=message.project, policy__archived_at=None)
    named = versions.filter(policy=given) if given else versions.filter(policy__is_default=True)
    stored = named.select_related("policy").order_by("-number").first()
    if stored is not None:
        return msgspec.convert(stored.rules, Policy), stored  # whoever has gone since has no seat
    if given is not None:
        raise _wrong("policy", "The project has no such policy.")
    return DEFAULT, None


def _refuse_favours(given: Policy, role: str | None) -> None:
    """Raises perm.denied where a policy has who asks decide or do without, and is not by one who sets policies up."""
    favours = {f"policy.stages[{n}].exclude": "requester" not in s.exclude for n, s in enumerate(given.stages)}
    favours["policy.bypass"] = not set(given.bypass) <= set(DEFAULT.bypass)
    field = next((field for field, favour in favours.items() if favour), None)
    if field and role != OWNER:
        text = "Only an owner of the project may have who asks decide, or others than owners do without."
        raise RealtimeError("perm.denied", text, details={"field": field, "role": role, "needs": "manage_settings"})


def _refuse_unreachable(policy: Policy, seats: list[frozenset[str]], field: str) -> None:
    """Raises msg.bad_value where the people a stage names do not suffice; those of a role or a group may yet come."""
    for number, (stage, sitting) in enumerate(zip(policy.stages, seats, strict=True)):
        need = needed(stage.need, len(sitting))
        if len(sitting) < need and stage.who.role is None and stage.who.group is None:
            text = f"It needs {need}, and only {len(sitting)} can decide."
            raise _wrong(field, text, stage=number, needs=need, can_decide=len(sitting))


def _after(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _wrong(field: str, message: str, **details: Any) -> RealtimeError:
    return RealtimeError("msg.bad_value", message, details={"field": field, **details})
