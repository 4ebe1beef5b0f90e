"""What operators do to connections, accounts and chains, each on the server's trail."""

from __future__ import annotations

from django.db.models import QuerySet

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.services import user_disable as account_disable
from bduf_realtime.accounts.services import user_enable as account_enable
from bduf_realtime.accounts.services import user_sign_out_everywhere
from bduf_realtime.audit.examination import Finding
from bduf_realtime.audit.models import AuditChain
from bduf_realtime.audit.services import Actor, AuditRecord, audit_record_many
from bduf_realtime.audit.verifications import chain_examine, verification_record
from bduf_realtime.gateway import presence
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.models import Connection
from bduf_realtime.rooms.transactions import write

# A second's work, beside the event loop.
ENTRIES_AT_ONCE = 50_000


def connections_cut(*, connections: QuerySet[Connection], by: User, door: str = "admin", reason: str = "") -> int:
    """Has open connections closed 4403, by whichever instances hold them; returns how many."""
    with write():
        wanted = list(connections.filter(closed_at=None, cut_at=None).values_list("pk", "user"))
        cut = presence.cut(Connection.objects.filter(pk__in=[pk for pk, _ in wanted]))
        audit_record_many(
            [_entry("connection:cut", by, f"connection:{pk}", door, {"user": str(user)}, reason) for pk, user in wanted]
        )
    return cut


def user_disable(*, user: User, by: User, door: str = "admin", reason: str = "") -> None:
    """Shuts an account; its sockets close 4423. Raises perm.denied for one's own, and for staff's."""
    if user == by:
        raise RealtimeError("perm.denied", "That is your own account.")
    _refuse_staff(user, by)
    with write():
        account_disable(user=user)
        audit_record_many([_entry("user:disable", by, f"user:{user.pk}", door, {}, reason)])


def user_enable(*, user: User, by: User, door: str = "admin", reason: str = "") -> None:
    """Opens an account that was shut. Raises perm.denied for staff's."""
    _refuse_staff(user, by)
    with write():
        account_enable(user=user)
        audit_record_many([_entry("user:enable", by, f"user:{user.pk}", door, {}, reason)])


def user_sign_out(*, user: User, by: User, door: str = "admin", reason: str = "") -> None:
    """Takes back every token of a user; its sockets close 4401. Raises perm.denied for staff's."""
    _refuse_staff(user, by)
    with write():
        user_sign_out_everywhere(user=user)
        audit_record_many([_entry("user:sign_out", by, f"user:{user.pk}", door, {}, reason)])


def chain_verify(*, chain: str, by: User, door: str = "admin", reason: str = "") -> list[Finding]:
    """Reads a chain and returns what is wrong with it. Raises quota.exceeded for one that is too long for a request."""
    if AuditChain.objects.filter(name=chain, head_seq__gt=ENTRIES_AT_ONCE).exists():
        command = f"manage.py audit_verify --record --project {chain}"
        raise RealtimeError("quota.exceeded", f"It has more than {ENTRIES_AT_ONCE:,} entries; run {command}")
    seq, findings = chain_examine(chain)
    with write():
        verification_record(chain=chain, seq=seq, findings=findings, by=Actor.of(by), door=door, reason=reason)
    return findings


def _refuse_staff(user: User, by: User) -> None:
    if user != by and not by.is_superuser and (user.is_staff or user.is_superuser):
        raise RealtimeError("perm.denied", "Accounts of staff are managed by superusers.")


def _entry(action: str, by: User, target: str, door: str, details: dict[str, str], reason: str) -> AuditRecord:
    known = {**details, **({"reason": reason} if reason else {})}
    return AuditRecord(project=None, action=action, actor=Actor.of(by), target=target, details=known, door=door)
