"""Having somebody else decide in one's place."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn
from uuid import UUID

from django.utils import timezone

from approvals import selectors
from approvals.messages import ApprovalAnswer, ApprovalInfo, ApprovalUpdated
from approvals.models import Delegation
from approvals.selectors import Standing
from approvals.services.acting import Acting, lock_approval, publish, refuse_closed, role_of
from approvals.services.notices import Told, key_of, notice
from approvals.services.rules import users_named
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import read_moment
from bduf_realtime.rooms.transactions import write


def approval_delegate(
    *,
    approval: UUID,
    to: str,
    by: User,
    until: datetime | None = None,
    door: str = "rest",
    connection: str = "",
) -> ApprovalAnswer:
    """Has somebody decide in the user's place in every stage where that is one of those asked; again replaces it.

    To oneself takes it back. Raises approval.not_found, approval.already_decided, approval.expired,
    approval.not_approver, msg.bad_value.
    """
    now, acting = timezone.now(), Acting(by, door, connection)
    with write():
        found = lock_approval(approval)
        role_of(found, acting)
        refuse_closed(found, now)
        [standing] = selectors.standings([found], now)
        delegate = users_named([to]).get(to, "")
        before = [d.to_id for d in standing.delegations if d.seat_id == by.pk]
        _refuse(standing, by, delegate, until, now)
        Delegation.objects.filter(approval=found, seat=by).delete()
        told: list[Told] = []
        if delegate != str(by.pk):
            Delegation.objects.create(approval=found, seat=by, to_id=delegate, until=until)
        [standing] = selectors.standings([found], now)
        if delegate != str(by.pk) and standing.asks(delegate, now):
            told = [(UUID(delegate), notice(found, "approval.delegated", f"{by.display_name} has you decide"))]
        return publish(
            standing,
            acting,
            "updated",
            _delegated,
            was=key_of(found),
            action="delegate",
            details={"to": delegate, "until": until.isoformat() if until else None},
            told=told,
            done=[user for user in before if str(user) != delegate],
        )


def _refuse(standing: Standing, by: User, delegate: str, until: datetime | None, now: datetime) -> None:
    """Raises what keeps somebody from deciding in a user's place, if anything does."""
    seat = str(by.pk)
    stages = [number for number, sitting in enumerate(standing.seats) if seat in sitting]
    if not stages:
        raise RealtimeError("approval.not_approver", details={"stage": standing.approval.stage})
    if (until := read_moment(until, "until")) is not None and until <= now:
        _wrong("until", "That moment is over.")
    if delegate == seat:
        return
    if delegate not in standing.people.certifying:
        _wrong("to", "There is no such person here who may decide.")
    for number in stages:
        if reason := selectors.excluded(standing.approval, standing.policy.stages[number]).get(delegate):
            _wrong("to", f"Nobody decides on what they asked for or wrote ({reason.replace('_', ' ')}).")
        if delegate in standing.seats[number]:
            _wrong("to", "They are asked themselves.")
    if any(str(d.to_id) == delegate and d.seat_id != by.pk for d in standing.delegations):
        _wrong("to", "They decide in somebody else's place.")


def _delegated(info: ApprovalInfo) -> ApprovalUpdated:
    return ApprovalUpdated(info, "delegated", info.stale)


def _wrong(field: str, message: str) -> NoReturn:
    raise RealtimeError("msg.bad_value", message, details={"field": field})
