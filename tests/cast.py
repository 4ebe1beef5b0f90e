"""Everybody there can be towards one session, and one of each thing that has an id."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction

from approvals.messages import ApprovalInfo, ApprovalRequest, Subject
from approvals.models import Approval
from approvals.models import Policy as StoredPolicy
from approvals.policy import Policy, Stage, Who
from approvals.services import approval_comment, approval_request, link_create, policy_create
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.models import Connection, Instance
from collaboration import roles, services
from collaboration.models import Document, DocumentVersion, Invitation, Participant, Project, Session
from tests.people import person

SHORT = {"anon": "anonymous", "strg": "stranger", "obsr": "observer", "part": "participant", "mod": "moderator"}
SHORT |= {"own": "owner", "staff": "staff", "guest": "guest"}
CALLERS = ("anonymous", "stranger", "observer", "participant", "moderator", "owner", "staff", "guest")


@dataclass
class Cast:
    """A session with an invitation, a document, and somebody (`target`) at its door; and another project's."""

    people: dict[str, User | None]
    project: Project
    session: Session
    invitation: Invitation
    secret: str
    target: User
    connection: Connection
    document: Document
    version: DocumentVersion
    foreign_project: Project
    foreign_session: Session
    foreign_invitation: Invitation
    foreign_document: Document
    foreign_version: DocumentVersion
    approval: ApprovalInfo
    foreign_approval: ApprovalInfo
    policy: StoredPolicy
    foreign_policy: StoredPolicy
    link: str
    comment: UUID

    def __getitem__(self, caller: str) -> User:
        user = self.people[caller]
        assert user is not None
        return user


def read(table: str) -> dict[str, dict[str, str]]:
    """A table's rows: the cell of each caller, by the words that begin the row."""
    head, *rows = table.strip().splitlines()
    callers = [SHORT[name] for name in head.split()]
    cells = [row.split() for row in rows]
    return {" ".join(row[: -len(callers)]): dict(zip(callers, row[-len(callers) :], strict=True)) for row in cells}


@pytest.fixture(scope="module")
def troupe(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """Everybody, called in once for a module whose tests all undo what they do; each takes a copy."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield cast()
        transaction.set_rollback(True)


def cast() -> Cast:
    """Calls them in."""
    people: dict[str, User | None] = {role: person(role) for role in roles.ROLES}
    owner, target = people["owner"], person("target")
    assert owner is not None
    project = services.project_create(name="Ours", by=owner)
    for role in roles.ROLES[1:]:
        user = people[role]
        assert user is not None
        services.project_member_set(project=project, user=user, role=role, by=owner)
    services.project_member_set(project=project, user=target, role="participant", by=owner)
    session = services.session_create(project=project, by=owner, settings={"allow_anonymous": True})
    invitation, secret = services.invitation_create(session=session.pk, by=owner)
    _, people["guest"], _ = services.invitation_accept(secret=secret, by=None, name="Gwen")
    Participant.objects.create(session=session, user=target, admission="waiting", asked_at=session.created_at)
    people["staff"] = person("staff", is_staff=True)
    people["staff"].user_permissions.add(Permission.objects.get(codename="change_connection"))
    stranger = people["stranger"] = person("stranger")
    theirs = services.project_create(name="Theirs", by=stranger)
    elsewhere = services.session_create(project=theirs, by=stranger)
    their_invitation, _ = services.invitation_create(session=elsewhere.pk, by=stranger)
    document = services.document_create(session=session.pk, title="Notes", content={"a": 1}, by=owner)
    their_document = services.document_create(session=elsewhere.pk, title="Theirs", by=stranger)
    approval = _asked(document, owner)
    commented = approval_comment(approval=UUID(approval.id), body="Why?", by=owner)
    assert commented.comment is not None
    instance = Instance.objects.create(host="h", pid=1, expires_at="2999-01-01T00:00Z")
    connection = Connection.objects.create(id=uuid.uuid4(), instance=instance, user=owner)
    moderator = User.objects.get(username="moderator")
    rules = Policy([Stage(Who(role="moderator"))])
    return Cast(
        {"anonymous": None, **people},
        project,
        session,
        invitation,
        secret,
        target,
        connection,
        document,
        services.version_create(document=document.pk, title="First", by=owner),
        theirs,
        elsewhere,
        their_invitation,
        their_document,
        services.version_create(document=their_document.pk, title="First", by=stranger),
        approval,
        _asked(their_document, stranger),
        policy_create(project=project.pk, name="Releases", rules=rules, by=owner),
        policy_create(project=theirs.pk, name="Releases", rules=rules, by=stranger),
        link_create(approval=Approval.objects.get(pk=approval.id), user=moderator).partition("#")[2],
        UUID(commented.comment.id),
    )


def _asked(document: Document, by: User) -> ApprovalInfo:
    """A request on which everybody who may write in a document has to decide."""
    policy = Policy([Stage(Who(role="participant"), need="all", exclude=[])])
    message = ApprovalRequest(document.project_id, "Ship it", subject=Subject(document.pk), policy=policy)
    return approval_request(message=message, by=by).approval
