"""Who takes part in a session, and as what: letting in, turning away, removing, and changing roles."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.messages import ParticipantInfo, ParticipantRemoved, ParticipantUpdated
from collaboration.models import Participant, Session
from collaboration.services.acting import (
    author_of,
    because,
    lock_session,
    note_if_idle,
    record,
    refuse_ended,
    require,
    tell,
    tell_user,
)
from collaboration.services.notices import admitted_notify, requests_settle

Admission = Participant.Admission


def participant_admit(
    *, session: UUID, user: UUID, by: User, door: str = "rest", connection: str = "", reason: str = ""
) -> ParticipantInfo:
    """Lets somebody in who waits, or who was turned away or removed.

    Raises session.not_found, perm.denied, session.ended, participant.not_found.
    """
    with write():
        found, participant = _managed(session, user, by, door)
        if participant.admission != Admission.ADMITTED:
            requests_settle(participants=[participant])
            _admit(found, participant, author_of(by, connection))
            _record(found, "admit", participant, by, door, reason)
        return _info(participant)


def participant_deny(
    *, session: UUID, user: UUID, by: User, door: str = "rest", connection: str = "", reason: str = ""
) -> ParticipantInfo:
    """Turns somebody away who waits to be let in.

    Raises session.not_found, perm.denied, session.ended, participant.not_found.
    """
    with write():
        found, participant = _managed(session, user, by, door)
        if participant.admission not in (Admission.WAITING, Admission.DENIED):
            raise RealtimeError("participant.not_found", "That user does not wait to be let in.")
        if participant.admission == Admission.WAITING:
            _take_out(found, participant, Admission.DENIED, author_of(by, connection))
            _record(found, "deny", participant, by, door, reason)
        return _info(participant)


def participant_remove(
    *, session: UUID, user: UUID, by: User, door: str = "rest", connection: str = "", reason: str = ""
) -> ParticipantInfo:
    """Shows somebody out of a session, who may not come back until admitted again.

    Raises session.not_found, perm.denied, session.ended, participant.not_found, session.last_owner.
    """
    with write():
        found, participant = _managed(session, user, by, door)
        if participant.admission != Admission.REMOVED:
            _refuse_last_owner(found, participant)
            if participant.role == roles.OWNER:
                participant.role = None if selectors.project_role(found.project_id, user) else roles.PARTICIPANT
            _take_out(found, participant, Admission.REMOVED, author_of(by, connection))
            _record(found, "remove", participant, by, door, reason)
        return _info(participant)


def participant_role(
    *, session: UUID, user: UUID, role: str, by: User, door: str = "rest", connection: str = "", reason: str = ""
) -> ParticipantInfo:
    """Gives somebody another role in a session. Only an owner makes owners or unmakes them, and one is always left.

    Raises session.not_found, perm.denied, session.ended, participant.not_found, session.last_owner, msg.bad_value.
    """
    with write():
        found, participant = _managed(session, user, by, door, role)
        if participant.admission == Admission.REMOVED:
            raise RealtimeError("participant.not_found")
        if participant.user.is_guest and role in (roles.OWNER, roles.MODERATOR):
            raise RealtimeError("msg.bad_value", "A guest is a participant or an observer.", details={"field": "role"})
        if participant.role == role or (participant.role is None and _role(participant) == role):
            return _info(participant)
        before = _role(participant)
        if role != roles.OWNER:
            _refuse_last_owner(found, participant)
        participant.role = role
        participant.save(update_fields=["role"])
        tell_updated(found, participant, author_of(by, connection))
        _record(found, "role", participant, by, door, reason, {"role": role, "before": before})
        return _info(participant)


def waiting_admit(*, session: Session, by: Author) -> None:
    """Lets in all who wait, for there is no waiting any more; within the caller's transaction."""
    waiting = list(_places(session).filter(admission=Admission.WAITING))
    requests_settle(participants=waiting)
    for participant in waiting:
        _admit(session, participant, by)


def remove_guests(*, session: Session, by: Author) -> None:
    """Shows all guests out, for there are to be none any more; within the caller's transaction."""
    guests = list(_places(session).filter(user__is_guest=True).exclude(admission=Admission.REMOVED))
    requests_settle(participants=guests)
    for participant in guests:
        _take_out(session, participant, Admission.REMOVED, by)


def keep_owned(*, session: Session, by: Author) -> None:
    """Gives a session that has lost its last owner to the project's owners; within the caller's transaction.

    The project always has one. They were not owners here because somebody had given them another role.
    """
    if selectors.session_owners(session):
        return
    owners = list(selectors.project_owners(session.project_id))
    for participant in _places(session).filter(user__in=owners):
        participant.role = None
        if participant.admission in (Admission.REMOVED, Admission.DENIED):
            participant.admission = Admission.ADMITTED
        participant.save(update_fields=["role", "admission"])
        tell_updated(session, participant, by)


def tell_updated(session: Session, participant: Participant, by: Author, knocked: bool = False) -> None:
    """Tells a session what somebody in it is now, and the user too who `knocked` and is not in it yet."""
    user = participant.user_id
    updated = ParticipantUpdated(str(session.pk), str(user), _info(participant))
    tell(session, "participant:updated", updated, by)
    if knocked:
        tell_user(user, "participant:updated", updated, by)


# --- pieces ------------------------------------------------------------------------------------------------------


def _managed(session: UUID, user: UUID, by: User, door: str, wanted: str = "") -> tuple[Session, Participant]:
    """Locks a session and finds the one whom somebody may manage there; an owner is managed by owners only."""
    found = lock_session(session)
    own = require(found, by, door, "manage_participants")
    refuse_ended(found)
    participant = _places(found).filter(user=user).first()
    if participant is None:
        if selectors.project_role(found.project_id, user) is None:
            raise RealtimeError("participant.not_found")
        participant = Participant.objects.create(session=found, user_id=user)
    if roles.OWNER in (wanted, _role(participant)):
        roles.require(own, "manage_settings")
    return found, participant


def _places(session: Session) -> Any:
    # Locked, so that no account is deleted, and its place with it, before what is noted of it.
    places = Participant.objects.select_related("user", "session").select_for_update(of=("self",))
    return places.filter(session=session).order_by("user_id")


def _role(participant: Participant) -> str:
    return selectors.role_of(participant) or roles.OBSERVER


def _info(participant: Participant) -> ParticipantInfo:
    return selectors.participant_info(participant, _role(participant))


def _refuse_last_owner(session: Session, participant: Participant) -> None:
    if selectors.session_owners(session) == {participant.user_id}:
        raise RealtimeError("session.last_owner")


def _admit(session: Session, participant: Participant, by: Author) -> None:
    participant.admission, participant.asked_at = Admission.ADMITTED, None
    participant.save(update_fields=["admission", "asked_at"])
    tell_updated(session, participant, by, knocked=True)
    admitted_notify(session=session, user=participant.user_id, by=by)


def _take_out(session: Session, participant: Participant, admission: str, by: Author) -> None:
    requests_settle(participants=[participant])
    waited, was_here = participant.admission == Admission.WAITING, participant.present
    participant.admission, participant.asked_at = admission, None
    participant.present, participant.away_since = False, None
    participant.save(update_fields=["admission", "asked_at", "present", "away_since", "role"])
    if was_here:
        note_if_idle(session.pk)
    removed = ParticipantRemoved(str(session.pk), str(participant.user_id), admission)
    tell(session, "participant:removed", removed, by)
    if waited:
        tell_user(participant.user_id, "participant:removed", removed, by)


def _record(
    session: Session,
    verb: str,
    participant: Participant,
    by: User,
    door: str,
    reason: str,
    details: dict[str, Any] | None = None,
) -> None:
    known = {"session": str(session.pk), **(details or {}), **because(reason)}
    record(session, f"participant:{verb}", by, door, f"user:{participant.user_id}", known)
