"""Who may see a request, and whom its stages ask: of many requests at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from approvals.models import Approval
from approvals.policy import Policy, Stage, Who
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from collaboration import roles, selectors
from collaboration.models import Membership, Participant, Session
from collaboration.selectors.rights import OUTSIDE


class Place(NamedTuple):
    """What a request is in: a session or, without one, a project."""

    project: UUID
    session: UUID | None
    lobby: bool


class People(NamedTuple):
    """Those who may see a request: the roles they count by, and which of them may certify: people with an account.

    `everybody` says whether all of the project's members are among them.
    """

    roles: dict[str, str]
    certifying: frozenset[str]
    everybody: bool


def place_of(project: UUID, session: Session | None) -> Place:
    """What a request is in."""
    if session is None:
        return Place(project, None, False)
    return Place(project, session.pk, selectors.settings_of(session).require_approval)


def people_at(places: Iterable[Place]) -> dict[Place, People]:
    """Who may see what is in these places, in two queries; the rule is that of `roles.admitted`."""
    places = set(places)
    certifying: set[str] = set()
    members: dict[UUID, dict[str, str]] = defaultdict(dict)
    of_projects = Membership.objects.filter(project__in={place.project for place in places})
    for project, role, user, certifies in _rows(of_projects, "project", "role"):
        members[project][user] = role
        certifying |= {user} if certifies else set()
    own: dict[UUID | None, dict[str, tuple[str | None, str]]] = defaultdict(dict)
    lobbies = {place.session for place in places if place.lobby}
    special = Q(role__isnull=False) | Q(admission__in=OUTSIDE) | Q(session__in=lobbies)
    sessions = {place.session for place in places if place.session}
    of_sessions = Participant.objects.filter(special, session__in=sessions)
    for session, role, admission, user, certifies in _rows(of_sessions, "session", "role", "admission"):
        own[session][user] = (role, admission)
        certifying |= {user} if certifies else set()
    people = {}
    for place in places:
        seeing = of_project = members[place.project]
        if place.session:
            seeing = _inside(of_project, own[place.session], lobby=place.lobby)
        people[place] = People(
            {user: counted_role(role, of_project.get(user)) for user, role in seeing.items()},
            frozenset(certifying & seeing.keys()),
            of_project.keys() <= seeing.keys(),
        )
    return people


def counted_role(role: str, of_project: str | None) -> str:
    """The role by which somebody counts: above participant only as high as the project has it.

    Whoever opens a session owns it and makes others owners there, and none of that may satisfy what asks for owners.
    """
    return roles.lower(role, roles.higher(of_project or roles.PARTICIPANT, roles.PARTICIPANT))


def _inside(members: dict[str, str], own: dict[str, tuple[str | None, str]], *, lobby: bool) -> dict[str, str]:
    """Who may see a session from the inside: most are what they are in the project."""
    seen = {u: r for u, r in members.items() if "manage_participants" in roles.PERMISSIONS[r]} if lobby else {**members}
    for user, (role, admission) in own.items():
        seen.pop(user, None)
        with suppress(RealtimeError):
            seen[user] = roles.admitted(role or members.get(user), admission, lobby=lobby)
    return seen


def _rows(places: QuerySet[Any], *columns: str) -> Iterable[tuple[Any, ...]]:
    """Some columns of those whose account is active, with the user's id, and whether that user may certify."""
    found = places.filter(user__is_active=True).values_list(*columns, "user", "user__kind", "user__is_guest")
    return ((*row, str(user), kind == User.Kind.HUMAN and not guest) for *row, user, kind, guest in found)


def groups_named(policies: Iterable[Policy]) -> dict[str, set[str]]:
    """The members of the groups that policies name, by the groups' names."""
    names = {who.group for policy in policies for who in asked(policy) if who.group}
    members: dict[str, set[str]] = defaultdict(set)
    if names:
        rows = User.groups.through.objects.filter(group__name__in=names)
        for name, user in rows.values_list("group__name", "user_id"):
            members[name].add(str(user))
    return members


def asked(policy: Policy) -> list[Who]:
    """All whom a policy names."""
    return [stage.who for stage in policy.stages] + ([policy.escalate_to] if policy.escalate_to else [])


class Seating:
    """Finds the seats of requests whose people and groups are known; what many ask alike is found once."""

    def __init__(self, people: Mapping[Place, People], groups: Mapping[str, set[str]]) -> None:
        self._people = people
        self._groups = groups
        self._found: dict[tuple[Place, bytes], frozenset[str]] = {}

    def seats(self, approval: Approval, policy: Policy, place: Place) -> list[frozenset[str]]:
        """Stage by stage those who may decide on a request; in the current one also whom it was escalated to."""
        seats = []
        for number, stage in enumerate(policy.stages):
            asked = self._candidates(stage.who, place)
            if number == approval.stage and approval.escalated_at and policy.escalate_to:
                asked |= self._candidates(policy.escalate_to, place)
            seats.append(asked - excluded(approval, stage).keys())
        return seats

    def _candidates(self, who: Who, place: Place) -> frozenset[str]:
        key = (place, msgspec.json.encode(who))
        if key not in self._found:
            people = self._people[place]
            named = set(who.users) | self._groups.get(who.group or "", set())
            if who.role is not None:
                enough = roles.ROLES[: roles.ROLES.index(who.role) + 1]
                named |= {user for user, role in people.roles.items() if role in enough}
            self._found[key] = people.certifying & named
        return self._found[key]


def excluded(approval: Approval, stage: Stage) -> dict[str, str]:
    """Who may not decide in a stage for what they did, and what that was: they asked, or edited last."""
    found = {}
    if "last_editor" in stage.exclude and (editor := editor_of(approval)):
        found[editor] = "last_editor"
    if "requester" in stage.exclude:
        found[approval.requester] = "requester"
    return found


def follows(approval: Approval) -> bool:
    """Whether a request is about what is in its document now, and not about one version for good."""
    return approval.document_id is not None and approval.rules.get("on_change") != "keep"


def editor_of(approval: Approval) -> str:
    """Who edited last what there is to decide on: what was pinned, or, where that has changed, what is there now."""
    document = approval.document
    return document.edited_by if document is not None and approval.changed_seq is not None else approval.editor
