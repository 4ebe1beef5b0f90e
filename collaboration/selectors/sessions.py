"""Reading projects, sessions and participants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import overview, process
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.overview import Seen
from bduf_realtime.rooms.events import timestamp
from collaboration.messages import MemberInfo, ParticipantDetail, ParticipantInfo, SessionInfo, Settings
from collaboration.models import Invitation, Membership, Participant, Project, Session
from collaboration.roles import OWNER, PERMISSIONS, ROLES, admitted, require

Admission = Participant.Admission
TURNED_OUT = (Admission.REMOVED, Admission.DENIED)


def account(user: str) -> User:
    """The account behind a connection; raises auth.invalid when it is gone."""
    found = User.objects.filter(pk=user, is_active=True).first()
    if found is None:
        raise RealtimeError("auth.invalid", "The account is gone.")
    return found


# --- projects ----------------------------------------------------------------------------------------------------


def projects_for(user: User) -> QuerySet[Project]:
    """The projects a user is a member of, with the user's `role` in each, newest first."""
    return (
        Project.objects.filter(memberships__user=user)
        .annotate(role=F("memberships__role"))
        .order_by("-created_at", "pk")
    )


def project_known(project: UUID, user: User) -> Project:
    """A project the user is a member of; raises room.not_found."""
    found = projects_for(user).filter(pk=project).first()
    if found is None:
        raise RealtimeError("room.not_found", "There is no such project, or you are not a member.")
    return found


def project_managed(project: UUID, user: User) -> Project:
    """A project whose members the user may manage; raises room.not_found, perm.denied."""
    found = project_known(project, user)
    require(found.role, "manage_participants")  # type: ignore[attr-defined]
    return found


def project_role(project: UUID, user: UUID) -> str | None:
    """A user's role in a project; None for a stranger."""
    return Membership.objects.filter(project=project, user=user).values_list("role", flat=True).first()


def project_owners(project: UUID) -> QuerySet[Membership, UUID]:
    """The ids of a project's owners."""
    return Membership.objects.filter(project=project, role=OWNER).values_list("user", flat=True)


def project_members(project: UUID) -> list[MemberInfo]:
    """A project's members, in the order of joining it."""
    rows = Membership.objects.filter(project=project).select_related("user").order_by("since", "pk")
    return [MemberInfo(str(m.user_id), m.user.display_name, m.user.kind, m.role) for m in rows]


# --- sessions ----------------------------------------------------------------------------------------------------


def sessions_for(user: User) -> QuerySet[Session]:
    """The sessions a user may know of: those of the user's projects and those the user was invited to, newest first."""
    mine = Participant.objects.filter(session=OuterRef("pk"), user=user)
    member = Membership.objects.filter(project=OuterRef("project"), user=user)
    known = (Exists(member) & ~Exists(mine.filter(admission=Admission.REMOVED))) | Exists(
        mine.filter(role__isnull=False).exclude(admission=Admission.REMOVED)
    )
    return Session.objects.filter(known).order_by("-created_at", "pk")


class HasText(Func):
    """Whether a JSON list holds a text, to the letter; each database has a way of its own."""

    output_field = BooleanField()
    template = "EXISTS (SELECT 1 FROM json_each(%(expressions)s)"
    arg_joiner = ") WHERE value = "

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" ? ", **context)


def sessions_tagged(sessions: QuerySet[Session], tag: str) -> QuerySet[Session]:
    """Those of some sessions that have a tag."""
    return sessions.filter(HasText("tags", Value(tag)))


def session_known(session: UUID, user: UUID) -> bool:
    """Whether a user may know of a session."""
    return sessions_for(User(pk=user)).filter(pk=session).exists()


def session_visible(session: UUID, user: User) -> Session:
    """A session that a user may know of; raises session.not_found."""
    found = sessions_for(user).filter(pk=session).first()
    if found is None:
        raise RealtimeError("session.not_found")
    return found


def session_inside(session: UUID, user: User) -> tuple[Session, str]:
    """A session that a user may see from the inside, and the role; raises session.not_found, session.join_pending."""
    found = Session.objects.filter(pk=session).first()
    if found is None:
        raise RealtimeError("session.not_found")
    place = place_in(found, user.pk)
    return found, admitted(place.role, place.admission, lobby=settings_of(found).require_approval)


def session_managed(session: UUID, user: User) -> Session:
    """A session whose people a user may manage; raises session.not_found, perm.denied."""
    found, role = session_inside(session, user)
    require(role, "manage_participants")
    return found


class Place(NamedTuple):
    """A user's place in a session: the role, None for a stranger, and what was decided about letting the user in."""

    role: str | None
    admission: str


def place_in(session: Session, user: UUID) -> Place:
    """Where a user stands in a session."""
    return places_in(session, [user]).get(user, Place(None, Admission.OPEN))


def places_in(session: Session, users: Iterable[UUID]) -> dict[UUID, Place]:
    """Where users stand in a session: their own role there, or else the one in the project; strangers are missing."""
    wanted = list(users)
    members = Membership.objects.filter(project=session.project_id, user__in=wanted).values_list("user", "role")
    places = {user: Place(role, Admission.OPEN) for user, role in members}
    for user, role, admission in Participant.objects.filter(session=session, user__in=wanted).values_list(
        "user", "role", "admission"
    ):
        role = role or (places[user].role if user in places else None)
        places[user] = Place(role, admission)
    return places


def role_of(participant: Participant) -> str | None:
    """A participant's role: its own, or else the one in the project."""
    return participant.role or project_role(participant.session.project_id, participant.user_id)


def session_owners(session: Session) -> set[UUID]:
    """Who owns a session: those made owners in it, and the project's owners who are nothing else in it."""
    owners = set(project_owners(session.project_id))
    exceptions = Participant.objects.filter(
        Q(role__isnull=False) | Q(admission__in=TURNED_OUT), session=session
    ).filter(Q(role=OWNER) | Q(user__in=owners))
    for user, role, admission in exceptions.values_list("user", "role", "admission"):
        if admission not in TURNED_OUT and role == OWNER:
            owners.add(user)
        else:
            owners.discard(user)
    return owners


def session_managers(session: Session) -> list[UUID]:
    """Who may let people into a session: owners and moderators, by a role of their own there or in the project."""
    managing = [role for role in ROLES if "manage_participants" in PERMISSIONS[role]]
    candidates = set(Membership.objects.filter(project=session.project_id, role__in=managing).values_list("user"))
    candidates |= set(Participant.objects.filter(session=session, role__in=managing).values_list("user"))
    places = places_in(session, (user for (user,) in candidates))
    return [user for user, place in places.items() if place.role in managing and place.admission not in TURNED_OUT]


def session_with_role(session: str, user: str) -> tuple[Session, str | None]:
    """A session and a user's role in its project, in one query; raises room.not_found where there is none."""
    role = Membership.objects.filter(project=OuterRef("project"), user=UUID(user)).values("role")
    found = Session.objects.filter(pk=session).annotate(project_role=Subquery(role)).first()
    if found is None:
        raise RealtimeError("room.not_found")
    return found, found.project_role


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
        timestamp(session.ended_at) if session.ended_at else None,
    )


def settings_of(session: Session) -> Settings:
    """A session's settings; what it does not say has its default."""
    return Settings(**session.settings)


def invitations_open(session: UUID) -> QuerySet[Invitation]:
    """A session's invitations that may still be used, newest first."""
    unused = Q(max_uses=None) | Q(uses__lt=F("max_uses"))
    found = Invitation.objects.filter(unused, session=session, revoked_at=None, expires_at__gt=timezone.now())
    return found.order_by("-created_at", "pk")


# --- participants ------------------------------------------------------------------------------------------------


def participant_info(participant: Participant, role: str) -> ParticipantInfo:
    """A participant as others see it."""
    user = participant.user
    return ParticipantInfo(
        str(user.pk),
        user.display_name,
        user.kind,
        role,
        sorted(PERMISSIONS[role]),
        timestamp(participant.joined_at) if participant.joined_at else None,
        participant.admission,
        user.is_guest,
    )


def participants_present(session: Session) -> list[ParticipantInfo]:
    """Who is in a session, in the order of joining."""
    return [row.info for row in _rows(session, Participant.objects.filter(present=True))]


def participants_waiting(session: Session) -> list[ParticipantInfo]:
    """Who waits to be let into a session, the longest first."""
    waiting = Participant.objects.filter(admission=Admission.WAITING)
    return [row.info for row in _rows(session, waiting, "asked_at")]


def participants_detailed(session: Session, show: str) -> list[ParticipantDetail]:
    """Who is `present`, `waiting`, or `all` who ever had a place, with their connections; in three queries."""
    shown = {
        "present": Participant.objects.filter(present=True),
        "waiting": Participant.objects.filter(admission=Admission.WAITING),
        "all": Participant.objects.all(),
    }[show]
    room = f"session:{session.pk}"
    seen = overview.seen_in(room)
    cursors = process.cursors_in(room)
    return [_detail(row, seen.get(row.info.user, []), cursors) for row in _rows(session, shown)]


def _detail(row: Row, seen: list[Seen], cursors: dict[str, Any]) -> ParticipantDetail:
    """Puts together what is known of somebody; of several connections the one that did something last counts."""
    if row.info.admission == Admission.WAITING:
        state = "connecting"
    elif not row.present:
        state = "disconnected"
    elif row.away:
        state = "reconnecting"
    else:
        state = seen[0].state if seen else "authenticated"  # reported a moment later than seen
    cursor: dict[str, Any] = next((cursors[s.connection] for s in seen if s.connection in cursors), {})
    return ParticipantDetail(
        **msgspec.structs.asdict(row.info),
        state=state,
        active=state == "authenticated",
        connections=len(seen),
        last_activity=timestamp(max([row.last_activity, *(s.last_activity for s in seen)])),
        cursor=cursor.get("position"),
        selection=cursor.get("selection"),
    )


class Row(NamedTuple):
    """A participant, whether others see it, whether it is awaited, and when it last came or went."""

    info: ParticipantInfo
    present: bool
    away: bool
    last_activity: datetime


def _rows(session: Session, places: QuerySet[Participant], order: str = "joined_at") -> list[Row]:
    """Participants in one query and without model objects, for rooms may be large."""
    project_role = Membership.objects.filter(project=session.project_id, user=OuterRef("user")).values("role")
    rows = (
        places.filter(session=session)
        .annotate(current_role=Coalesce("role", Subquery(project_role)))
        .filter(current_role__isnull=False)
        .order_by(order, "pk")
        .values_list(
            *["user", "user__name", "user__username", "user__kind", "current_role", "joined_at", "admission"],
            *["user__is_guest", "present", "away_since", "last_activity"],
        )
    )
    return [
        Row(
            ParticipantInfo(
                str(user),
                name or username,
                kind,
                role,
                sorted(PERMISSIONS[role]),
                timestamp(joined_at) if joined_at else None,
                admission,
                guest,
            ),
            present,
            away_since is not None,
            last_activity,
        )
        for user, name, username, kind, role, joined_at, admission, guest, present, away_since, last_activity in rows
    ]
