"""Token authentication of REST calls, by the same reading as the sockets'."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import Claims, TokenRefused, identify, read_access_token


def caller(request: Request) -> User:
    """The signed-in user of a call; views that ask for it let nobody else in."""
    assert isinstance(request.user, User)  # noqa: S101
    return request.user


class TokenAuthentication(BaseAuthentication):
    """Accepts `Authorization: Bearer <access token>`."""

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        scheme, _, raw = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = read_access_token(raw.strip())
            identity = identify(claims)
        except TokenRefused as refused:
            code = "invalid" if refused.code == "disabled" else refused.code
            raise AuthenticationFailed(refused.message, code=f"auth.{code}") from refused
        return User.objects.get(pk=identity.user_id), claims

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="bduf_realtime"'
