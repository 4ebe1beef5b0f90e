"""Access tokens made by hand, byte by byte, from a genuine one."""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.commands import SECRET_KEY


@dataclass(frozen=True)
class Literal:
    """JSON that is written as given, though no library would write it."""

    text: str


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    return dict(decoded(token.split(".")[1]))


def signed(head: str, body: str, key: bytes, digest: str = "sha256") -> str:
    """Two encoded parts and their HMAC."""
    signature = hmac.new(key, f"{head}.{body}".encode(), digest).digest()
    return f"{head}.{body}.{encoded(signature)}"


def forged(
    token: str,
    claims: Mapping[str, Any] | None = None,
    *,
    header: Mapping[str, Any] | None = None,
    without: tuple[str, ...] = (),
    key: bytes = SECRET_KEY.encode(),
    digest: str = "sha256",
) -> str:
    """A genuine token with other claims or header fields, signed anew with the server's own key or another.

    It gets an id of its own, so that it is never the same token as the genuine one.
    """
    body = claims_of(token) | {"jti": uuid.uuid4().hex} | dict(claims or {})
    body = {name: value for name, value in body.items() if name not in without}
    head = {"alg": "HS256", "typ": "JWT"} | dict(header or {})
    return signed(encoded(written(head)), encoded(written(body)), key, digest)


def written(value: Mapping[str, Any]) -> bytes:
    """JSON, with its Literals as they are."""
    pairs = (f"{json.dumps(k)}:{v.text if isinstance(v, Literal) else json.dumps(v)}" for k, v in value.items())
    return f"{{{','.join(pairs)}}}".encode()


def unsigned(token: str, algorithm: str) -> str:
    """The token with no signature, and an algorithm that needs none."""
    head = encoded(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    return f"{head}.{token.split('.')[1]}."
