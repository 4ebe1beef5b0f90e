"""Reading projects, sessions and participants."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author, timestamp
from collaboration.messages import MemberInfo, ParticipantInfo, SessionInfo, Settings
from collaboration.models import Membership, Participant, Project, Session
from collaboration.roles import PERMISSIONS


def projects_for(user: User) -> QuerySet[Project]:
    """The projects a user is a member of, with the user's `role` in each, newest first."""
    return (
        Project.objects.filter(memberships__user=user)
        .annotate(role=F("memberships__role"))
        .order_by("-created_at", "pk")
    )


def sessions_for(user: User) -> QuerySet[Session]:
    """The sessions of a user's projects, newest first."""
    return (
        Session.objects.filter(project__memberships__user=user)
        .select_related("created_by")
        .order_by("-created_at", "pk")
    )


def project_role(project: UUID, user: UUID) -> str | None:
    """A user's role in a project; None for a stranger."""
    return Membership.objects.filter(project=project, user=user).values_list("role", flat=True).first()


def session_roles(session: Session, users: Iterable[str]) -> dict[str, str]:
    """The roles of users in a session: their own there, or else the one in the project; strangers are missing."""
    wanted = [UUID(user) for user in users]
    roles = {
        str(user): role
        for user, role in Membership.objects.filter(project=session.project_id, user__in=wanted).values_list(
            "user", "role"
        )
    }
    own = Participant.objects.filter(session=session, user__in=wanted, role__isnull=False)
    roles.update({str(user): role for user, role in own.values_list("user", "role") if role and str(user) in roles})
    return roles


def session_and_role(session: str, user: str) -> tuple[Session, str]:
    """A session and a user's role in its project, in one query; raises room.not_found for a stranger."""
    found = (
        Session.objects.filter(pk=session, project__memberships__user=UUID(user))
        .annotate(project_role=F("project__memberships__role"))
        .first()
    )
    if found is None:
        raise RealtimeError("room.not_found")
    return found, found.project_role


def session_visible(session: UUID, user: UUID) -> Session:
    """A session that a member may know of; raises session.not_found."""
    found = Session.objects.filter(pk=session, project__memberships__user=user).first()
    if found is None:
        raise RealtimeError("session.not_found")
    return found


def session_info(session: Session) -> SessionInfo:
    return SessionInfo(
        str(session.pk),
        str(session.project_id),
        session.name,
        session.status,
        settings_of(session),
        session.tags,
        str(session.created_by_id) if session.created_by_id else None,
        timestamp(session.created_at),
    )


def settings_of(session: Session) -> Settings:
    """A session's settings; what it does not say has its default."""
    return Settings(**session.settings)


def participant_info(participant: Participant, who: Author, role: str) -> ParticipantInfo:
    return ParticipantInfo(
        who.user,
        who.name,
        who.kind,
        role,
        sorted(PERMISSIONS[role]),
        timestamp(participant.joined_at) if participant.joined_at else None,
    )


def participants_present(session: Session) -> list[ParticipantInfo]:
    """Who is in a session, in the order of joining; one query and no model objects, for rooms may be large."""
    rows = (
        Participant.objects.filter(session=session, present=True)
        .filter(user__memberships__project=session.project_id)
        .annotate(current_role=Coalesce("role", "user__memberships__role"))
        .order_by("joined_at", "pk")
        .values_list("user", "user__name", "user__username", "user__kind", "current_role", "joined_at")
    )
    return [
        ParticipantInfo(
            str(user),
            name or username,
            kind,
            role,
            sorted(PERMISSIONS[role]),
            timestamp(joined_at) if joined_at else None,
        )
        for user, name, username, kind, role, joined_at in rows
    ]


def project_members(project: UUID) -> list[MemberInfo]:
    """A project's members, in the order of joining it."""
    rows = Membership.objects.filter(project=project).select_related("user").order_by("since", "pk")
    return [MemberInfo(str(m.user_id), m.user.display_name, m.user.kind, m.role) for m in rows]
