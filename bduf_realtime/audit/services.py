"""The one way into the audit trail."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from bduf_realtime.audit.chain import (
    GENESIS,
    HASHED,
    ChainKey,
    derive_key,
    encode_json,
    entry_hash,
    head_seal,
)
from bduf_realtime.audit.examination import HEAD_FORGED
from bduf_realtime.audit.models import AuditChain, AuditEntry
from bduf_realtime.audit.selectors import chain_name

if TYPE_CHECKING:
    from bduf_realtime.accounts.models import User

log = structlog.get_logger(__name__)

DETAILS_BYTES = 16_384
ANCHOR_EVERY = 100  # entries of one chain between two anchors in the log stream

# Statements by hand: through the ORM an entry takes eight times as long (840 µs instead of 110), inside the
# transactions of other people's commands.
COLUMNS = [field.attname for field in AuditEntry._meta.concrete_fields]
AT, DETAILS = COLUMNS.index("at"), COLUMNS.index("details")
INSERT_ENTRY = (
    f"INSERT INTO audit_auditentry ({', '.join(COLUMNS)}) "  # noqa: S608 - names from the model
    f"VALUES ({', '.join(['%s'] * len(COLUMNS))})"
)
SELECT_HEADS = "SELECT name, head_seq, head_hash, head_seal FROM audit_auditchain"
UPDATE_HEAD = "UPDATE audit_auditchain SET head_seq = %s, head_hash = %s, head_seal = %s WHERE name = %s"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the trail remembers it once the account is gone."""

    id: str
    name: str
    kind: str
    acts_for: str | None = None

    @classmethod
    def of(cls, user: User) -> Actor:
        """Copies what the trail needs from an account."""
        return cls(str(user.pk), user.display_name, user.kind, str(user.acts_for_id) if user.acts_for_id else None)


SYSTEM = Actor(id="", name="system", kind="system")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One thing to put on record, in the words of `audit_record`."""

    project: UUID | str | None
    action: str
    actor: Actor
    target: str = ""
    details: Mapping[str, Any] | None = None
    door: str = "system"


def audit_record(
    *,
    project: UUID | str | None,
    action: str,
    actor: Actor,
    target: str = "",
    details: Mapping[str, Any] | None = None,
    door: str = "system",
) -> AuditEntry:
    """Appends one entry to a project's trail (None: the server's), in the caller's transaction.

    The chain stays locked until that transaction ends, so appenders of one project queue up. To record things
    of several projects in one transaction use `audit_record_many`, which takes its locks in one order.
    Details over 16 KiB of JSON are cut and marked `truncated`; texts are cut to their columns.
    Raises TransactionManagementError outside a transaction.
    """
    record = AuditRecord(project=project, action=action, actor=actor, target=target, details=details, door=door)
    return audit_record_many([record])[0]


def audit_record_many(records: Sequence[AuditRecord]) -> list[AuditEntry]:
    """Appends entries to any number of trails with one lock, one insert and one update per chain.

    Returns them in the order given. Raises TransactionManagementError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit_record must run inside the transaction it records.")
    if not records:
        return []
    keys = chain_keys()
    with connection.cursor() as cursor:
        chains = locked_chains(cursor, {chain_name(record.project) for record in records})
        warnings = [warning for chain in chains.values() if (warning := mend(chain, keys))]
        entries = [link(chains[chain_name(record.project)], record, keys[0]) for record in records]
        for chain in chains.values():
            chain.head_seal = head_seal(keys[0], chain.name, chain.head_seq, chain.head_hash)
        cursor.executemany(INSERT_ENTRY, [stored(entry) for entry in (*warnings, *entries)])
        cursor.executemany(UPDATE_HEAD, [(c.head_seq, c.head_hash, c.head_seal, c.name) for c in chains.values()])
    for entry in entries:
        entry._state.adding = False
        if entry.seq % ANCHOR_EVERY == 0:
            # After the commit: an anchor for an entry that was rolled back would be a false alarm for ever.
            transaction.on_commit(
                partial(log.info, "audit.anchor", chain=entry.chain_id, seq=entry.seq, hash=entry.hash)
            )
    return entries


def chain_keys() -> list[ChainKey]:
    """Returns the key that signs, then those of secrets that were rotated out but still count."""
    return [derive_key(secret) for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]]


def locked_chains(cursor: CursorWrapper, names: set[str]) -> dict[str, AuditChain]:
    """Locks chains in the order of their names, creating those that are new."""
    missing = sorted(names)
    chains: dict[str, AuditChain] = {}
    while missing:
        places = ", ".join(["%s"] * len(missing))
        lock = connection.ops.for_update_sql() if connection.features.has_select_for_update else ""
        cursor.execute(f"{SELECT_HEADS} WHERE name IN ({places}) ORDER BY name {lock}", missing)
        for name, head_seq, head_hash, seal in cursor.fetchall():
            chains[name] = AuditChain(name=name, head_seq=head_seq, head_hash=head_hash, head_seal=seal)
        missing = sorted(names - chains.keys())
        if missing:
            # Ignoring conflicts waits for another creator's commit; the second look then finds its row.
            AuditChain.objects.bulk_create([AuditChain(name=name) for name in missing], ignore_conflicts=True)
    return chains


def stored(entry: AuditEntry) -> list[Any]:
    """Returns an entry's values as INSERT_ENTRY takes them."""
    values = [getattr(entry, name) for name in COLUMNS]
    values[AT] = connection.ops.adapt_datetimefield_value(entry.at)
    values[DETAILS] = connection.ops.adapt_json_value(entry.details, None)
    return values


def mend(chain: AuditChain, keys: Sequence[ChainKey]) -> AuditEntry | None:
    """Puts a forged head on record, and goes on from the last entry there is.

    Sealing the next head without a word would hide the forgery for good.
    """
    if chain.is_sealed_by(keys):
        return None
    last = AuditEntry.objects.filter(chain=chain).order_by("seq").last()
    if last is None and chain.is_new:
        return None
    found = {"seq": chain.head_seq, "hash": chain.head_hash, "seal": chain.head_seal}
    log.error("audit.head_forged", chain=chain.name, seq=chain.head_seq)
    chain.head_seq, chain.head_hash = (last.seq, last.hash) if last else (0, GENESIS)
    return link(chain, AuditRecord(project=chain.project, action=HEAD_FORGED, actor=SYSTEM, details=found), keys[0])


def link(chain: AuditChain, record: AuditRecord, key: ChainKey) -> AuditEntry:
    """Makes the next entry of a locked chain and moves its head, in memory."""
    actor = record.actor
    entry = AuditEntry(
        chain_id=chain.name,
        seq=chain.head_seq + 1,
        at=timezone.now(),
        actor_id=text(actor.id, 100),
        actor_name=text(actor.name, 200),
        actor_kind=text(actor.kind, 20),
        acts_for=text(actor.acts_for or "", 100),
        door=text(record.door, 10),
        action=text(record.action, 100),
        target=text(record.target, 200),
        details=bounded(record.details),
        previous_hash=chain.head_hash,
    )
    content = {name: getattr(entry, name) for name in HASHED if name != "chain"}
    entry.hash = entry_hash(key, entry.previous_hash, {**content, "chain": chain.name})
    chain.head_seq, chain.head_hash = entry.seq, entry.hash
    return entry


def text(value: object, limit: int | None = None) -> str:
    """Returns a value as text that every database stores: no NUL, no half of a surrogate pair."""
    clean = str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return clean if limit is None or len(clean) <= limit else clean[: limit - 1] + "…"


def plain(value: object) -> Any:
    """Returns a value as JSON that reads back equal from SQLite's text and from PostgreSQL's `jsonb`."""
    if isinstance(value, Mapping):
        return {text(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        # `jsonb` returns 1e22 as an integer and -0.0 as 0.0.
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, bool | int):
        return value
    return text(value)


def bounded(details: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns details that fit: the start of the JSON and its size, where it is over 16 KiB."""
    kept: dict[str, Any] = plain(details or {})
    written = encode_json(kept)
    size = len(written.encode())
    if size <= DETAILS_BYTES:
        return kept
    # 4,000 characters stay under the limit in the widest UTF-8 and with every one of them escaped.
    return {"truncated": True, "bytes": size, "start": written[:4000]}
