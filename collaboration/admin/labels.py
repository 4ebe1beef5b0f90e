"""The colours of what is said about sessions and people, and the words for where somebody is."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from collaboration.models import Membership, Participant, Session

Admission = Participant.Admission
STATUSES = {Session.Status.ACTIVE: "success", Session.Status.PAUSED: "warning", Session.Status.ENDED: ""}
ROLES = {"owner": "primary", "moderator": "info", "participant": "success", "observer": "", "none": ""}
ADMISSIONS = {
    Admission.OPEN: "",
    Admission.WAITING: "warning",
    Admission.ADMITTED: "success",
    Admission.DENIED: "danger",
    Admission.REMOVED: "danger",
}
PRESENCES = {"present": "success", "away": "warning", "waiting": "info", "gone": ""}


def with_role(participants: QuerySet[Participant]) -> QuerySet[Any]:
    """Annotates the role that counts, a participant's own or the one in the project, as `effective_role`."""
    inherited = Membership.objects.filter(project=OuterRef("session__project"), user=OuterRef("user")).values("role")
    return participants.annotate(effective_role=Coalesce("role", Subquery(inherited)))


def presence_of(row: Participant) -> str:
    """Whether somebody is in the session, awaited within the grace period, before the door, or none of it."""
    if row.present:
        return "present" if row.away_since is None else "away"
    return "waiting" if row.admission == Admission.WAITING else "gone"
