"""What may be done to accounts and their tokens."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
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


def revoked_tokens_trim() -> int:
    """Forgets refused tokens that have expired by themselves; returns how many."""
    return RevokedToken.objects.filter(expires_at__lt=timezone.now()).delete()[0]
