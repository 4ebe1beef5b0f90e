"""The commands and events of approvals. Docstrings are documentation for clients."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from approvals.policy import MAX_USERS, Need, Person, Policy
from approvals.states import Decision
from bduf_realtime.gateway.handlers import Data
from collaboration import messages as collaboration
from collaboration.text import MAX_NAME

MAX_TEXT = 10_000
MAX_DESCRIPTION = 20_000
MAX_REASON = 500

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Reason = Annotated[str, msgspec.Meta(max_length=MAX_REASON)]
ContentHash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

# --- commands ----------------------------------------------------------------------------------------------------


class Subject(Data, frozen=True):
    """A document as it is now, or a version of it."""

    document: UUID
    version: UUID | None = None


class ApprovalRequest(Data, frozen=True):
    """Asks for approval of a document, or of what the request itself says.

    By a `policy`, the id of a stored one or a whole one, or of `approvers`, of whom `quorum` have to approve; without
    either by the project's default policy, or else by anybody who may write. Users are named by id or username.
    """

    project: UUID
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    session: UUID | None = None
    description: Annotated[str, msgspec.Meta(max_length=MAX_DESCRIPTION)] = ""
    subject: Subject | None = None
    policy: UUID | Policy | None = None
    approvers: Annotated[list[Person], msgspec.Meta(min_length=1, max_length=MAX_USERS)] | None = None
    quorum: Need | None = None
    due_at: Moment | None = None
    payload: Any = None


class Decide(Data, frozen=True):
    """Decides on the content with that hash; on any other than the request is about it is `approval.stale`."""

    decision: Decision
    content_hash: ContentHash
    comment: Text = ""


class Say(Data, frozen=True):
    """Says something about a request: begins a conversation, or answers in the one that the comment `thread` began."""

    body: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
    thread: UUID | None = None


class Resolve(Data, frozen=True):
    """Closes the conversation that a comment began, or opens it again."""

    comment: UUID
    resolved: bool = True


class Delegate(Data, frozen=True):
    """Has somebody decide in one's place, until a moment or the end; naming oneself takes that back."""

    to: Person
    until: Moment | None = None


class Cancel(Data, frozen=True):
    """Takes a request back; for who made it, moderators and owners."""

    reason: Reason = ""


class Bypass(Data, frozen=True):
    """Goes without the approvals that are missing; for people of the roles that the policy names, who say why."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON)]


# The same on sockets, where a command says itself which request it is about; the docstrings are inherited.


class ApprovalDecide(Decide, frozen=True, kw_only=True):
    approval: UUID


class ApprovalComment(Say, frozen=True, kw_only=True):
    approval: UUID


class ApprovalResolve(Resolve, frozen=True, kw_only=True):
    approval: UUID


class ApprovalDelegate(Delegate, frozen=True, kw_only=True):
    approval: UUID


class ApprovalCancel(Cancel, frozen=True, kw_only=True):
    approval: UUID


class ApprovalBypass(Bypass, frozen=True, kw_only=True):
    approval: UUID


# --- what is told of a request -----------------------------------------------------------------------------------


class SubjectInfo(msgspec.Struct, frozen=True):
    """The document a request is about, the version that was asked about or voted on, and its last event."""

    document: str
    version: str
    seq: int
    title: str


class StageInfo(msgspec.Struct, frozen=True):
    """How far a stage is: `missing` more must approve, of the `waiting_count` who are still to decide.

    The lists may be cut where the request is `large`; the counts are of all.
    """

    name: str
    state: str
    needed: int
    missing: int
    approved: list[collaboration.Person]
    against: list[collaboration.Person]
    abstained: list[collaboration.Person]
    waiting: list[collaboration.Person]
    approved_count: int
    against_count: int
    abstained_count: int
    waiting_count: int


class VoteInfo(msgspec.Struct, frozen=True):
    """What was decided from the seat of `user`, by whom that was delegated to if not the same.

    A `stale` vote counts no more: the content changed by the document's event number `stale_since`.
    """

    user: str
    name: str
    by: collaboration.Person
    stage: int
    round: int
    decision: Decision
    comment: str
    content_hash: str
    door: str
    at: str
    stale: bool
    stale_since: int | None


class CommentInfo(msgspec.Struct, frozen=True):
    """A word on a request; `thread` is the comment that it answers. `resolved` says who closed the conversation."""

    id: str
    thread: str | None
    author: collaboration.Person
    body: str
    round: int
    at: str
    resolved_at: str | None
    resolved_by: str | None


class DelegationInfo(msgspec.Struct, frozen=True):
    """Who decides in whose place, until when."""

    seat: collaboration.Person
    to: collaboration.Person
    until: str | None


class PolicyInfo(msgspec.Struct, frozen=True):
    """What a request's policy says beside its stages; `id` and `version` name the stored one that it was."""

    id: str | None
    version: int | None
    name: str
    on_change: str
    on_expiry: str
    resolve_comments: bool
    bypass: list[str]


class ApprovalInfo(msgspec.Struct, frozen=True):
    """A request as those who may read it see it; `explanation` says in one line what it waits for.

    `content_hash` is what to decide on, `stale` whether the document has changed since, with event `changed_seq`: then
    the hash to decide on is that of the document now, which REST tells. Where it is `large`, what does not fit 6 KiB is
    cut or left out: long texts and lists, the payload, all but the latest votes; REST has them. It is `hidden` in the
    project's room where not all members may see its session: it says its id, where it is and its state, and the rest is
    empty.
    """

    id: str
    project: str
    session: str | None
    subject: SubjectInfo | None
    title: str
    description: str
    requested_by: collaboration.Person
    state: str
    reason: str
    stage: int
    stages: list[StageInfo]
    votes: list[VoteInfo]
    vote_count: int
    round: int
    content_hash: str
    stale: bool
    changed_seq: int | None
    policy: PolicyInfo
    open_threads: int
    due_at: str | None
    escalated_at: str | None
    created_at: str
    closed_at: str | None
    explanation: str
    payload: Any
    large: bool
    hidden: bool = False


class ApprovalDetail(ApprovalInfo, frozen=True, kw_only=True):
    """A request with all that was said, and whether it is for the caller `to_decide` now."""

    rules: Policy
    comments: list[CommentInfo]
    delegations: list[DelegationInfo]
    to_decide: bool


class ApprovalAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answers a command about a request: what it is now, and the vote or comment that was added."""

    id: str
    state: str
    content_hash: str
    approval: ApprovalInfo
    vote: VoteInfo | None = None
    comment: CommentInfo | None = None


# --- events ------------------------------------------------------------------------------------------------------


class ApprovalChanged(msgspec.Struct, frozen=True):
    """In the project's room, the session's, and those of the users concerned: a request as it is now."""

    approval: ApprovalInfo


class ApprovalDecided(msgspec.Struct, frozen=True):
    """Somebody voted; `approval.state` says what came of it. The vote on a hidden request is null."""

    approval: ApprovalInfo
    vote: VoteInfo | None


class ApprovalCommented(msgspec.Struct, frozen=True):
    """Somebody said something; what was said on a hidden request is null."""

    approval: ApprovalInfo
    comment: CommentInfo | None


class ApprovalUpdated(msgspec.Struct, frozen=True):
    """Something else changed: the document (`stale` then says whether it is not what was voted on), or who decides."""

    approval: ApprovalInfo
    change: Literal["content", "delegated", "resolved", "bypassed", "seats"]
    stale: bool


EVENTS: dict[str, type[msgspec.Struct]] = {
    "approval:requested": ApprovalChanged,
    "approval:updated": ApprovalUpdated,
    "approval:commented": ApprovalCommented,
    "approval:decided": ApprovalDecided,
    "approval:reminded": ApprovalChanged,
    "approval:escalated": ApprovalChanged,
    "approval:expired": ApprovalChanged,
    "approval:cancelled": ApprovalChanged,
}
