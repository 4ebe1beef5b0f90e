"""Policies as a project's members see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from django.db.models import Exists, OuterRef, QuerySet

from approvals.answers import PolicyVersionInfo, StoredPolicy
from approvals.models import Policy, PolicyVersion
from approvals.policy import Policy as Rules
from approvals.wording import policy_in_words
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import timestamp
from collaboration.messages import Person
from collaboration.models import Membership


def policies_for(user: User) -> QuerySet[Policy]:
    """The policies of a user's projects, by name; without those that were archived."""
    return Policy.objects.filter(project__memberships__user=user, archived_at=None).order_by("name", "pk")


def policy_for(policy: UUID, user: User) -> Policy:
    """A policy of one of a user's projects; raises room.not_found."""
    found = policies_for(user).filter(pk=policy).first()
    if found is None:
        raise RealtimeError("room.not_found", "There is no such policy, or you are not a member of its project.")
    return found


def policy_newest(policy: Policy) -> PolicyVersion:
    """What a policy says now."""
    return policy.versions.order_by("-number")[0]


def policy_versions(policy: Policy) -> QuerySet[PolicyVersion]:
    """All that a policy has said, the newest first."""
    return policy.versions.select_related("created_by").order_by("-number")


def members_certifying(project: UUID) -> set[str]:
    """The ids of a project's members who may decide: active people with an account."""
    people = {"user__is_active": True, "user__kind": User.Kind.HUMAN, "user__is_guest": False}
    found = Membership.objects.filter(project=project, **people).values_list("user", flat=True)
    return {str(user) for user in found}


def policy_infos(policies: Sequence[Policy]) -> list[StoredPolicy]:
    """Policies as REST tells of them, in two queries."""
    later = PolicyVersion.objects.filter(policy=OuterRef("policy"), number__gt=OuterRef("number"))
    newest = PolicyVersion.objects.filter(~Exists(later), policy__in=policies).select_related("created_by")
    said = {version.policy_id: info for version, info in zip(newest, version_infos(newest), strict=True)}
    return [
        StoredPolicy(
            str(policy.pk),
            str(policy.project_id),
            policy.name,
            policy.is_default,
            timestamp(policy.created_at),
            said[policy.pk],
        )
        for policy in policies
    ]


def version_infos(versions: Iterable[PolicyVersion]) -> list[PolicyVersionInfo]:
    """What policies say, with their people's names."""
    versions = list(versions)
    rules = [msgspec.convert(version.rules, Rules) for version in versions]
    names = names_in(rules)
    return [
        PolicyVersionInfo(
            version.number,
            policy,
            {user: names[user] for user in _users([policy]) if user in names},
            policy_in_words(policy, names),
            Person(str(version.created_by_id), version.created_by.display_name) if version.created_by else None,
            timestamp(version.created_at),
        )
        for version, policy in zip(versions, rules, strict=True)
    ]


def policy_told(rules: Rules) -> list[str]:
    """What a policy says in plain English, with its people's names."""
    return policy_in_words(rules, names_in([rules]))


def names_in(rules: Iterable[Rules]) -> dict[str, str]:
    """The names of all users whom policies have by id."""
    users = User.objects.filter(pk__in=_users(rules))
    return {str(user.pk): user.display_name for user in users}


def _users(rules: Iterable[Rules]) -> list[str]:
    named = [who for policy in rules for who in (*(s.who for s in policy.stages), policy.escalate_to) if who]
    return list(dict.fromkeys(user for who in named for user in who.users))
