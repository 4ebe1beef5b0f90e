"""The door: which handshakes are let in, and how a credential becomes an identity."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.models import Count
from django.db.models.functions import Now
from django.http.request import split_domain_port, validate_host

from bduf_realtime.accounts.tokens import (
    Claims,
    Identity,
    TokenRefused,
    identify,
    identify_many,
    read_access_token,
)
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.gateway.models import Connection

PROTOCOL = "bduf.v1"
MAX_HEADER = 16_384
_TOKEN_NAME = re.compile(r"(access_?|auth_?|bearer_?|id_?|refresh_?|socket_?)?(token|jwt)|authorization|bearer", re.I)
# Only at the beginning of a word: a long row of "eyJ" would else be searched in quadratic time.
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]+\.eyJ[\w-]+\.")


class HandshakeRefused(Exception):
    """The handshake gets HTTP 403; `args[0]` is the metric's label."""


class Handshake(msgspec.Struct, frozen=True):
    """What an acceptable handshake brought along."""

    credential: str | None
    subprotocol: str | None
    supported: bool
    address: str
    user_agent: str


def read_handshake(scope: Mapping[str, Any]) -> Handshake:
    """Judges a handshake before it is accepted; raises HandshakeRefused.

    Cheap refusals that a browser need not understand come here: a token in the URL, a foreign Origin or Host. Bad
    credentials are judged after the accept, where a close code can be read.
    """
    headers: dict[str, list[str]] = {}
    for raw_name, raw_value in scope["headers"]:
        if len(raw_value) > MAX_HEADER:
            raise HandshakeRefused("header_too_large")
        headers.setdefault(raw_name.decode("latin-1").lower(), []).append(raw_value.decode("latin-1"))
    _refuse_token_in_url(scope.get("query_string", b"").decode("latin-1"))
    host = _one(headers, "host") or ""
    if not _known_host(host, tuple(settings.ALLOWED_HOSTS)):
        raise HandshakeRefused("host")
    origin = _one(headers, "origin")
    if origin is not None and not _allowed(origin, host, scope.get("scheme", "ws")):
        raise HandshakeRefused("origin")
    credential = _bearer(_one(headers, "authorization"))
    offered = [p.strip() for p in ",".join(headers.get("sec-websocket-protocol", [])).split(",") if p.strip()]
    carried = [p[len("bearer.") :] for p in offered if p.startswith("bearer.")]
    names = [p for p in offered if not p.startswith("bearer.")]
    if credential is None and carried:
        credential = carried[0]
    if credential is None and origin is None and "cookie" in headers:
        raise HandshakeRefused("cookie")
    supported = not names or PROTOCOL in names
    # Even an unsupported one is echoed: without an answer a browser would hide the close code from the page.
    chosen = PROTOCOL if PROTOCOL in names else names[0] if names else None
    return Handshake(credential, chosen, supported, _address(scope, headers), headers.get("user-agent", [""])[0][:255])


@lru_cache(maxsize=256)
def _known_host(host: str, allowed: tuple[str, ...]) -> bool:
    return validate_host(split_domain_port(host)[0], allowed)


def _one(headers: dict[str, list[str]], name: str) -> str | None:
    values = headers.get(name, [])
    if len(values) > 1:
        raise HandshakeRefused(f"two_{name}_headers" if name in ("origin", "host") else "duplicate_header")
    return values[0] if values else None


def _refuse_token_in_url(query: str) -> None:
    names = (part.partition("=")[0] for part in query.split("&"))
    if _JWT.search(unquote_plus(query)) or any(_TOKEN_NAME.fullmatch(unquote_plus(n)[:64]) for n in names):
        raise HandshakeRefused("token_in_url")


def _allowed(origin: str, host: str, scheme: str) -> bool:
    if settings.ALLOWED_ORIGINS:
        return "*" in settings.ALLOWED_ORIGINS or origin in settings.ALLOWED_ORIGINS
    return origin == f"{'https' if scheme == 'wss' else 'http'}://{host}"


def _bearer(header: str | None) -> str | None:
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else header


def _address(scope: Mapping[str, Any], headers: dict[str, list[str]]) -> str:
    """The peer, or, behind trusted proxies, what the nearest of them saw."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    proxies = settings.REST_FRAMEWORK["NUM_PROXIES"]
    if proxies:
        hops = [hop.strip() for hop in ",".join(headers.get("x-forwarded-for", [])).split(",") if hop.strip()]
        address = hops[-min(proxies, len(hops))] if hops else address
    return address[:64]


def authenticate_many(raws: Sequence[str], limit: int) -> list[Identity | RealtimeError]:
    """Turns credentials into identities, in a database thread, in three queries whatever their number.

    A refusal carries the close it means. `limit` is how many connections one user may have on all instances.
    """
    read = [_read(raw) for raw in raws]
    judged = iter(identify_many([claims for claims in read if isinstance(claims, Claims)]))
    verdicts = [next(judged) if isinstance(claims, Claims) else claims for claims in read]
    living = Connection.objects.filter(closed_at=None, instance__expires_at__gt=Now())
    users = {UUID(verdict.user_id) for verdict in verdicts if isinstance(verdict, Identity)}
    open_ = dict(living.filter(user__in=users).values_list("user").annotate(Count("pk")))
    outcomes: list[Identity | RealtimeError] = []
    for verdict in verdicts:
        if isinstance(verdict, TokenRefused):
            outcomes.append(refusal(verdict))
        elif open_.get(UUID(verdict.user_id), 0) >= limit:
            text = f"You already have {limit} connections open."
            outcomes.append(RealtimeError("quota.exceeded", text, close=Close.TOO_MANY_CONNECTIONS))
        else:
            outcomes.append(verdict)
    return outcomes


def _read(raw: str) -> Claims | TokenRefused:
    try:
        return read_access_token(raw)
    except TokenRefused as refused:
        return refused


def judge(raw: str) -> Identity:
    """Reads and judges a token, in a database thread; raises RealtimeError with the close it means."""
    try:
        return identify(read_access_token(raw))
    except TokenRefused as refused:
        raise refusal(refused) from refused


def refusal(refused: TokenRefused) -> RealtimeError:
    """What a refused token means on the wire."""
    if refused.code == "disabled":
        return RealtimeError("auth.invalid", refused.message, close=Close.ACCOUNT_DISABLED)
    return RealtimeError(f"auth.{refused.code}", refused.message, close=Close.UNAUTHENTICATED)
