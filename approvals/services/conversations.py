"""What people say on requests, and which conversations are closed."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from approvals import selectors
from approvals.messages import ApprovalAnswer, ApprovalCommented, ApprovalInfo, ApprovalUpdated
from approvals.models import Approval, Comment
from approvals.selectors import Standing
from approvals.services.acting import Acting, judge, lock_approval, publish, role_of
from approvals.services.notices import Told, key_of, notice
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write
from collaboration import roles

MAX_COMMENTS = 1_000


def approval_comment(
    *, approval: UUID, body: str, by: User, thread: UUID | None = None, door: str = "rest", connection: str = ""
) -> ApprovalAnswer:
    """Says something on a request, also when that is closed; begins a conversation, or answers in one.

    Raises approval.not_found, perm.denied, session.join_pending, msg.bad_value, quota.exceeded.
    """
    acting = Acting(by, door, connection)
    with write():
        found = lock_approval(approval)
        role_of(found, acting)
        if not body.strip():
            raise RealtimeError("msg.bad_value", "A comment has something in it to see.", details={"field": "body"})
        if found.comments.count() >= MAX_COMMENTS:
            raise RealtimeError("quota.exceeded", f"A request may have {MAX_COMMENTS} comments.")
        begun = _thread(found, thread, "thread") if thread else None
        comment = Comment.objects.create(
            approval=found,
            thread=begun,
            author=str(by.pk),
            author_name=by.display_name,
            body=body,
            round=found.round,
        )
        [standing] = selectors.standings([found])
        shown = selectors.comment_info(comment)
        details = {"comment": shown.id} | ({"thread": shown.thread} if begun else {})
        return publish(
            standing,
            acting,
            "commented",
            lambda info: ApprovalCommented(info, shown),
            was=key_of(found),
            action="comment",
            details=details,
            told=_heard(standing, comment),
            comment=shown,
        )


def approval_resolve(
    *, approval: UUID, comment: UUID, resolved: bool, by: User, door: str = "rest", connection: str = ""
) -> ApprovalAnswer:
    """Closes a conversation, or opens it again; for whoever may write.

    The last one to be closed may be what a request still waited for.
    Raises approval.not_found, perm.denied, session.join_pending, msg.bad_value.
    """
    now, acting = timezone.now(), Acting(by, door, connection)
    with write():
        found = lock_approval(approval)
        roles.require(role_of(found, acting), "write")
        begun, was = _thread(found, comment, "comment"), key_of(found)
        begun.resolved_at, begun.resolved_by = (now, by.display_name) if resolved else (None, "")
        begun.save(update_fields=["resolved_at", "resolved_by"])
        standing = judge(found, now)
        details = {"comment": str(comment), "resolved": resolved}
        return publish(standing, acting, "updated", _resolved, was=was, action="resolve", details=details)


def _thread(approval: Approval, comment: UUID, field: str) -> Comment:
    """The comment that began a conversation; raises msg.bad_value."""
    found = approval.comments.filter(pk=comment, thread=None).first()
    if found is None:
        text = "That comment did not begin a conversation on this request."
        raise RealtimeError("msg.bad_value", text, details={"field": field})
    return found


def _heard(standing: Standing, comment: Comment) -> list[Told]:
    """Who is told of a comment: who asked, and those in the conversation."""
    approval = standing.approval
    spoke = approval.comments.filter(thread=comment.thread).values_list("author", flat=True) if comment.thread else ()
    users = {approval.requester, comment.thread.author if comment.thread else "", *spoke} - {comment.author}
    said = notice(approval, "approval.commented", f"{comment.author_name} commented", comment.body[:500])
    return [(UUID(user), said) for user in sorted(users & standing.people.roles.keys())]


def _resolved(info: ApprovalInfo) -> ApprovalUpdated:
    return ApprovalUpdated(info, "resolved", info.stale)
