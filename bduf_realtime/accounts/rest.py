"""Token authentication of REST calls, by the same reading as the sockets'."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
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
        user = User.objects.filter(pk=identity.user_id).first()
        if user is None:  # deleted since the line before
            raise AuthenticationFailed("The token's user does not exist.", code="auth.invalid")
        return user, claims

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="bduf_realtime"'


class PageAuthentication(SessionAuthentication):
    """Accepts a page's login session; who has none is told 401, as without a token."""

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="bduf_realtime"'
