"""Everything that reads requests for approval."""

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
    "approvals_for",
    "approvals_to_decide",
    "asked",
    "comment_info",
    "drift",
    "excluded",
    "follows",
    "groups_named",
    "people_at",
    "place_of",
    "standings",
    "vote_info",
]
