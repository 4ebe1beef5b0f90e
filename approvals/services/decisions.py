"""Deciding: one vote from one seat, on the content that the voter saw."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from approvals import selectors
from approvals.messages import ApprovalAnswer, ApprovalDecided
from approvals.models import Vote
from approvals.selectors import Standing
from approvals.services.acting import Acting, judge, lock_approval, publish, refuse_closed, role_of
from approvals.services.notices import key_of
from approvals.services.requests import pin
from approvals.services.rounds import round_begin
from approvals.states import Decision
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write

NAMED = 20


def approval_decide(
    *,
    approval: UUID,
    decision: Decision,
    content_hash: str,
    by: User,
    comment: str = "",
    door: str = "rest",
    connection: str = "",
) -> ApprovalAnswer:
    """Votes from the seat that is the user's, or was delegated to the user.

    Raises approval.not_found, approval.already_decided, approval.expired, approval.self_decision,
    approval.not_approver, approval.stale, doc.not_found, quota.exceeded.
    """
    now, acting = timezone.now(), Acting(by, door, connection)
    with write():
        found = lock_approval(approval)
        role_of(found, acting)
        refuse_closed(found, now)
        was, present = key_of(found), selectors.drift(found)
        told = round_begin(found, present) if present else []
        [standing] = selectors.standings([found], now)
        seat = _seat(standing, by, now)
        if found.document is not None and found.document.deleted_at is not None:
            raise RealtimeError("doc.not_found", "The document was deleted.")
        wanted, seq = (present.content_hash, present.seq) if present else (found.content_hash, found.seq)
        if content_hash != wanted:
            raise RealtimeError("approval.stale", details={"content_hash": wanted, "seq": seq})
        if present:
            pin(found)
        found.changed_seq = None
        found.save()
        names = {str(d.seat_id): d.seat.display_name for d in standing.delegations}
        vote = Vote.objects.create(
            approval=found,
            stage=found.stage,
            round=found.round,
            seat=seat,
            seat_name=names.get(seat, by.display_name),
            voter=str(by.pk),
            voter_name=by.display_name,
            decision=decision,
            comment=comment,
            content_hash=found.content_hash,
            version=found.version,
            door=door,
            at=now,
        )
        standing = judge(found, now)
        shown = selectors.vote_info(standing, vote)
        details = {"decision": vote.decision, "content_hash": vote.content_hash, "round": vote.round}
        details |= {"stage": vote.stage} | ({"seat": seat} if seat != vote.voter else {})
        return publish(
            standing,
            acting,
            "decided",
            lambda info: ApprovalDecided(info, shown),
            was=was,
            action="decide",
            details=details,
            told=[(user, notice) for user, notice in told if user != by.pk],
            done=[by.pk, UUID(seat)],
            vote=shown,
        )


def _seat(standing: Standing, by: User, now: datetime) -> str:
    """The seat somebody may decide from; raises approval.self_decision, .not_approver or .already_decided."""
    approval, user = standing.approval, str(by.pk)
    stage = standing.policy.stages[approval.stage]
    certifies = by.kind == User.Kind.HUMAN and not by.is_guest
    if certifies and (reason := selectors.excluded(approval, stage).get(user)):
        raise RealtimeError("approval.self_decision", details={"reason": reason})
    seat = standing.seat_of(user, now) if certifies else None
    if seat is None:
        [info] = selectors.approval_infos([standing])
        asked = [person.name for person in info.stages[approval.stage].waiting]
        raise RealtimeError(
            "approval.not_approver", details={"stage": approval.stage, "name": stage.name, "waiting": asked}
        )
    if standing.voted(seat) or standing.voted(user):
        raise RealtimeError("approval.already_decided", "You have decided.", details={"state": approval.state})
    return seat
