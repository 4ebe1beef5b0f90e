"""Taking tokens back, shutting accounts, and forgetting what expired by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from bduf_realtime.accounts import services
from bduf_realtime.accounts.models import RevokedToken, User
from bduf_realtime.accounts.tokens import (
    PreciseAccessToken,
    PreciseRefreshToken,
    TokenRefused,
    identify,
    read_access_token,
)
from tests.people import person

pytestmark = pytest.mark.django_db


def refusal_of(raw: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        identify(read_access_token(raw))
    return refused.value.code


def test_one_token_is_taken_back_and_the_others_are_not() -> None:
    user = person()
    lost, kept = str(PreciseAccessToken.for_user(user)), str(PreciseAccessToken.for_user(user))
    services.token_revoke(claims=read_access_token(lost))
    services.token_revoke(claims=read_access_token(lost))
    assert refusal_of(lost) == "revoked"
    assert identify(read_access_token(kept)).user_id == str(user.pk)
    assert RevokedToken.objects.get().user == user


def test_signing_out_everywhere_takes_back_access_and_refresh_tokens() -> None:
    user, other = person(), person()
    access, refresh = PreciseAccessToken.for_user(user), PreciseRefreshToken.for_user(user)
    others = PreciseRefreshToken.for_user(other)
    services.user_sign_out_everywhere(user=user)
    services.user_sign_out_everywhere(user=user)
    assert refusal_of(str(access)) == "revoked"
    with pytest.raises(TokenError):
        PreciseRefreshToken(str(refresh))
    assert PreciseRefreshToken(str(others))["user_id"] == str(other.pk)
    assert identify(read_access_token(str(PreciseAccessToken.for_user(user)))).user_id == str(user.pk)


def test_a_disabled_account_is_refused_at_once() -> None:
    user = person()
    access = str(PreciseAccessToken.for_user(user))
    services.user_disable(user=user)
    assert refusal_of(access) == "disabled"
    assert not User.objects.get(pk=user.pk).is_active


def test_tokens_that_expired_by_themselves_are_forgotten() -> None:
    now = timezone.now()
    RevokedToken.objects.create(jti="old", expires_at=now - timedelta(seconds=1))
    RevokedToken.objects.create(jti="young", expires_at=now + timedelta(hours=1))
    assert services.revoked_tokens_trim() == 1
    assert services.revoked_tokens_trim() == 0
    assert RevokedToken.objects.get().jti == "young"


def test_refresh_tokens_are_forgotten_with_what_was_said_of_them_once_they_have_expired() -> None:
    ada = person()
    old, young = PreciseRefreshToken.for_user(ada), PreciseRefreshToken.for_user(ada)
    for token in (old, young):
        token.blacklist()
    OutstandingToken.objects.filter(jti=old["jti"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert services.revoked_tokens_trim() == 1
    assert services.revoked_tokens_trim() == 0
    assert OutstandingToken.objects.get().jti == young["jti"]
    assert BlacklistedToken.objects.get().token.jti == young["jti"]
