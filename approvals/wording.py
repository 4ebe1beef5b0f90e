"""What a policy says, in plain English. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from approvals.explanation import counted, listed, sentence
from approvals.policy import MAX_USERS, Exclusion, Policy, Role, Stage, Who

EXCLUDED: dict[Exclusion, str] = {
    "requester": "whoever asked",
    "last_editor": "whoever edited last",
    "agents": "agents",
}
ROLES: dict[Role, str] = {
    "owner": "every owner",
    "moderator": "every moderator or owner",
    "participant": "everybody who may write",
    "observer": "every member",
}
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def policy_in_words(policy: Policy, names: Mapping[str, str]) -> list[str]:
    """A sentence or two for each of a policy's rules; `names` are those of users whom it has by id."""
    words = [_stage(stage, number, len(policy.stages), names) for number, stage in enumerate(policy.stages, 1)]
    if policy.on_change == "keep":
        words.append("The request and its votes stay with the version that was asked about.")
    else:
        words.append("When the content changes, votes on what it was count no more.")
    if policy.resolve_comments:
        words.append("Nothing is approved while a conversation is open.")
    if policy.remind_after:
        words.append(f"Who has to decide is reminded every {duration(policy.remind_after).removeprefix('1 ')}.")
    if policy.escalate_after and policy.escalate_to:
        words.append(f"After {duration(policy.escalate_after)}, {_who(policy.escalate_to, names)} may decide, too.")
    if policy.expires_after:
        word = "It expires" if policy.on_expiry == "expire" else "It is rejected"
        words.append(f"{word} after {duration(policy.expires_after)}.")
    allowed = listed([f"{role}s" for role in policy.bypass]) if policy.bypass else "Nobody"
    words.append(sentence(f"{allowed} may do without, saying why" if policy.bypass else "nobody may do without"))
    return words


def _stage(stage: Stage, number: int, of: int, names: Mapping[str, str]) -> str:
    place = f"Stage {number}" if of > 1 else ""
    heading = ", ".join(part for part in (place, stage.name) if part)
    if stage.need == "all":
        need = "approval of all who do not abstain"
    elif isinstance(stage.need, str):
        need = f"approval of {stage.need} of those who do not abstain"
    else:
        need = counted(stage.need, "approval")
    text = f"{heading}: {need}" if heading else need
    veto = "The first who rejects or requests changes ends it" if stage.veto else "It ends when too few are left"
    without = f" Not for {listed([EXCLUDED[who] for who in stage.exclude], word='or')}." if stage.exclude else ""
    return f"{sentence(f'{text}, from {_who(stage.who, names)}')} {veto}.{without}"


def _who(who: Who, names: Mapping[str, str]) -> str:
    people = [names.get(user, user) for user in who.users]
    if who.group is not None:
        people.append(f"the members of the group {who.group}")
    if who.role is not None:
        people.append(ROLES[who.role])
    return listed(people, MAX_USERS + 2, "or")


def duration(seconds: int) -> str:
    """A time in the largest unit of which it is a whole number."""
    name, unit = next((name, unit) for name, unit in UNITS if seconds % unit == 0)
    return counted(seconds // unit, name)
