"""How an audit trail is chained: the canonical form of an entry, its keyed hash, and the seal on the head."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

GENESIS = "0" * 64  # what the first entry of a chain names as the hash before it

# The columns a hash covers, beside the hash before it. `chain` and `seq` bind an entry to its place.
HASHED = (
    "chain",
    "seq",
    "at",
    "actor_id",
    "actor_name",
    "actor_kind",
    "acts_for",
    "door",
    "action",
    "target",
    "details",
)


@dataclass(frozen=True, slots=True)
class ChainKey:
    """Two secrets derived from one: a hash made for an entry can never pass as the seal of a head."""

    entries: bytes
    heads: bytes


@lru_cache(maxsize=16)
def derive_key(secret: str | bytes) -> ChainKey:
    """Derives the chain's keys from the server's secret (the expand step of HKDF, RFC 5869)."""
    raw = secret.encode() if isinstance(secret, str) else secret
    entries = hmac.digest(raw, b"bduf audit chain v1", "sha256")
    return ChainKey(entries=entries, heads=hmac.digest(entries, b"head", "sha256"))


def instant(value: object) -> object:
    """Returns a timestamp as ISO text in UTC with microseconds; anything else comes back as it is.

    Takes what a database driver returns: an aware datetime, or text, where naive means UTC.
    """
    moment = value
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return value
    if not isinstance(moment, datetime):
        return value
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


# `default=str`: a column that was tampered with may hold anything, and must give a wrong hash, not an error.
encode_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode


def canonical(content: Mapping[str, object]) -> bytes:
    """Serialises what an entry says, one way only: sorted keys, no spaces, UTF-8, timestamps by `instant`.

    `content` has the keys of HASHED; `details` is the parsed JSON value.
    """
    return encode_json({**content, "at": instant(content["at"])}).encode("utf-8", "surrogatepass")


def entry_hash(key: ChainKey, previous_hash: str, content: Mapping[str, object]) -> str:
    """Returns the hash of one entry, 64 hex digits: HMAC-SHA256 over the hash before it and its content."""
    message = str(previous_hash).encode("utf-8", "surrogatepass") + b"\n" + canonical(content)
    return hmac.digest(key.entries, message, "sha256").hex()


def head_seal(key: ChainKey, chain: str, seq: int, hash: str) -> str:
    """Returns the seal of a chain's head: without the key, nobody can set it back to an earlier entry."""
    message = encode_json([chain, seq, hash]).encode("utf-8", "surrogatepass")
    return hmac.digest(key.heads, message, "sha256").hex()
