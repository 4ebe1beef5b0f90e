"""Requests as those who may read them see them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.utils import timezone

from approvals.explanation import Stale, explain
from approvals.messages import (
    MAX_TEXT,
    ApprovalDetail,
    ApprovalInfo,
    CommentInfo,
    DelegationInfo,
    PolicyInfo,
    StageInfo,
    SubjectInfo,
    VoteInfo,
)
from approvals.models import Approval, Comment, Vote
from approvals.selectors.seats import follows
from approvals.selectors.standing import Standing, standings
from approvals.states import StageState
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import timestamp
from collaboration import selectors
from collaboration.messages import DocumentContent, Person

FRAME_BYTES = 6_144  # of a request in an event or a list; with envelope and vote it stays below 8 KiB
BRIEF_COMMENT = 100
MANY = 1_000


class Most(NamedTuple):
    """How much of a request is told: characters of texts and comments, bytes of its payload, names of a list, votes."""

    text: int
    comment: int
    payload: int
    names: int
    votes: int


ALL = Most(*[sys.maxsize] * 5)
FRAME = Most(text=2_000, comment=300, payload=4_096, names=20, votes=20)


def approvals_for(user: User) -> QuerySet[Approval]:
    """The requests a user may read, newest first: the projects', and those of sessions the user may see inside."""
    return _whole().filter(selectors.readable(user)).order_by("-created_at", "pk")


def approval_for(approval: UUID, user: UUID) -> tuple[Approval, str]:
    """A request and the role by which a user may read it; raises approval.not_found, perm.denied, session.join_pending.

    The latter two where its session is closed to the user.
    """
    found = approval_known(approval)
    return found, selectors.role_within(found.project_id, found.session, user, "approval.not_found")


def approval_known(approval: UUID) -> Approval:
    """A request with what it is in and about; raises approval.not_found."""
    found = _whole().filter(pk=approval).first()
    if found is None:
        raise RealtimeError("approval.not_found")
    return found


def _whole() -> QuerySet[Approval]:
    return Approval.objects.select_related("session", "document", "policy_version__policy")


def approvals_to_decide(approvals: QuerySet[Approval], user: User) -> list[UUID]:
    """Those of some requests that it is for a user to decide now."""
    now, name = timezone.now(), str(user.pk)
    pending = approvals.filter(state=Approval.State.PENDING).defer("description", "payload")
    return [standing.approval.pk for standing in standings(list(pending)) if standing.asks(name, now)]


def drift(approval: Approval) -> DocumentContent | None:
    """What is in a request's document, where it follows that and it is not any more what was voted on."""
    document = approval.document
    if document is None or document.deleted_at or not follows(approval):
        return None
    if approval.changed_seq is None and document.edited_at == approval.edited_at:
        return None
    present = selectors.document_content(document)
    return None if present.content_hash == approval.content_hash else present


def approval_detail(approval: UUID, user: User) -> ApprovalDetail:
    """A request with all that was said, and the content there is to decide on now; raises what `approval_for` does."""
    found, _ = approval_for(approval, user.pk)
    if found.state == Approval.State.PENDING and (present := drift(found)) is not None:
        # As it will be in a second, when the change is noticed, and with what there is to decide on.
        found.content_hash, found.changed_seq = present.content_hash, found.changed_seq or present.seq
        if found.votes.filter(round=found.round).exists():
            found.round, found.stage = found.round + 1, 0
    [standing] = standings([found])
    [info] = approval_infos([standing], whole=True)
    comments = Comment.objects.filter(approval=found).order_by("at", "pk")
    return ApprovalDetail(
        **msgspec.structs.asdict(info),
        rules=standing.policy,
        comments=[comment_info(comment) for comment in comments[:MANY]],
        delegations=[
            DelegationInfo(_person(d.seat), _person(d.to), timestamp(d.until) if d.until else None)
            for d in standing.delegations
        ],
        to_decide=standing.asks(str(user.pk), timezone.now()),
    )


def approval_infos(of: Sequence[Standing], *, whole: bool = False) -> list[ApprovalInfo]:
    """Requests as they stand, as a list or an event has them or, `whole`, with all texts and names; in one query."""
    most = ALL if whole else FRAME
    named = {user for standing in of for stage in standing.outcome.stages for user in stage.waiting[: most.names]}
    users = User.objects.filter(pk__in=named).values_list("pk", "name", "username") if named else ()
    names = {str(pk): name or username for pk, name, username in users}
    return [_info(standing, names, most) if whole else _fitted(standing, names) for standing in of]


def _fitted(standing: Standing, waiting: Mapping[str, str]) -> ApprovalInfo:
    """A request as it fits a frame that goes to many rooms: the more there is, the less of each is told."""
    most = FRAME
    while len(msgspec.json.encode(info := _info(standing, waiting, most))) > FRAME_BYTES and any(most):
        most = Most(*(number // 2 for number in most))
    return info


def _info(standing: Standing, waiting: Mapping[str, str], most: Most) -> ApprovalInfo:
    approval, votes = standing.approval, _telling(standing)
    names = {**waiting, **{vote.seat: vote.seat_name for vote in standing.votes}}
    shown = [vote_info(standing, vote, most.comment) for vote in votes[max(0, len(votes) - most.votes) :]]
    fits = approval.payload is None or len(msgspec.json.encode(approval.payload)) <= most.payload
    lists = [people for s in standing.outcome.stages for people in (s.approved, s.against, s.abstained, s.waiting)]
    large = not fits or len(shown) < len(votes) or len(approval.description) > most.text
    large = large or any(len(people) > most.names for people in lists)
    large = large or any(len(vote.comment) > most.comment for vote in votes)
    return ApprovalInfo(
        id=str(approval.pk),
        project=str(approval.project_id),
        session=str(approval.session_id) if approval.session_id else None,
        subject=_subject(approval),
        title=approval.title,
        description=approval.description[: most.text],
        requested_by=Person(approval.requester, approval.requester_name),
        state=approval.state,
        reason=approval.reason,
        stage=standing.outcome.stage,
        stages=[_stage(stage, names, most.names) for stage in standing.outcome.stages],
        votes=shown,
        vote_count=len(votes),
        round=approval.round,
        content_hash=approval.content_hash,
        stale=approval.changed_seq is not None,
        changed_seq=approval.changed_seq,
        policy=_policy(standing),
        open_threads=standing.open_threads,
        due_at=timestamp(approval.expires_at) if approval.expires_at else None,
        escalated_at=timestamp(approval.escalated_at) if approval.escalated_at else None,
        created_at=timestamp(approval.created_at),
        closed_at=timestamp(approval.closed_at) if approval.closed_at else None,
        explanation=explain(
            state=approval.state,  # type: ignore[arg-type]
            outcome=standing.outcome,
            names=names,
            stale=[
                Stale(vote.voter_name, vote.decision, _since(approval))  # type: ignore[arg-type]
                for vote in votes
                if not standing.counts(vote)
            ],
            changed_seq=approval.changed_seq,
            open_threads=standing.open_threads if standing.policy.resolve_comments else 0,
            reason=approval.reason,
        ),
        payload=approval.payload if fits else None,
        large=large,
    )


def glimpse(event: msgspec.Struct) -> msgspec.Struct:
    """What an event may tell those who may not see the request: its id, where it is, and its state."""
    approval: ApprovalInfo = event.approval  # type: ignore[attr-defined]
    nothing = {name: None for name in ("vote", "comment") if name in event.__struct_fields__}
    hidden = msgspec.structs.replace(
        approval,
        subject=None,
        title="",
        description="",
        requested_by=Person("", ""),
        reason="",
        stage=0,
        stages=[],
        votes=[],
        vote_count=0,
        content_hash="",
        policy=PolicyInfo(None, None, "", "", "", False, []),
        open_threads=0,
        explanation="",
        payload=None,
        hidden=True,
    )
    return msgspec.structs.replace(event, approval=hidden, **nothing)


def brief(event: msgspec.Struct) -> msgspec.Struct:
    """What an event tells each of very many: how far the stages are, without names, votes, texts and the payload."""
    approval: ApprovalInfo = event.approval  # type: ignore[attr-defined]
    nobody: dict[str, list[Person]] = {"approved": [], "against": [], "abstained": [], "waiting": []}
    stages = [msgspec.structs.replace(stage, **nobody) for stage in approval.stages]
    slim = msgspec.structs.replace(approval, stages=stages, votes=[], description="", payload=None, large=True)
    said: dict[str, msgspec.Struct] = {}
    if vote := getattr(event, "vote", None):
        said["vote"] = msgspec.structs.replace(vote, comment=vote.comment[:BRIEF_COMMENT])
    if comment := getattr(event, "comment", None):
        said["comment"] = msgspec.structs.replace(comment, body=comment.body[:BRIEF_COMMENT])
    return msgspec.structs.replace(event, approval=slim, **said)


def _telling(standing: Standing) -> list[Vote]:
    """The votes that count, and of seats without one in that stage the last that did, the oldest first."""
    last = {(vote.stage, vote.seat): vote for vote in standing.votes}
    return sorted(last.values(), key=lambda vote: (vote.at, vote.pk))


def vote_info(standing: Standing, vote: Vote, most: int = MAX_TEXT) -> VoteInfo:
    """A vote, with so much of what was said, and since which event of the document it counts no more."""
    stale = not standing.counts(vote)
    return VoteInfo(
        vote.seat,
        vote.seat_name,
        Person(vote.voter, vote.voter_name),
        vote.stage,
        vote.round,
        vote.decision,  # type: ignore[arg-type]
        vote.comment[:most],
        vote.content_hash,
        vote.door,
        timestamp(vote.at),
        stale,
        _since(standing.approval) if stale else None,
    )


def _since(approval: Approval) -> int:
    """The document's event since which stale votes are."""
    return approval.seq if approval.changed_seq is None else approval.changed_seq


def comment_info(comment: Comment) -> CommentInfo:
    """A word on a request."""
    return CommentInfo(
        str(comment.pk),
        str(comment.thread_id) if comment.thread_id else None,
        Person(comment.author, comment.author_name),
        comment.body,
        comment.round,
        timestamp(comment.at),
        timestamp(comment.resolved_at) if comment.resolved_at else None,
        comment.resolved_by or None,
    )


def _stage(stage: StageState, names: Mapping[str, str], most: int) -> StageInfo:
    def people(users: Sequence[str]) -> list[Person]:
        return [Person(user, names.get(user, user)) for user in users[:most]]

    return StageInfo(
        stage.name,
        stage.state,
        stage.needed,
        stage.missing,
        people(stage.approved),
        people(stage.against),
        people(stage.abstained),
        people(stage.waiting),
        len(stage.approved),
        len(stage.against),
        len(stage.abstained),
        len(stage.waiting),
    )


def _subject(approval: Approval) -> SubjectInfo | None:
    document = approval.document
    if document is None:
        return None
    return SubjectInfo(str(document.pk), str(approval.version_id), approval.seq, document.title)


def _policy(standing: Standing) -> PolicyInfo:
    stored, rules = standing.approval.policy_version, standing.policy
    return PolicyInfo(
        str(stored.policy_id) if stored else None,
        stored.number if stored else None,
        stored.policy.name if stored else "",
        rules.on_change,
        rules.on_expiry,
        rules.resolve_comments,
        list(rules.bypass),
    )


def _person(user: User) -> Person:
    return Person(str(user.pk), user.display_name)
