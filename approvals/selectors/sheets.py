"""The sign-off sheet of a request: all that was decided and said, for whoever may read the request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from approvals.explanation import VOTES
from approvals.models import Approval, Comment, Vote
from approvals.selectors.policies import policy_told
from approvals.selectors.requests import approval_for, approval_infos, drift
from approvals.selectors.standing import Standing, standings
from approvals.sheet import Said, Sheet
from bduf_realtime.accounts.models import User

MANY = 1_000  # comments; the newest of more are left out
DOORS = {"rest": "REST", "socket": "live connection", "mail": "link in a mail", "admin": "admin", "mcp": "MCP"}


def approval_sheet(approval: UUID, user: User) -> Sheet:
    """A request's sheet; raises what `approval_for` does."""
    found, _ = approval_for(approval, user.pk)
    return sheet_of(found, user.display_name)


def sheet_of(found: Approval, reader: str) -> Sheet:
    """A request's sheet, whose session, document and policy are loaded, for one of that name."""
    [standing] = standings([found])
    [info] = approval_infos([standing], whole=True)
    comments = Comment.objects.filter(approval=found).select_related("thread").order_by("at", "pk")[:MANY]
    return Sheet(
        found.title,
        info.explanation,
        _facts(found),
        found.description,
        policy_told(standing.policy),
        [_row(standing, vote) for vote in standing.votes],
        _said(standing, list(comments)),
        f"Made on {moment(timezone.now())} for {reader}. The audit trail has it as approval:{found.pk}.",
    )


def moment(at: datetime) -> str:
    """A moment to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _facts(approval: Approval) -> list[tuple[str, str | None]]:
    document, version, stored = approval.document, approval.version, approval.policy_version
    kept = version and (version.title or "kept for this request")
    changed = approval.state == Approval.State.PENDING and (approval.changed_seq is not None or drift(approval))
    return [
        ("Request", str(approval.pk)),
        ("Project", approval.project.name),
        ("Session", (approval.session.name or str(approval.session.pk)) if approval.session else None),
        ("Document", f"{document.title} ({document.pk})" if document else None),
        ("Version", f"{kept}, after event {approval.seq}" if version else None),
        ("Content (SHA-256)", approval.content_hash),
        ("Changed", "The document is not any more what this is about." if changed else None),
        ("Requested by", f"{approval.requester_name} ({approval.requester})"),
        ("Requested at", moment(approval.created_at)),
        ("Due at", moment(approval.expires_at) if approval.expires_at else None),
        ("Closed at", moment(approval.closed_at) if approval.closed_at else None),
        ("State", approval.state.replace("_", " ")),
        ("Reason", approval.reason),
        ("Policy", f"{stored.policy.name}, version {stored.number}" if stored else None),
    ]


def _called(vote: Vote) -> str:
    return VOTES[vote.decision]  # type: ignore[index]


def _row(standing: Standing, vote: Vote) -> list[str]:
    name = standing.policy.stages[vote.stage].name
    by = f", by {vote.voter_name} in their place" if vote.voter != vote.seat else ""
    return [
        f"{vote.stage + 1}, {name}" if name else str(vote.stage + 1),
        vote.seat_name + by,
        vote.decision.replace("_", " "),
        moment(vote.at),
        DOORS.get(vote.door, vote.door),
        vote.content_hash,
        "yes" if standing.counts(vote) else "no, stale",
    ]


def _said(standing: Standing, comments: Sequence[Comment]) -> list[Said]:
    """What was said with votes and besides, in order of time."""
    said = [
        (vote.at, Said(f"{vote.voter_name}, {moment(vote.at)}, with their {_called(vote)}", vote.comment))
        for vote in standing.votes
        if vote.comment
    ]
    for comment in comments:
        answers = f", answering {comment.thread.author_name}" if comment.thread else ""
        resolved = f" (resolved by {comment.resolved_by})" if comment.resolved_at else ""
        said.append((comment.at, Said(f"{comment.author_name}, {moment(comment.at)}{answers}{resolved}", comment.body)))
    return [each for _, each in sorted(said, key=lambda pair: pair[0])]
