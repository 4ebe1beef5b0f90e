"""Everything that reads requests for approval, and policies."""

from approvals.selectors.policies import (
    members_certifying,
    policies_for,
    policy_for,
    policy_infos,
    policy_newest,
    policy_told,
    policy_versions,
    version_infos,
)
from approvals.selectors.requests import (
    approval_detail,
    approval_for,
    approval_infos,
    approval_known,
    approvals_for,
    approvals_to_decide,
    comment_info,
    drift,
    vote_info,
)
from approvals.selectors.seats import (
    People,
    Place,
    Seating,
    asked,
    excluded,
    follows,
    groups_named,
    people_at,
    place_of,
)
from approvals.selectors.sheets import approval_sheet, sheet_of
from approvals.selectors.standing import Standing, standings

__all__ = [
    "People",
    "Place",
    "Seating",
    "Standing",
    "approval_detail",
    "approval_for",
    "approval_infos",
    "approval_known",
    "approval_sheet",
    "approvals_for",
    "approvals_to_decide",
    "asked",
    "comment_info",
    "drift",
    "excluded",
    "follows",
    "groups_named",
    "members_certifying",
    "people_at",
    "place_of",
    "policies_for",
    "policy_for",
    "policy_infos",
    "policy_newest",
    "policy_told",
    "policy_versions",
    "sheet_of",
    "standings",
    "version_infos",
    "vote_info",
]
