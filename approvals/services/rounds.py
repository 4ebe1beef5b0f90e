"""What happens to requests when the documents they follow change."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from approvals import selectors
from approvals.messages import ApprovalChanged, ApprovalInfo, ApprovalUpdated
from approvals.models import Approval, Vote
from approvals.services.acting import PENDING, SERVER, close, lock_approval, publish
from approvals.services.notices import Told, key_of, notice
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write
from collaboration.messages import DocumentContent

AT_ONCE = 100  # requests that one sweep looks at


def round_begin(approval: Approval, present: DocumentContent) -> list[Told]:
    """Notes that a request's document is not what was voted on; with votes on that, another round begins.

    Returns what to tell those whose votes count no more. The caller holds the document's lock, and saves.
    """
    voters = set(Vote.objects.filter(approval=approval, round=approval.round).values_list("voter", flat=True))
    if approval.changed_seq is None:
        approval.changed_seq = present.seq
    if not voters:
        return []
    approval.round += 1
    approval.stage = 0
    changed = notice(approval, "approval.changed", "Changed since you voted")
    return [(UUID(voter), changed) for voter in sorted(voters)]


def rounds_follow() -> int:
    """Has requests notice that their documents changed, or were deleted; returns how many did.

    Each in a transaction of its own that looks again: safe on several instances at once.
    """
    edited = Q(edited_at=None) | ~Q(edited_at=F("document__edited_at"))
    changed = Q(document__edited_at__isnull=False) & edited & ~Q(rules__on_change="keep")
    due = Approval.objects.filter(changed | Q(document__deleted_at__isnull=False), state=PENDING)
    return sum(_follow(pk) for pk in list(due.order_by("document__edited_at").values_list("pk", flat=True)[:AT_ONCE]))


def _follow(approval_id: UUID) -> bool:
    now = timezone.now()
    with write():
        try:
            approval = lock_approval(approval_id)
        except RealtimeError:  # it is gone with its project
            return False
        document, was = approval.document, key_of(approval)
        if approval.state != PENDING or document is None:
            return False
        if document.deleted_at is not None:
            [standing] = selectors.standings([approval], now)
            close(standing, Approval.State.CANCELLED, now, "The document was deleted.")
            publish(standing, SERVER, "cancelled", ApprovalChanged, was=was, action="cancel", details={})
            return True
        before = approval.changed_seq, approval.round
        if (present := selectors.drift(approval)) is None:
            approval.changed_seq, told = None, []
        else:
            told = round_begin(approval, present)
        approval.edited_at = document.edited_at
        approval.save(update_fields=["changed_seq", "edited_at", "round", "stage"])
        if (approval.changed_seq, approval.round) == before:
            return False
        [standing] = selectors.standings([approval], now)
        publish(
            standing,
            SERVER,
            "updated",
            _content,
            was=was,
            action="follow",
            details={"round": approval.round},
            told=told,
        )
        return True


def _content(info: ApprovalInfo) -> ApprovalUpdated:
    return ApprovalUpdated(info, "content", info.stale)
