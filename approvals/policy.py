"""What it takes to approve something, as data. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from bduf_realtime.gateway.handlers import Data

MAX_STAGES = 10
MAX_USERS = 200
YEAR = 366 * 86_400
_PERCENT = re.compile(r"(100|[1-9][0-9]?)%")

Role = Literal["owner", "moderator", "participant", "observer"]
Exclusion = Literal["requester", "last_editor", "agents"]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=YEAR)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_USERS)]
Need = Count | Annotated[str, msgspec.Meta(pattern=r"^(all|(100|[1-9][0-9]?)%)$(?!\n)")]
Person = Annotated[str, msgspec.Meta(min_length=1, max_length=150)]


class Who(Data, frozen=True):
    """Those who may decide: named users (by id or username), those with at least a role, the members of a group.

    Always only those of them who may see what it is about.
    """

    users: Annotated[list[Person], msgspec.Meta(max_length=MAX_USERS)] = []
    role: Role | None = None
    group: Annotated[str, msgspec.Meta(min_length=1, max_length=150)] | None = None


class Stage(Data, frozen=True):
    """One step: how many of whom must approve, `"all"` or a share like `"50%"` being of those who do not abstain.

    With `veto` the first who rejects, or requests changes, ends the request; without, it ends once the others no
    longer suffice. Agents never count, excluded or not.
    """

    who: Who
    name: Annotated[str, msgspec.Meta(max_length=80)] = ""
    need: Need = 1
    veto: bool = True
    exclude: Annotated[list[Exclusion], msgspec.Meta(max_length=3)] = msgspec.field(
        default_factory=lambda: ["requester"]
    )


class Policy(Data, frozen=True):
    """Stages in order, and what happens when the content changes or time passes; times are in seconds.

    `on_change`: `dismiss_votes` has the request follow the document, and votes on former content count no more;
    `keep` leaves request and votes with the version that was asked about. `bypass` names the roles that may do
    without; with `resolve_comments` nothing is approved while a conversation is open.
    """

    stages: Annotated[list[Stage], msgspec.Meta(min_length=1, max_length=MAX_STAGES)]
    on_change: Literal["dismiss_votes", "keep"] = "dismiss_votes"
    remind_after: Seconds | None = None
    escalate_after: Seconds | None = None
    escalate_to: Who | None = None
    expires_after: Seconds | None = None
    on_expiry: Literal["expire", "reject"] = "expire"
    bypass: Annotated[list[Role], msgspec.Meta(max_length=4)] = msgspec.field(default_factory=lambda: ["owner"])
    resolve_comments: bool = False


# One approval of anybody who may write, but not of who asked.
DEFAULT = Policy([Stage(Who(role="participant"))])


def needed(need: int | str, voters: int) -> int:
    """How many must approve, of that many who could and do not abstain: at least one."""
    if isinstance(need, int):
        return need
    if need == "all":
        return max(1, voters)
    share = _PERCENT.fullmatch(need)
    if share is None:
        raise ValueError(f"no number of approvals: {need}")
    return max(1, -(-voters * int(share[1]) // 100))
