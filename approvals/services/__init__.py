"""Everything that changes requests for approval; one transaction each, with its events, notifications and audit.

`by`, `door` and `connection` are as in the services of collaboration.
"""

from approvals.services.decisions import approval_decide
from approvals.services.endings import approval_bypass, approval_cancel
from approvals.services.requests import approval_request
from approvals.services.rounds import rounds_follow

__all__ = [
    "approval_bypass",
    "approval_cancel",
    "approval_decide",
    "approval_request",
    "rounds_follow",
]
