"""How requests end without votes: taken back by who made them, or gone without."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from approvals import selectors
from approvals.messages import MAX_REASON, ApprovalAnswer, ApprovalChanged, ApprovalInfo, ApprovalUpdated
from approvals.models import Approval
from approvals.services.acting import Acting, close, lock_approval, publish, refuse_closed, role_of
from approvals.services.notices import key_of
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write
from collaboration import roles
from collaboration.services.acting import ADMIN, because
from collaboration.text import plain_name


def approval_cancel(
    *, approval: UUID, by: User, reason: str = "", door: str = "rest", connection: str = ""
) -> ApprovalAnswer:
    """Takes a request back; for who made it, moderators and owners.

    Raises approval.not_found, perm.denied, msg.bad_value, approval.already_decided, approval.expired.
    """
    now, acting = timezone.now(), Acting(by, door, connection)
    reason = plain_name(reason, "reason", MAX_REASON)
    with write():
        found = lock_approval(approval)
        role = role_of(found, acting)
        if found.requester != str(by.pk):
            roles.require(role, "manage_participants")
        refuse_closed(found, now)
        was = key_of(found)
        [standing] = selectors.standings([found], now)
        close(standing, Approval.State.CANCELLED, now, reason)
        details = because(reason)
        return publish(standing, acting, "cancelled", ApprovalChanged, was=was, action="cancel", details=details)


def approval_bypass(
    *, approval: UUID, reason: str, by: User, door: str = "rest", connection: str = ""
) -> ApprovalAnswer:
    """Goes without the approvals that are missing; for people of a role that the policy names, who say why.

    Raises approval.not_found, perm.denied, msg.bad_value, approval.already_decided, approval.expired.
    """
    now, acting = timezone.now(), Acting(by, door, connection)
    with write():
        found = lock_approval(approval)
        role_of(found, acting)
        [standing] = selectors.standings([found], now)
        role, allowed = standing.people.roles.get(str(by.pk)), standing.policy.bypass
        if door != ADMIN and (role not in allowed or str(by.pk) not in standing.people.certifying):
            raise RealtimeError("perm.denied", details={"role": role, "needs": list(allowed)})
        reason = plain_name(reason, "reason", MAX_REASON)
        if not reason:
            raise RealtimeError("msg.bad_value", "Say why.", details={"field": "reason"})
        refuse_closed(found, now)
        was = key_of(found)
        close(standing, Approval.State.BYPASSED, now, reason)
        return publish(standing, acting, "updated", _bypassed, was=was, action="bypass", details={"reason": reason})


def _bypassed(info: ApprovalInfo) -> ApprovalUpdated:
    return ApprovalUpdated(info, "bypassed", info.stale)
