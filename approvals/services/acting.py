"""What every change of a request begins and ends with: its locks and rights, what follows from it, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from approvals import metrics, selectors
from approvals.messages import ApprovalAnswer, ApprovalInfo, CommentInfo, VoteInfo
from approvals.models import Approval, Timer
from approvals.selectors import Standing
from approvals.services import notices
from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import audit_record
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration import roles
from collaboration import selectors as collaboration
from collaboration.services import actor_of, author_of
from collaboration.services.acting import ADMIN

PENDING = Approval.State.PENDING
DECIDED = (Approval.State.APPROVED, Approval.State.REJECTED, Approval.State.CHANGES_REQUESTED)

MANY = 20  # own rooms, over which each is told of a change in brief


class Acting(msgspec.Struct, frozen=True):
    """Who acts, the server for None, and through which door."""

    by: User | None
    door: str = "rest"
    connection: str = ""


SERVER = Acting(None, "system")


def lock_approval(approval: UUID) -> Approval:
    """Locks what a request is about and in, in the order everybody does, and reads it; raises approval.not_found."""
    where = Approval.objects.filter(pk=approval).values_list("document", "project", "session").first()
    if where is None:
        raise RealtimeError("approval.not_found")
    try:
        for kind, key in zip(("document", "project", "session"), where, strict=True):
            if key is not None:
                log.lock(f"{kind}:{key}")
    except NoSuchRoom as error:
        raise RealtimeError("approval.not_found") from error
    return selectors.approval_known(approval)


def role_of(approval: Approval, acting: Acting) -> str:
    """The role by which somebody may read a request, an operator in the admin as an owner.

    Raises approval.not_found, perm.denied, session.join_pending.
    """
    if acting.door == ADMIN:
        return roles.OWNER
    assert acting.by is not None  # noqa: S101 - the server needs no right
    return collaboration.role_within(approval.project_id, approval.session, acting.by.pk, "approval.not_found")


def refuse_closed(approval: Approval, now: datetime) -> None:
    """Raises approval.already_decided or approval.expired, also where its time is up and nobody has noticed yet."""
    if approval.state == Approval.State.EXPIRED or (
        approval.state == PENDING and approval.expires_at is not None and now >= approval.expires_at
    ):
        raise RealtimeError("approval.expired", details={"state": approval.state})
    if approval.state != PENDING:
        raise RealtimeError("approval.already_decided", details={"state": approval.state})


def close(standing: Standing, state: str, now: datetime, reason: str = "") -> None:
    """Ends a request, with how far its stages were."""
    approval = standing.approval
    approval.state, approval.closed_at, approval.reason = state, now, reason
    approval.stages = msgspec.to_builtins(standing.outcome.stages)
    approval.save(update_fields=["state", "closed_at", "reason", "stages"])
    Timer.objects.filter(approval=approval, done_at=None).update(done_at=now)
    transaction.on_commit(lambda: _count_closed(approval))


def _count_closed(approval: Approval) -> None:
    metrics.closed.labels(approval.state).inc()
    if approval.state in DECIDED and approval.closed_at is not None:
        metrics.decision_seconds.observe((approval.closed_at - approval.created_at).total_seconds())


def judge(approval: Approval, now: datetime) -> Standing:
    """Sees how a request stands, and saves what follows: its end by votes, or the stage it has come to.

    Where its document is not what was voted on any more, nothing does: the votes are about to be dismissed. What
    follows from the clock is left to the timers.
    """
    [standing] = selectors.standings([approval], now)
    state, stage = standing.outcome.state, standing.outcome.stage
    if approval.state != PENDING or selectors.drift(approval) is not None:
        return standing
    if stage != approval.stage:
        approval.stage = stage
        approval.save(update_fields=["stage"])
        [standing] = selectors.standings([approval], now)  # whom it was escalated to is asked in this stage, too
        state = standing.outcome.state
    if state in DECIDED and (approval.expires_at is None or now < approval.expires_at):
        close(standing, state, now)
    return standing


def publish(
    standing: Standing,
    acting: Acting,
    event: str,
    data: Callable[[ApprovalInfo], msgspec.Struct],
    *,
    was: str,
    action: str,
    details: dict[str, Any],
    told: Iterable[notices.Told] = (),
    done: Iterable[UUID] = (),
    vote: VoteInfo | None = None,
    comment: CommentInfo | None = None,
) -> ApprovalAnswer:
    """Tells rooms and users what a request is now, and puts the change on record.

    `was` is the key of its notices before, `told` what some users are told beside, `done` who have nothing to do any
    more although it goes on.
    """
    approval = standing.approval
    [info] = selectors.approval_infos([standing])
    author = author_of(acting.by, acting.connection)
    news = notices.news(standing, was, timezone.now(), acting.by, told, done)
    concerned = notices.concerned(standing)
    news.lock(concerned)
    whole = data(info)
    said = {f"project:{approval.project_id}": whole if standing.people.everybody else selectors.glimpse(whole)}
    said |= {f"session:{approval.session_id}": whole} if approval.session_id else {}
    own = whole if len(concerned) <= MANY else selectors.brief(whole)
    said |= dict.fromkeys((f"user:{user}" for user in sorted(concerned)), own)
    log.append_many([log.News(room, f"approval:{event}", what) for room, what in said.items()], by=author)
    news.tell(author)
    audit_record(
        project=approval.project_id,
        action=f"approval:{action}",
        actor=actor_of(acting.by),
        target=f"approval:{approval.pk}",
        details={"state": approval.state, **details},
        door=acting.door,
    )
    return ApprovalAnswer(info.id, info.state, info.content_hash, info, vote, comment)
