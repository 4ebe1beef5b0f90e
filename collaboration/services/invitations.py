"""Invitations by link: whoever has one gets a role in one session; without an account, as a guest."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.services import guest_create, guests_delete
from bduf_realtime.audit.services import audit_record
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.models import Invitation, Participant, Session
from collaboration.services.acting import actor_of, author_of, because, lock_session, record, refuse_ended, require
from collaboration.services.participants import tell_updated
from collaboration.text import plain_name

GUEST_NAME = 80


def invitation_create(
    *,
    session: UUID,
    by: User,
    role: str = roles.PARTICIPANT,
    expires_at: datetime | None = None,
    max_uses: int | None = None,
    door: str = "rest",
) -> tuple[Invitation, str]:
    """Makes an invitation and returns it with its secret, which is told this once.

    Raises session.not_found, perm.denied, session.ended, msg.bad_value, quota.exceeded.
    """
    now = timezone.now()
    latest = now + timedelta(seconds=conf.invitation_max_lifetime)
    expires_at = expires_at or min(latest, now + timedelta(seconds=conf.invitation_lifetime))
    if not now < expires_at <= latest:
        days = f"within {conf.invitation_max_lifetime / 86_400:g} days"
        raise RealtimeError("msg.bad_value", f"expires_at is to come, {days}.", details={"field": "expires_at"})
    if role == roles.OWNER:
        raise RealtimeError("msg.bad_value", "Nobody becomes an owner by a link.", details={"field": "role"})
    with write():
        found = lock_session(session)
        require(found, by, door, "manage_participants")
        refuse_ended(found)
        if selectors.invitations_open(session).count() >= conf.max_invitations_per_session:
            limit = conf.max_invitations_per_session
            raise RealtimeError("quota.exceeded", f"A session may have {limit} open invitations; take some back.")
        secret = secrets.token_urlsafe(24)
        invitation = Invitation.objects.create(
            session=found, digest=_digest(secret), role=role, created_by=by, expires_at=expires_at, max_uses=max_uses
        )
        details = {"invitation": str(invitation.pk), "role": role, "expires_at": expires_at.isoformat()}
        record(found, "invitation:create", by, door, details={**details, "max_uses": max_uses})
    return invitation, secret


def invitation_revoke(*, session: UUID, invitation: UUID, by: User, door: str = "rest", reason: str = "") -> None:
    """Takes an invitation back; who came in by it stays. Raises session.not_found, perm.denied, invitation.invalid."""
    with write():
        found = lock_session(session)
        require(found, by, door, "manage_participants")
        row = Invitation.objects.filter(session=found, pk=invitation, revoked_at=None).first()
        if row is None:
            raise RealtimeError("invitation.invalid")
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        known = {"invitation": str(invitation), **because(reason)}
        record(found, "invitation:revoke", by, door, details=known)


def invitation_accept(*, secret: str, by: User | None, name: str = "", door: str = "rest") -> tuple[Session, User, str]:
    """Gives the bearer of an invitation its role, and returns the session, the user and the role in it.

    Without an account one becomes a guest of that name, if the session takes any. A member keeps a higher role.
    Raises invitation.invalid, perm.denied, session.full, msg.bad_value, msg.missing_field.
    """
    now = timezone.now()
    with write():
        invitation = Invitation.objects.filter(digest=_digest(secret)).first()
        if invitation is None:
            raise RealtimeError("invitation.invalid")
        session = lock_session(invitation.session_id)
        invitation.refresh_from_db()  # another may have used it up before the lock was ours
        used_up = invitation.max_uses is not None and invitation.uses >= invitation.max_uses
        if session.status == Session.Status.ENDED or invitation.revoked_at or invitation.expires_at <= now or used_up:
            raise RealtimeError("invitation.invalid")
        if by is None or by.is_guest:
            _refuse_guest(session, invitation.role)
        user = by or _guest(session, name)
        if user.is_guest and Participant.objects.filter(user=user).exclude(session=session).exists():
            raise RealtimeError("perm.denied", "A guest may use one session only; accept without a token.")
        participant, _ = Participant.objects.get_or_create(session=session, user=user)
        if participant.admission in (Participant.Admission.REMOVED, Participant.Admission.DENIED):
            raise RealtimeError("perm.denied", "You were shown out of this session.")
        before = selectors.role_of(participant)
        role = invitation.role if before is None else roles.higher(before, invitation.role)
        if role != before:
            participant.role = role
            participant.save(update_fields=["role"])
            if participant.present:
                tell_updated(session, participant, author_of(user))
            invitation.uses += 1
            invitation.save(update_fields=["uses"])
            audit_record(
                project=session.project_id,
                action="collaboration:invitation:accept",
                actor=actor_of(user),
                target=f"session:{session.pk}",
                details={"invitation": str(invitation.pk), "role": role, "guest": user.is_guest},
                door=door,
            )
    return session, user, role


def _refuse_guest(session: Session, role: str) -> None:
    if not selectors.settings_of(session).allow_anonymous:
        raise RealtimeError("perm.denied", "This session takes no guests; sign in to use the invitation.")
    if role == roles.MODERATOR:
        raise RealtimeError("perm.denied", "A guest is no moderator; sign in to use the invitation.")


def _guest(session: Session, name: str) -> User:
    shown = plain_name(name, "name", GUEST_NAME)
    if not shown:
        raise RealtimeError("msg.missing_field", "Say who you are.", details={"field": "name"})
    if Participant.objects.filter(session=session, user__is_guest=True).count() >= conf.max_guests_per_session:
        raise RealtimeError("session.full", details={"guests": conf.max_guests_per_session})
    return guest_create(name=f"{shown} (guest)")


def guests_forget() -> int:
    """Deletes guests whose token ended a day ago, unless one is still shown somewhere; returns how many."""
    before = timezone.now() - timedelta(seconds=conf.guest_token_lifetime + 86_400)
    shown = Participant.objects.filter(present=True, user__is_guest=True).values("user")
    return guests_delete(joined_before=before, but=shown)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
