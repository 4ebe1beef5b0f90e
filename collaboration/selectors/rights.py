"""By what roles many people act in many sessions and projects, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import NamedTuple

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.statements import among, among_ids, rows, uuid_text
from collaboration import roles
from collaboration.models import Participant

Admission = Participant.Admission
OUTSIDE = tuple(a.value for a in (Admission.WAITING, Admission.DENIED, Admission.REMOVED))


class Whose(NamedTuple):
    """A user in a session, or, without one, in a project; all by id."""

    project: str
    session: str | None
    user: str


def roles_in(people: Collection[Whose], lobbies: Container[str] = ()) -> dict[Whose, str | RealtimeError]:
    """The role of each, or why they have none: session.not_found, perm.denied or, in a lobby, session.join_pending."""
    is_user, of_users = among_ids("user_id", {whose.user for whose in people})
    # Two plain queries: one that joins sessions and members yields a row for every pair of them.
    in_project, of_projects = among_ids("project_id", {whose.project for whose in people})
    members = {
        (uuid_text(project), uuid_text(user)): role
        for project, user, role in rows(
            f"SELECT project_id, user_id, role FROM collaboration_membership WHERE {in_project} AND {is_user}",  # noqa: S608
            [of_projects, of_users],
        )
    }
    sessions = {whose.session for whose in people if whose.session}
    in_session, of_sessions = among_ids("session_id", sessions)
    in_lobby, of_lobbies = among_ids("session_id", [session for session in sessions if session in lobbies])
    outside, of_outside = among("admission", OUTSIDE)
    # Only those who are not simply what they are in the project: a row for everybody else would be many.
    places = {
        (uuid_text(session), uuid_text(user)): (role, admission)
        for session, user, role, admission in rows(
            "SELECT session_id, user_id, role, admission FROM collaboration_participant"  # noqa: S608 - our own words
            f" WHERE {in_session} AND {is_user} AND (role IS NOT NULL OR {outside} OR {in_lobby})",
            [of_sessions, of_users, of_outside, of_lobbies],
        )
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
