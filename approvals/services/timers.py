"""What the clock does to requests: reminds, escalates, ends them; and notices where nobody is left to wait for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils import timezone

from approvals import metrics, selectors
from approvals.messages import ApprovalChanged, ApprovalInfo, ApprovalUpdated
from approvals.models import Approval, Timer, Vote
from approvals.selectors import Standing
from approvals.services.acting import DECIDED, PENDING, SERVER, close, judge, lock_approval, publish
from approvals.services.notices import Told, key_of, notice
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write

AT_ONCE = 100  # timers, or requests, that one sweep looks at


def timers_fire() -> int:
    """Does what is due on requests that are still open; returns how much.

    Each in a transaction of its own that looks again under the project's lock: once, on however many instances.
    """
    due = Timer.objects.filter(done_at=None, due_at__lte=timezone.now()).order_by("due_at", "pk")
    return sum(_fire(pk, approval) for pk, approval in list(due.values_list("pk", "approval")[:AT_ONCE]))


def _fire(timer_id: int, approval_id: UUID) -> bool:
    now = timezone.now()
    with write():
        try:
            approval = lock_approval(approval_id)
        except RealtimeError:  # it is gone with its project
            return False
        timer = Timer.objects.filter(pk=timer_id, done_at=None, due_at__lte=now).first()
        if timer is None or approval.state != PENDING:
            return False
        timer.done_at = now
        timer.save(update_fields=["done_at"])
        [standing] = selectors.standings([approval], now)
        DUE[Timer.Kind(timer.kind)](standing, timer, now)
        return True


def _remind(standing: Standing, timer: Timer, now: datetime) -> None:
    approval = standing.approval
    again = now + timedelta(seconds=standing.policy.remind_after or 0)
    Timer.objects.filter(pk=timer.pk).update(done_at=None, due_at=again)
    waiting = notice(approval, "approval.reminded", f"{approval.requester_name} still waits for your approval")
    told = [(UUID(user), waiting) for user in sorted(standing.waiting(now))]
    _tell(standing, "reminded", told)


def _escalate(standing: Standing, timer: Timer, now: datetime) -> None:
    approval = standing.approval
    before = standing.waiting(now)
    approval.escalated_at = now
    approval.save(update_fields=["escalated_at"])
    [standing] = selectors.standings([approval], now)
    falls = notice(approval, "approval.escalated", "Overdue, and up to you now")
    told = [(UUID(user), falls) for user in sorted(standing.waiting(now) - before)]
    _tell(standing, "escalated", told)


def _expire(standing: Standing, timer: Timer, now: datetime) -> None:
    state = Approval.State.REJECTED if standing.policy.on_expiry == "reject" else Approval.State.EXPIRED
    close(standing, state, now)
    _tell(standing, "expired", [])


DUE: dict[Timer.Kind, Callable[[Standing, Timer, datetime], None]] = {
    Timer.Kind.REMIND: _remind,
    Timer.Kind.ESCALATE: _escalate,
    Timer.Kind.EXPIRE: _expire,
}


def _tell(standing: Standing, event: str, told: list[Told]) -> None:
    was = key_of(standing.approval)
    publish(standing, SERVER, event, ApprovalChanged, was=was, action=event, details={}, told=told)


def approvals_count() -> int:
    """Shows in the metrics how many requests are still to be decided."""
    metrics.open_.set(Approval.objects.filter(state=PENDING).count())
    return 0


def seats_follow() -> int:
    """Has requests notice that those who were still to decide are gone, or may not any more; returns how many did.

    Only those on which somebody has voted: without that nobody's going decides anything.
    """
    now = timezone.now()
    votes = Vote.objects.filter(approval=OuterRef("pk"), round=OuterRef("round"))
    voted = Approval.objects.filter(Exists(votes), state=PENDING).defer("description", "payload")
    found = selectors.standings(list(voted.select_related("session", "document")), now)
    done = [s for s in found if s.outcome.state in DECIDED or s.outcome.stage != s.approval.stage]
    return sum(_follow(standing.approval.pk, now) for standing in done[:AT_ONCE])


def _follow(approval_id: UUID, now: datetime) -> bool:
    with write():
        try:
            approval = lock_approval(approval_id)
        except RealtimeError:
            return False
        if approval.state != PENDING:
            return False
        was, before = key_of(approval), approval.stage
        standing = judge(approval, now)
        if approval.state == PENDING and approval.stage == before:
            return False
        publish(standing, SERVER, "updated", _seats, was=was, action="follow", details={"stage": approval.stage})
        return True


def _seats(info: ApprovalInfo) -> ApprovalUpdated:
    return ApprovalUpdated(info, "seats", info.stale)
