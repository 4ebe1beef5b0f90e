"""When which trail was verified, how far, and what was found; it stands on the server's own trail."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from bduf_realtime.audit.examination import Finding
from bduf_realtime.audit.models import SERVER, AuditChain, AuditEntry
from bduf_realtime.audit.services import Actor, audit_record
from bduf_realtime.audit.verify import verify_chain

ACTION = "audit:verify"
LOOKED_THROUGH = 10_000  # newest entries of the server's trail among which verifications are looked for
FINDINGS_KEPT = 20


class Found(msgspec.Struct, frozen=True):
    """One thing that was wrong, from `seq` to `last`."""

    kind: str
    seq: int
    last: int
    detail: str


class Verification(msgspec.Struct, frozen=True):
    """One reading of a chain: up to which entry, how many things were wrong, and the first of them."""

    seq: int
    wrong: int
    findings: list[Found]
    at: datetime
    by: str


def chain_examine(chain: str) -> tuple[int, list[Finding]]:
    """Reads a chain from end to end; returns how far it went then, and what is wrong with it.

    Raises AuditChain.DoesNotExist.
    """
    head = AuditChain.objects.get(name=chain).head_seq
    return head if isinstance(head, int) else 0, list(verify_chain(chain))  # SQLite stores any type


def verification_record(
    *, chain: str, seq: int, findings: Sequence[Finding], by: Actor, door: str, reason: str = ""
) -> None:
    """Puts a verification on the server's trail, in the caller's transaction."""
    found = [Found(f.kind.value, f.seq, f.last, f.detail) for f in findings[:FINDINGS_KEPT]]
    details = {"seq": seq, "wrong": len(findings), "findings": msgspec.to_builtins(found)}
    details |= {"reason": reason} if reason else {}
    audit_record(project=None, action=ACTION, actor=by, target=_target(chain), details=details, door=door)


def verifications_of(chain: str, limit: int) -> list[Verification]:
    """The latest verifications of one chain, the newest first."""
    return [verification for _, verification in _read(_recent().filter(target=_target(chain)).order_by("-seq")[:limit])]


def latest_verifications(chains: Collection[str] | None = None) -> dict[str, Verification]:
    """The latest verification of each of these chains, or of all; nothing of one that was verified long ago."""
    found = _recent()
    if chains is not None:
        found = found.filter(target__in=[_target(chain) for chain in chains])
    return {target.removeprefix("project:"): verification for target, verification in _read(found.order_by("seq"))}


def _target(chain: str) -> str:
    return SERVER if chain == SERVER else f"project:{chain}"


def _recent() -> QuerySet[AuditEntry]:
    # By their numbers, for which there is an index; the rest of a long trail is not read.
    head = AuditChain.objects.filter(name=SERVER).values_list("head_seq", flat=True).first() or 0
    return AuditEntry.objects.filter(chain_id=SERVER, seq__gt=head - LOOKED_THROUGH, action=ACTION)


def _read(entries: QuerySet[AuditEntry]) -> Iterator[tuple[str, Verification]]:
    stored = entries.values_list("target", "at", "actor_name", Cast("details", TextField()))
    for target, at, by, details in stored:
        # Where the trail was changed by hand, an entry may say anything.
        with suppress(msgspec.MsgspecError, TypeError):
            yield target, msgspec.convert({**msgspec.json.decode(details), "at": at, "by": by}, Verification)
