"""What is said in sessions and to projects, on its way into the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.batch import Also, Guard, Submission, Verdicts
from bduf_realtime.rooms.events import Author, encode
from collaboration import roles
from collaboration.messages import BroadcastSent, MessageSend, MessageSent, ProjectBroadcast
from collaboration.models import Membership, Session
from collaboration.selectors.rights import Whose, roles_in
from collaboration.services.notices import mentions_note, names_in


def message_send(*, message: MessageSend, by: Author, joined: bool = True) -> Submission:
    """Makes a room message ready for the journal, which judges the sender's right in the committing transaction.

    A connection that has not `joined` may only resend what it sent before: it gets the first answer.
    """
    session = str(message.session)
    data = MessageSent(session, message.body, message.payload)
    return Submission(
        f"session:{session}",
        "collaboration:message:sent",
        encode(data),
        by,
        guard=Guard(writers_refused, (session, by.user)),
        unless_known=None if joined else RealtimeError("room.not_joined"),
        also=Also(mentions_note, (session, by, names, message.body)) if (names := names_in(message.body)) else None,
    )


def writers_refused(subjects: Sequence[Any]) -> Verdicts:
    """Judges at once who may write to which session; subjects are pairs of session and user id.

    It runs under the rooms' locks: a role that was lowered, a pause or an end that committed before is seen.
    """
    sessions = {
        str(session): (str(project), status)
        for session, project, status in Session.objects.filter(pk__in={session for session, _ in subjects}).values_list(
            "pk", "project", "status"
        )
    }
    people = {
        subject: Whose(sessions[subject[0]][0], subject[0], subject[1])
        for subject in subjects
        if subject[0] in sessions
    }
    found = roles_in(people.values())
    refused: Verdicts = {}
    for subject in subjects:
        try:
            if subject not in people:
                raise RealtimeError("session.not_found")
            role = found[people[subject]]
            if isinstance(role, RealtimeError):
                raise role
            status = sessions[subject[0]][1]
            if status == Session.Status.ENDED:
                raise RealtimeError("session.ended")
            roles.require(role, "write")
            if status == Session.Status.PAUSED:
                raise RealtimeError("session.paused")
        except RealtimeError as error:
            refused[subject] = error
    return refused


def project_broadcast(*, message: ProjectBroadcast, by: Author) -> Submission:
    """Makes a word to all of a project's members ready for the journal; it takes a moderator's right."""
    project = str(message.project)
    data = BroadcastSent(project, message.name, message.payload)
    guard = Guard(broadcasters_refused, (project, by.user))
    return Submission(f"project:{project}", "project:broadcast", encode(data), by, guard=guard)


def broadcasters_refused(subjects: Sequence[Any]) -> Verdicts:
    """Judges at once who may speak to which project; subjects are pairs of project and user id."""
    found = Membership.objects.filter(project__in={p for p, _ in subjects}, user__in={u for _, u in subjects})
    members = {(str(p), str(u)): role for p, u, role in found.values_list("project", "user", "role")}
    refused: Verdicts = {}
    for subject in subjects:
        role = members.get(subject)
        if role is None:
            refused[subject] = RealtimeError("room.not_found")
        elif "manage_participants" not in roles.PERMISSIONS[role]:
            refused[subject] = RealtimeError("perm.denied", details={"needs": "manage_participants"})
    return refused
