"""Signing in and out over REST."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import authenticate, login, logout
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from bduf_realtime.accounts import services
from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.rest import PageAuthentication, caller
from bduf_realtime.accounts.tokens import Claims, PreciseRefreshToken, socket_token


class LoginThrottle(SimpleRateThrottle):
    """Counts attempts per address."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"login-address-{self.get_ident(request)}"


class InvitationThrottle(LoginThrottle):
    """Counts accepted invitations per address, apart from logins: a whole team may come in at once."""

    scope = "invitation"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"invitation-address-{self.get_ident(request)}"


class AccountThrottle(LoginThrottle):
    """Counts attempts per account, whatever address they come from."""

    def get_cache_key(self, request: Request, view: APIView) -> str:
        name = request.data.get("username", "") if isinstance(request.data, dict) else ""
        # A digest: caches limit what a key may be, and clients may say anything.
        digest = hashlib.sha256(str(name).lower().encode(errors="surrogatepass")).hexdigest()
        return f"login-account-{digest}"


class SignInSerializer(TokenObtainPairSerializer):
    token_class = PreciseRefreshToken


class RefreshSerializer(TokenRefreshSerializer):
    token_class = PreciseRefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Refuses what the library does not: tokens of a deleted user, or taken back by password change or sign-out."""
        refresh = self.token_class(attrs["refresh"])
        user = User.objects.filter(pk=refresh["user_id"]).first()
        if user is None:
            raise InvalidToken({"detail": "The token's user does not exist."})
        if user.tokens_valid_after is not None and refresh.get("iat", 0) < user.tokens_valid_after.timestamp():
            raise InvalidToken({"detail": "This token was taken back; sign in again."})
        return super().validate(attrs)


class SignIn(TokenObtainPairView):
    """Trades username and password for an access and a refresh token."""

    serializer_class = SignInSerializer
    throttle_classes = [LoginThrottle, AccountThrottle]


class Refresh(TokenRefreshView):
    """Trades a refresh token for a new pair; the old one is blacklisted."""

    serializer_class = RefreshSerializer


class SocketTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class SocketToken(APIView):
    """Trades a page's login session for a short-lived socket token; the CSRF token is required."""

    authentication_classes = [PageAuthentication]
    permission_classes = [IsAuthenticated]

    @extend_schema(request=None, responses=SocketTokenSerializer)
    def post(self, request: Request) -> Response:
        token = socket_token(caller(request))
        body = {"token": str(token), "expires_at": datetime.fromtimestamp(token["exp"], UTC)}
        return Response(SocketTokenSerializer(body).data, headers={"Cache-Control": "no-store"})


class PageSignInSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1_000, trim_whitespace=False)


class PageSession(APIView):
    """Begins and ends a page's login session, as the workspace does; the CSRF token is required."""

    authentication_classes = [PageAuthentication]
    permission_classes = [AllowAny]
    throttle_classes = [LoginThrottle, AccountThrottle]

    @extend_schema(request=PageSignInSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        PageAuthentication().enforce_csrf(request)  # which is else asked of those only who have signed in
        given = PageSignInSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(request, **given.validated_data)
        if user is None:
            raise AuthenticationFailed("No account has this name and this password.", code="auth.invalid")
        login(request._request, user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SignOutSerializer(serializers.Serializer[Any]):
    everywhere = serializers.BooleanField(default=False, help_text="Take back every token of the user.")


class SignOut(APIView):
    """Takes back the access token of this call, or with `{"everywhere": true}` every token of the user."""

    @extend_schema(request=SignOutSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        given = SignOutSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if given.validated_data["everywhere"]:
            services.user_sign_out_everywhere(user=caller(request))
        elif isinstance(request.auth, Claims):
            services.token_revoke(claims=request.auth)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeSerializer(serializers.ModelSerializer[User]):
    id = serializers.CharField()
    name = serializers.CharField(source="display_name")
    acts_for = serializers.CharField(source="acts_for_id", allow_null=True)

    class Meta:
        model = User
        fields = ["id", "username", "name", "kind", "acts_for", "email", "is_staff"]


class Me(APIView):
    """Tells who the caller is."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(caller(request)).data)
