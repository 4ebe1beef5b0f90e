"""Who is in a session now: joining, the lobby, the grace period of those who lost their connection."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import presence
from bduf_realtime.gateway.doors import Visitor
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Author, NoSuchRoom
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.messages import ParticipantJoined, ParticipantLeft, ParticipantRemoved
from collaboration.models import Participant, Session
from collaboration.services.acting import author_of, note_if_idle, tell, tell_user
from collaboration.services.notices import request_note, requests_settle

Admission = Participant.Admission


def participant_join(*, session: Session, project_role: str | None, visitor: Visitor) -> str | RealtimeError:
    """Notes a connection in a session, and returns its role there; others hear of a user's first connection.

    The caller holds the room's lock. Returns session.join_pending, so that the request stays, where somebody has to
    let the user in first. Raises room.not_found, session.ended, perm.denied, session.full.
    """
    user, room = visitor.identity.user_id, f"session:{session.pk}"
    # Locked, so that the account is not deleted, and its place with it, before what is noted of it.
    places = Participant.objects.select_related("user").select_for_update(of=("self",))
    participant = places.filter(session=session, user_id=user).first()
    role = (participant.role if participant else None) or project_role
    if role is None or (participant and participant.admission == Admission.REMOVED):
        raise RealtimeError("room.not_found")
    if session.status == Session.Status.ENDED:
        raise RealtimeError("session.ended")
    participant = participant or Participant.objects.create(session=session, user=_account(user))
    settings = selectors.settings_of(session)
    by = Author(user, visitor.identity.name, visitor.identity.kind, visitor.connection)
    try:
        roles.admitted(role, participant.admission, lobby=settings.require_approval)
    except RealtimeError as refusal:
        if refusal.code != "session.join_pending":
            raise
        _ask(session, participant, role, by, settings.max_participants)
        return refusal
    if not participant.present:
        if Participant.objects.filter(session=session, present=True).count() >= settings.max_participants:
            raise RealtimeError("session.full", details={"max_participants": settings.max_participants})
        participant.present, participant.joined_at = True, timezone.now()
        participant.admission = Admission.ADMITTED
        participant.save(update_fields=["present", "joined_at", "admission"])
        info = selectors.participant_info(participant, role)
        joined = ParticipantJoined(str(session.pk), user, info)
        log.append(room=room, type="collaboration:participant:joined", data=joined, by=by)
        if session.idle_since is not None:
            Session.objects.filter(pk=session.pk).update(idle_since=None)
    if participant.away_since is not None:
        participant.away_since = None
        participant.save(update_fields=["away_since"])
    presence.attend(room=room, user=user, connection=visitor.connection, instance=visitor.instance)
    return role


def _account(user: str) -> User:
    """Locks an account, so that it is not deleted meanwhile; raises room.not_found if it was."""
    found = User.objects.select_for_update(no_key=True).filter(pk=user).first()
    if found is None:
        raise RealtimeError("room.not_found")
    return found


def _ask(session: Session, participant: Participant, role: str, by: Author, limit: int) -> None:
    """Puts somebody before the door, and tells those inside; raises session.full when too many stand there."""
    known = participant.admission == Admission.WAITING
    if not known and session.participants.filter(admission=Admission.WAITING).count() >= limit:
        raise RealtimeError("session.full", "Too many wait to be let in.", details={"max_participants": limit})
    participant.last_activity = timezone.now()
    if not known:  # who asks again keeps the place in the line
        participant.admission, participant.asked_at = Admission.WAITING, participant.last_activity
    participant.save(update_fields=["admission", "asked_at", "last_activity"])
    if not known:
        info = selectors.participant_info(participant, role)
        tell(session, "participant:requested", ParticipantJoined(str(session.pk), by.user, info), by)
        request_note(session=session, by=by)


def participant_away(*, session: str, user: str) -> None:
    """Starts the grace period of a user whose last connection in the session is gone."""
    try:
        log.lock(f"session:{session}")
    except NoSuchRoom:
        return  # the session was deleted: there is nobody to tell
    if not presence.attending(f"session:{session}", user):
        now = timezone.now()
        place = Participant.objects.filter(session=UUID(session), user=UUID(user), present=True, away_since=None)
        if not place.update(away_since=now, last_activity=now) and not User.objects.filter(pk=user).exists():
            _tell_deleted(session, user)


def _tell_deleted(session: str, user: str) -> None:
    """Tells an open session that somebody is gone whose account, and place with it, was deleted."""
    found = Session.objects.exclude(status=Session.Status.ENDED).filter(pk=session).first()
    if found is not None:
        tell(found, "participant:removed", ParticipantRemoved(session, user, "deleted"), author_of(None))
        note_if_idle(found.pk)


def participants_leave(*, away_for: float) -> int:
    """Tells rooms of participants whose grace period is over; returns how many."""
    due = Participant.objects.filter(
        present=True, away_since__lt=timezone.now() - timedelta(seconds=away_for)
    ).values_list("pk", "session_id")
    left = 0
    for key, session in list(due[:500]):
        with write():
            log.lock(f"session:{session}")
            # Looked at again under the lock: another instance may have told already, or the user may be back.
            participant = (
                Participant.objects.filter(pk=key, present=True, away_since__isnull=False)
                .select_related("user", "session")
                .select_for_update(of=("self",))
                .first()
            )
            if participant is None:
                continue
            participant.present, participant.away_since = False, None
            participant.save(update_fields=["present", "away_since"])
            gone = ParticipantLeft(str(session), str(participant.user_id))
            tell(participant.session, "participant:left", gone, author_of(participant.user))
            note_if_idle(session)
            left += 1
    return left


def requests_expire(*, older_than: float) -> int:
    """Forgets wishes to be let in that were not repeated for `older_than` seconds; returns how many."""
    horizon = timezone.now() - timedelta(seconds=older_than)
    due = Participant.objects.filter(admission=Admission.WAITING, last_activity__lt=horizon)
    expired = 0
    for key, session in list(due.values_list("pk", "session_id")[:500]):
        with write():
            log.lock(f"session:{session}")
            participant = due.filter(pk=key).select_related("user", "session").select_for_update(of=("self",)).first()
            if participant is None:
                continue
            requests_settle(participants=[participant])
            participant.admission, participant.asked_at = Admission.OPEN, None
            participant.save(update_fields=["admission", "asked_at"])
            gone = ParticipantRemoved(str(session), str(participant.user_id), "expired")
            tell(participant.session, "participant:removed", gone, author_of(participant.user))
            tell_user(participant.user_id, "participant:removed", gone, author_of(participant.user))
            expired += 1
    return expired
