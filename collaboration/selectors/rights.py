"""By what roles many people act in many sessions and projects, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from bduf_realtime.gateway.errors import RealtimeError
from collaboration import roles
from collaboration.models import Membership, Participant

Admission = Participant.Admission
OUTSIDE = (Admission.WAITING, Admission.DENIED, Admission.REMOVED)


class Whose(NamedTuple):
    """A user in a session, or, without one, in a project; all by id."""

    project: str
    session: str | None
    user: str


def roles_in(people: Collection[Whose], lobbies: Container[str] = ()) -> dict[Whose, str | RealtimeError]:
    """The role of each, or why they have none: session.not_found, perm.denied or, in a lobby, session.join_pending."""
    users = {UUID(whose.user) for whose in people}
    # Two plain queries: one that joins sessions and members yields a row for every pair of them.
    members = {
        (str(project), str(user)): role
        for project, user, role in Membership.objects.filter(
            project__in={whose.project for whose in people}, user__in=users
        ).values_list("project", "user", "role")
    }
    sessions = {UUID(whose.session) for whose in people if whose.session}
    # Only those who are not simply what they are in the project: a row for everybody else would be many.
    special = (
        Q(role__isnull=False) | Q(admission__in=OUTSIDE) | Q(session__in=[s for s in sessions if str(s) in lobbies])
    )
    places = {
        (str(session), str(user)): (role, admission)
        for session, user, role, admission in Participant.objects.filter(
            special, session__in=sessions, user__in=users
        ).values_list("session", "user", "role", "admission")
    }
    found: dict[Whose, str | RealtimeError] = {}
    for whose in people:
        own, admission = places.get((whose.session or "", whose.user), (None, Admission.OPEN))
        role = own or members.get((whose.project, whose.user))
        try:
            found[whose] = roles.admitted(role, admission, lobby=whose.session is not None and whose.session in lobbies)
        except RealtimeError as error:
            found[whose] = error
    return found
