"""Everything that changes requests for approval and policies.

One transaction each, with its events, notifications and audit.

`by`, `door` and `connection` are as in the services of collaboration.
"""

from approvals.services.conversations import approval_comment, approval_resolve
from approvals.services.decisions import approval_decide
from approvals.services.delegations import approval_delegate
from approvals.services.endings import approval_bypass, approval_cancel
from approvals.services.links import link_create, link_decide, link_mailed, link_read, links_forget
from approvals.services.policies import policy_archive, policy_change, policy_create
from approvals.services.requests import approval_request
from approvals.services.rounds import rounds_follow
from approvals.services.timers import approvals_count, seats_follow, timers_fire

__all__ = [
    "approval_bypass",
    "approval_cancel",
    "approval_comment",
    "approval_decide",
    "approval_delegate",
    "approval_request",
    "approval_resolve",
    "approvals_count",
    "link_create",
    "link_decide",
    "link_mailed",
    "link_read",
    "links_forget",
    "policy_archive",
    "policy_change",
    "policy_create",
    "rounds_follow",
    "seats_follow",
    "timers_fire",
]
