"""Who is told what of a request beside the rooms: those who must act, those who did, and who asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from approvals.models import Approval
from approvals.selectors import Standing
from bduf_realtime.accounts.models import User
from bduf_realtime.rooms.events import Author
from notifications.kinds import EMAIL, IN_APP, Kind
from notifications.models import Notification
from notifications.services import Notice, notify, settle, user_rooms_lock

BOTH = frozenset({IN_APP, EMAIL})
KINDS = {
    "approval.requested": Kind("Your approval is asked for", BOTH, must_act=True),
    "approval.delegated": Kind("Somebody has you decide in their place", BOTH, must_act=True),
    "approval.escalated": Kind("An approval is overdue and falls to you", BOTH, must_act=True),
    "approval.reminded": Kind("Your approval is still missing", BOTH),
    "approval.decided": Kind("A request is decided that you made or voted on", BOTH),
    "approval.cancelled": Kind("A request was taken back", frozenset({IN_APP})),
    "approval.expired": Kind("A request's time is up", BOTH),
    "approval.changed": Kind("What you voted on has changed", BOTH),
    "approval.commented": Kind("Somebody said something about a request of yours", frozenset({IN_APP})),
}
Told = tuple[UUID, Notice]
CLOSED = {
    Approval.State.CANCELLED: "approval.cancelled",
    Approval.State.EXPIRED: "approval.expired",
}


def key_of(approval: Approval) -> str:
    """What is settled together: what asks for decisions in one stage of one round."""
    return f"approval:{approval.pk}:{approval.round}:{approval.stage}"


def notice(approval: Approval, kind: str, title: str, body: str = "") -> Notice:
    """What to tell somebody of a request; what must be acted on goes by the stage's key."""
    acts = KINDS[kind].must_act
    return Notice(
        kind,
        f"{title}: {approval.title}",
        body,
        f"/approvals/{approval.pk}",
        approval.project_id,
        approval.session_id,
        {"approval": str(approval.pk), "state": approval.state, "round": approval.round},
        must_act=acts,
        key=key_of(approval) if acts else "",
        expires_at=approval.expires_at if acts else None,
    )


def concerned(standing: Standing) -> set[UUID]:
    """Whose own rooms hear of a request: who asked, who decides now or did, of those who may see it."""
    approval = standing.approval
    users = {approval.requester, *standing.seats[approval.stage]}
    users |= {str(delegation.to_id) for delegation in standing.delegations}
    users |= {user for vote in standing.votes for user in (vote.seat, vote.voter)}
    return {UUID(user) for user in users & standing.people.roles.keys()}


class News(NamedTuple):
    """What users are told of a change, and whose notices are done with."""

    told: list[Told]
    over: str  # the key of notices that nobody has to act on any more
    key: str
    done: list[UUID]

    def lock(self, concerned: Iterable[UUID]) -> None:
        """Locks the rooms of all users who are told something, all at once."""
        asked = Notification.objects.filter(key__in={self.over, self.key}, settled_at=None).exclude(key="")
        user_rooms_lock({*concerned, *(user for user, _ in self.told), *asked.values_list("user", flat=True)})

    def tell(self, by: Author) -> None:
        """Settles what is done with, and tells the rest."""
        if self.over:
            settle(key=self.over)
        if self.done:
            settle(key=self.key, users=self.done)
        notify(told=self.told, by=by)


def news(
    standing: Standing, was: str, now: datetime, by: User | None, told: Iterable[Told], done: Iterable[UUID]
) -> News:
    """What a change means for users; `was` is the key of the request's notices before, empty for a new one."""
    approval = standing.approval
    key, told = key_of(approval), [each for each in told if str(each[0]) in standing.people.roles]
    if approval.state != Approval.State.PENDING:
        return News([*told, *_closing(standing, by)], was, "", [])
    if key == was:
        return News(told, "", key, list(done))
    asked = notice(approval, "approval.requested", f"{approval.requester_name} asks for your approval")
    told += [(UUID(user), asked) for user in sorted(standing.waiting(now))]
    return News(told, was, key, [])


def _closing(standing: Standing, by: User | None) -> list[Told]:
    approval = standing.approval
    kind = CLOSED.get(approval.state, "approval.decided")  # type: ignore[call-overload]
    users = {approval.requester, *(user for vote in standing.votes for user in (vote.seat, vote.voter))}
    if kind != "approval.decided":
        users |= standing.seats[approval.stage]
    users = (users & standing.people.roles.keys()) - {str(by.pk) if by else ""}
    words = approval.get_state_display().replace("_", " ").capitalize()
    return [(UUID(user), notice(approval, kind, words, approval.reason)) for user in sorted(users)]
