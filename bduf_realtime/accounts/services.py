"""What may be done to accounts and their tokens."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from bduf_realtime.accounts.models import RevokedToken, User
from bduf_realtime.accounts.tokens import Claims


def token_revoke(*, claims: Claims) -> None:
    """Takes one access token back; live sockets that use it close within the revocation interval."""
    RevokedToken.objects.get_or_create(
        jti=claims.jti,
        defaults={"user_id": claims.user_id, "expires_at": datetime.fromtimestamp(claims.expires_at, UTC)},
    )


@transaction.atomic
def user_sign_out_everywhere(*, user: User) -> None:
    """Takes every token of the user back, refresh tokens included."""
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

    user.tokens_valid_after = timezone.now()
    user.save(update_fields=["tokens_valid_after"])
    for token in OutstandingToken.objects.filter(user=user, blacklistedtoken__isnull=True):
        BlacklistedToken.objects.get_or_create(token=token)


@transaction.atomic
def user_disable(*, user: User) -> None:
    """Shuts an account: no sign-in, no refresh, and its live sockets close 4423."""
    user.is_active = False
    user.save(update_fields=["is_active"])


def user_enable(*, user: User) -> None:
    """Opens an account that was shut; tokens from before are good again unless they were taken back."""
    user.is_active = True
    user.save(update_fields=["is_active"])


def guest_create(*, name: str) -> User:
    """Makes an account nobody can sign in to, for somebody who comes in by an invitation."""
    user = User(username=f"guest-{secrets.token_hex(12)}", name=name, is_guest=True)
    user.set_unusable_password()
    user.save()
    return user


def guests_delete(*, joined_before: datetime, but: QuerySet[Any]) -> int:
    """Deletes guests who came before a moment, except those whose ids `but` yields; returns how many."""
    old = User.objects.filter(is_guest=True, date_joined__lt=joined_before).exclude(pk__in=but)
    return sum(1 for guest in old[:500] if guest.delete())


def revoked_tokens_trim() -> int:
    """Forgets tokens that have expired by themselves: refused ones, and every refresh token; returns how many."""
    from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

    now = timezone.now()
    refreshing = OutstandingToken.objects.filter(expires_at__lt=now).order_by("pk")[:5_000]
    forgotten = OutstandingToken.objects.filter(pk__in=list(refreshing.values_list("pk", flat=True))).delete()
    refused = RevokedToken.objects.filter(expires_at__lt=now).delete()
    return forgotten[1].get("token_blacklist.OutstandingToken", 0) + refused[0]


def page_sessions_trim() -> int:
    """Forgets login sessions of pages that have expired; returns how many."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]
