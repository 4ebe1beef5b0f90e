"""What comes from outside as a policy, made sure that it can be kept to."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.auth.models import Group
from django.db.models import Q

from approvals.policy import Policy, Stage, Who
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.handlers import Data
from bduf_realtime.gateway.reading import read_data


class Given(Data, frozen=True):
    """A policy among other fields, so that what is wrong in it is named from there."""

    rules: Policy


def rules_read(given: Any) -> Policy:
    """Reads a policy; raises msg.bad_value, msg.missing_field, msg.unknown_field with the path from `rules`."""
    return read_data({"rules": given}, Given).rules


def rules_checked(rules: Policy, *, certifying: Container[str], field: str = "rules") -> Policy:
    """A policy with its users by id, all of them among those who may decide.

    Raises msg.bad_value with the path, from `field`, of who or what is not there, or can never suffice.
    """
    named = {f"stages[{number}].who": stage.who for number, stage in enumerate(rules.stages)}
    if rules.escalate_to is not None:
        named["escalate_to"] = rules.escalate_to
    if (rules.escalate_to is None) != (rules.escalate_after is None):
        raise _wrong(f"{field}.escalate_to", "escalate_to and escalate_after go together.")
    ids = users_named(user for who in named.values() for user in who.users)
    groups = set(Group.objects.filter(name__in={w.group for w in named.values()}).values_list("name", flat=True))
    whom = {path: _identified(who, f"{field}.{path}", ids, certifying, groups) for path, who in named.items()}
    stages = [
        _sufficient(msgspec.structs.replace(stage, who=whom[f"stages[{number}].who"]), f"{field}.stages[{number}]")
        for number, stage in enumerate(rules.stages)
    ]
    return msgspec.structs.replace(rules, stages=stages, escalate_to=whom.get("escalate_to"))


def _identified(who: Who, field: str, ids: dict[str, str], certifying: Container[str], groups: set[str]) -> Who:
    if not who.users and who.role is None and who.group is None:
        raise _wrong(field, "It asks nobody: name users, a role or a group.")
    for number, name in enumerate(who.users):
        if ids.get(name) not in certifying:
            text = f"{name[:80]} cannot decide: there is nobody of that name here, or it is no person."
            raise _wrong(f"{field}.users[{number}]", text, user=name)
    if who.group is not None and who.group not in groups:
        raise _wrong(f"{field}.group", f"There is no group {who.group[:80]}.", group=who.group)
    return msgspec.structs.replace(who, users=list(dict.fromkeys(ids[name] for name in who.users)))


def _sufficient(stage: Stage, field: str) -> Stage:
    """Those of a role or a group may become more; named users do not."""
    named = len(stage.who.users)
    if isinstance(stage.need, int) and stage.need > named and stage.who.role is None and stage.who.group is None:
        raise _wrong(f"{field}.need", f"It needs {stage.need}, and names {named}.", needs=stage.need, can_decide=named)
    return stage


def users_named(names: Iterable[str]) -> dict[str, str]:
    """The ids of users by what they are called by: the id itself, or the username."""
    wanted = set(names)
    ids: dict[UUID, str] = {}
    for name in wanted:
        try:
            ids[UUID(name)] = name
        except ValueError:
            continue
    rows = User.objects.filter(Q(pk__in=ids) | Q(username__in=wanted)).values_list("pk", "username")
    found = {username: str(pk) for pk, username in rows if username in wanted}
    # The id goes last: somebody may have another's id for a name.
    return found | {ids[pk]: str(pk) for pk, _ in rows if pk in ids}


def _wrong(field: str, message: str, **details: object) -> RealtimeError:
    return RealtimeError("msg.bad_value", message, details={"field": field, **details})
