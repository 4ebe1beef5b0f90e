"""Access tokens: how they are issued, and the strict reading every door shares."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from bduf_realtime.accounts.models import RevokedToken, User

ALGORITHM = "HS256"
LATEST_TIME = 253_402_300_799  # 9999-12-31: what a datetime can hold


class TokenRefused(Exception):
    """Says why a credential is not accepted; `code` is one of invalid, expired, revoked, disabled."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says: its user, its id, and when it was issued and ends (Unix seconds)."""

    user_id: UUID
    jti: str
    issued_at: float | None
    expires_at: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is at the other end of a connection."""

    user_id: str
    name: str
    kind: str
    acts_for: str | None
    is_staff: bool
    jti: str
    issued_at: float | None
    expires_at: float


class PreciseAccessToken(AccessToken):
    """An access token whose `iat` has microseconds, so that a password change splits one second rightly."""

    def set_iat(self, claim: str = "iat", at_time: datetime | None = None) -> None:
        self.payload[claim] = (at_time or timezone.now()).timestamp()


class PreciseRefreshToken(RefreshToken):
    """A refresh token that yields precise access tokens."""

    access_token_class = PreciseAccessToken

    def set_iat(self, claim: str = "iat", at_time: datetime | None = None) -> None:
        self.payload[claim] = (at_time or timezone.now()).timestamp()


def socket_token(user: User) -> PreciseAccessToken:
    """Issues the short-lived token that a logged-in page opens its socket with."""
    token = PreciseAccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(seconds=settings.SOCKET_TOKEN_LIFETIME))
    return token


def guest_token(user: User) -> PreciseAccessToken:
    """Issues the one token that a guest gets."""
    token = PreciseAccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(seconds=settings.GUEST_TOKEN_LIFETIME))
    return token


def read_access_token(raw: str, now: float | None = None) -> Claims:
    """Checks signature, algorithm, type and every time of a token, without touching the database.

    Raises TokenRefused. Only the configured key and algorithm are ever used: `alg`, `kid`, `jku`, `x5u` and `jwk`
    headers choose nothing, and an unknown `crit` extension is refused.
    """
    now = time.time() if now is None else now
    invalid = TokenRefused("invalid", "The token is not valid.")
    try:
        header = jwt.get_unverified_header(raw)
        if "crit" in header or header.get("b64", True) is not True:
            raise invalid
        claims: dict[str, Any] = jwt.decode(
            raw,
            settings.SIMPLE_JWT["SIGNING_KEY"],
            algorithms=[ALGORITHM],
            audience=settings.SIMPLE_JWT["AUDIENCE"],
            issuer=settings.SIMPLE_JWT["ISSUER"],
            options={
                "verify_aud": settings.SIMPLE_JWT["AUDIENCE"] is not None,
                # The times are judged below: the library takes strings, and overflows on absurd numbers.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise invalid from error
    expires_at = _time(claims, "exp")
    issued_at = _time(claims, "iat", optional=True)
    not_before = _time(claims, "nbf", optional=True)
    jti = claims.get("jti")
    if expires_at is None or claims.get("token_type") != "access" or not isinstance(jti, str):
        raise invalid
    if not 0 < len(jti) <= 255:  # without an id it could not be taken back alone
        raise invalid
    latest_start = now + settings.TOKEN_LEEWAY
    if (issued_at or 0) > latest_start or (not_before or 0) > latest_start:
        raise TokenRefused("invalid", "The token is not valid yet.")
    if expires_at - (now if issued_at is None else issued_at) > settings.TOKEN_MAX_LIFETIME + 1:
        raise TokenRefused("invalid", "The token lives longer than this server accepts.")
    try:
        user_id = UUID(str(claims.get("user_id")))
    except ValueError as error:
        raise invalid from error
    if expires_at <= now:
        raise TokenRefused("expired", "The token has expired; refresh it and connect again.")
    return Claims(user_id, jti, issued_at, expires_at)


def _time(claims: dict[str, Any], name: str, optional: bool = False) -> float | None:
    value = claims.get(name)
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused("invalid", f"The token's {name} is not a time.")
    if not 0 <= value <= LATEST_TIME:  # NaN is not either
        raise TokenRefused("invalid", f"The token's {name} is out of range.")
    return float(value)


def identify(claims: Claims) -> Identity:
    """Loads the token's user and judges both; raises TokenRefused for a deleted, disabled or revoked one."""
    verdict = identify_many([claims])[0]
    if isinstance(verdict, TokenRefused):
        raise verdict
    return verdict


def identify_many(claims: Sequence[Claims]) -> list[Identity | TokenRefused]:
    """Judges many tokens in two queries."""
    users = {user.pk: user for user in User.objects.filter(pk__in={c.user_id for c in claims})}
    revoked = _revoked({c.jti for c in claims})
    verdicts: list[Identity | TokenRefused] = []
    for c in claims:
        user = users.get(c.user_id)
        refused = _judge(user, c.jti in revoked, c.issued_at)
        verdicts.append(refused or _identity(user, c))
    return verdicts


def refusals(identities: Sequence[Identity]) -> dict[str, TokenRefused]:
    """Judges many live identities in two queries; returns the refusal of each `jti` that lost its right."""
    known = User.objects.only("pk", "is_active", "tokens_valid_after")
    users = {str(user.pk): user for user in known.filter(pk__in={i.user_id for i in identities})}
    revoked = _revoked({i.jti for i in identities})
    found: dict[str, TokenRefused] = {}
    for identity in identities:
        refused = _judge(users.get(identity.user_id), identity.jti in revoked, identity.issued_at)
        if refused is not None:
            found[identity.jti] = refused
    return found


def _revoked(jtis: set[str]) -> set[str]:
    return set(RevokedToken.objects.filter(pk__in=jtis).values_list("pk", flat=True))


def _judge(user: User | None, revoked: bool, issued_at: float | None) -> TokenRefused | None:
    if user is None:
        return TokenRefused("invalid", "The token's user does not exist.")
    if not user.is_active:
        return TokenRefused("disabled", "This account is disabled.")
    valid_after = user.tokens_valid_after
    if revoked or (valid_after is not None and (issued_at is None or issued_at < valid_after.timestamp())):
        return TokenRefused("revoked", "This token was taken back; sign in again.")
    return None


def _identity(user: User | None, claims: Claims) -> Identity:
    assert user is not None  # noqa: S101 - judged before
    return Identity(
        str(user.pk),
        user.display_name,
        user.kind,
        str(user.acts_for_id) if user.acts_for_id else None,
        user.is_staff,
        claims.jti,
        claims.issued_at,
        claims.expires_at,
    )
