"""Links in mails by which one person decides one request once, without signing in."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone

from approvals import metrics
from approvals.messages import ApprovalAnswer
from approvals.models import Approval, DecisionLink
from approvals.services.decisions import approval_decide
from approvals.states import Decision
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write
from notifications.models import Notification

DOOR = "mail"
PAGE = "/approvals/link/"
AT_ONCE = 1_000
# What asks its receiver to decide, and has such a link in a mail.
LINKED = ("approval.requested", "approval.delegated", "approval.escalated", "approval.reminded")
_signer = signing.Signer(salt="approvals.decision_link", sep=".")


def link_create(*, approval: Approval, user: User) -> str:
    """Makes a link for one who is asked to decide; returns its path.

    The token stands behind the #: no server's log, no referrer, and no scanner of mails that looks at it, has it.
    """
    until = timezone.now() + timedelta(seconds=conf.decision_link_lifetime)
    expires_at = min(until, approval.expires_at or until)
    with write():
        link = DecisionLink.objects.create(approval=approval, user=user, expires_at=expires_at)
    return f"{PAGE}#{_signer.sign(link.pk.hex)}"


def link_mailed(notification: Notification) -> str:
    """Where a mail leads that asks for a decision: to a link for its receiver, while there is something to decide."""
    approval = Approval.objects.filter(pk=notification.data["approval"], state=Approval.State.PENDING).first()
    path = link_create(approval=approval, user=notification.user) if approval else notification.link
    return f"{settings.PUBLIC_URL}{path}"


@metrics.refusals_of_links()
def link_read(*, token: str) -> DecisionLink:
    """Who may decide what by a link; looking at it does not use it up.

    Raises auth.invalid, auth.expired, auth.revoked, approval.already_decided.
    """
    try:
        key = UUID(_signer.unsign(token))
    except (signing.BadSignature, ValueError) as error:
        raise _invalid() from error
    link = DecisionLink.objects.select_related("user", "approval").filter(pk=key).first()
    if link is None:  # forgotten since it expired
        raise RealtimeError("auth.expired", "The link has expired.")
    if link.used_at is not None:
        raise _used(link)
    if link.expires_at <= timezone.now():
        raise RealtimeError("auth.expired", "The link has expired.")
    if not link.user.is_active:
        raise _invalid()
    if link.user.tokens_valid_after is not None and link.created_at < link.user.tokens_valid_after:
        raise RealtimeError("auth.revoked", "The link was taken back; sign in to decide.")
    return link


@metrics.refusals_of_links()
def link_decide(*, link: DecisionLink, decision: Decision, content_hash: str, comment: str = "") -> ApprovalAnswer:
    """Decides as the one whom a link was sent to, and uses it up, both or neither.

    Raises what `approval_decide` does.
    """
    with write():
        # Whoever comes second waits here, and finds it used.
        if not DecisionLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now()):
            raise _used(link)
        transaction.on_commit(metrics.links.labels("used").inc)
        return approval_decide(
            approval=link.approval_id,
            by=link.user,
            decision=decision,
            content_hash=content_hash,
            comment=comment,
            door=DOOR,
        )


def links_forget(*, before: datetime | None = None) -> int:
    """Deletes links that have expired; returns how many."""
    expired = DecisionLink.objects.filter(expires_at__lt=before or timezone.now()).order_by("expires_at")
    return DecisionLink.objects.filter(pk__in=list(expired.values_list("pk", flat=True)[:AT_ONCE])).delete()[0]


def _invalid() -> RealtimeError:
    return RealtimeError("auth.invalid", "The link is not valid; it may have been cut when it was copied.")


def _used(link: DecisionLink) -> RealtimeError:
    text = "This link was used; you have decided."
    return RealtimeError("approval.already_decided", text, details={"state": link.approval.state})
