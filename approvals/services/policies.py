"""A project's policies: what they say is never changed, but said anew."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.utils import timezone

from approvals import selectors
from approvals.models import Policy, PolicyVersion
from approvals.policy import Policy as Rules
from approvals.services.rules import rules_checked
from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import audit_record
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from bduf_realtime.rooms.transactions import write
from collaboration import roles
from collaboration import selectors as collaboration
from collaboration.services import actor_of
from collaboration.services.acting import ADMIN, because
from collaboration.text import plain_name


def policy_create(
    *, project: UUID, name: str, rules: Rules, is_default: bool = False, by: User, door: str = "rest"
) -> Policy:
    """Gives a project another policy; raises room.not_found, perm.denied, msg.bad_value, quota.exceeded."""
    with write():
        _lock(project, by, door)
        if Policy.objects.filter(project=project, archived_at=None).count() >= conf.max_policies_per_project:
            raise RealtimeError("quota.exceeded", f"A project may have {conf.max_policies_per_project} policies.")
        policy = Policy(project_id=project, is_default=is_default)
        _name(policy, name)
        _save(policy)
        version = _say(policy, _checked(policy, rules), by)
        _record(policy, "create", by, door, {"name": policy.name, "default": is_default, "version": version})
    return policy


def policy_change(
    *,
    policy: UUID,
    by: User,
    name: str | None = None,
    rules: Rules | None = None,
    is_default: bool | None = None,
    door: str = "rest",
    reason: str = "",
) -> Policy:
    """Changes a policy; other rules become a new version, and requests made before keep to theirs.

    Raises room.not_found, perm.denied, msg.bad_value, quota.exceeded.
    """
    with write():
        found = _locked(policy, by, door)
        details: dict[str, Any] = {}
        if name is not None and _name(found, name):
            details["name"] = found.name
        if is_default is not None and is_default != found.is_default:
            details["default"] = found.is_default = is_default
        if details:
            _save(found)
        if rules is not None:
            said = _checked(found, rules)
            if said != selectors.policy_newest(found).rules:
                details["version"] = _say(found, said, by)
        if details:
            _record(found, "change", by, door, {**details, **because(reason)})
    return found


def policy_archive(*, policy: UUID, by: User, door: str = "rest", reason: str = "") -> Policy:
    """Offers a policy no more; requests made by it keep to it. Raises room.not_found, perm.denied."""
    with write():
        found = _locked(policy, by, door)
        found.archived_at, found.is_default = timezone.now(), False
        found.save(update_fields=["archived_at", "is_default"])
        _record(found, "archive", by, door, {"name": found.name, **because(reason)})
    return found


def _lock(project: UUID, by: User, door: str) -> None:
    """Locks a project, whose lock all changes of its policies and requests take, for one who may set it up."""
    try:
        log.lock(f"project:{project}")
    except NoSuchRoom as error:
        raise RealtimeError("room.not_found") from error
    if door != ADMIN:
        role = collaboration.project_role(project, by.pk)
        if role is None:
            raise RealtimeError("room.not_found")
        roles.require(role, "manage_settings")


def _locked(policy: UUID, by: User, door: str) -> Policy:
    """Locks a policy's project, and reads the policy as it is then; one that was archived is not found."""
    project = Policy.objects.filter(pk=policy).values_list("project", flat=True).first()
    if project is None:
        raise RealtimeError("room.not_found")
    _lock(project, by, door)
    found = Policy.objects.filter(pk=policy, archived_at=None).first()
    if found is None:
        raise RealtimeError("room.not_found", "There is no such policy any more.")
    return found


def _name(policy: Policy, name: str) -> bool:
    """Gives a policy a name that no other of its project has; returns whether that is another than before."""
    name = plain_name(name, "name")
    if not name:
        raise RealtimeError("msg.bad_value", "A policy has a name.", details={"field": "name"})
    if name == policy.name:
        return False
    if Policy.objects.filter(project=policy.project_id, name=name, archived_at=None).exists():
        raise RealtimeError("msg.bad_value", "There is a policy of that name.", details={"field": "name"})
    policy.name = name
    return True


def _save(policy: Policy) -> None:
    if policy.is_default:
        Policy.objects.filter(project=policy.project_id, is_default=True).exclude(pk=policy.pk).update(is_default=False)
    policy.save()


def _checked(policy: Policy, rules: Rules) -> dict[str, Any]:
    checked = rules_checked(rules, certifying=selectors.members_certifying(policy.project_id))
    said: dict[str, Any] = msgspec.to_builtins(checked)
    return said


def _say(policy: Policy, rules: dict[str, Any], by: User) -> int:
    """Adds a version of a policy; returns its number."""
    number = policy.versions.count() + 1
    if number > conf.max_versions_per_policy:
        most = f"A policy may have {conf.max_versions_per_policy} versions; begin another policy."
        raise RealtimeError("quota.exceeded", most)
    PolicyVersion.objects.create(policy=policy, number=number, rules=rules, created_by=by)
    return number


def _record(policy: Policy, change: str, by: User, door: str, details: dict[str, Any]) -> None:
    audit_record(
        project=policy.project_id,
        action=f"approval:policy:{change}",
        actor=actor_of(by),
        target=f"policy:{policy.pk}",
        details=details,
        door=door,
    )
