"""Invitations to sessions by link, over REST."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.rest import caller
from bduf_realtime.accounts.tokens import guest_token
from bduf_realtime.accounts.views import InvitationThrottle
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.rooms.events import timestamp
from collaboration import selectors, services
from collaboration.messages import InvitationAccepted
from collaboration.models import Invitation
from collaboration.serializers import AcceptSerializer, InvitationSerializer, NewInvitationSerializer


class Invitations(generics.ListAPIView[Invitation]):
    """A session's invitations that may still be used."""

    serializer_class = InvitationSerializer
    queryset = Invitation.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Invitation]:
        selectors.session_managed(self.kwargs["pk"], caller(self.request))
        return selectors.invitations_open(self.kwargs["pk"])

    @extend_schema(request=InvitationSerializer, responses={201: NewInvitationSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Makes an invitation; its token is in this answer and in no other."""
        given = InvitationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        invitation, token = services.invitation_create(session=pk, by=caller(request), **given.validated_data)
        link = request.build_absolute_uri(f"/#invitation={token}")
        shown: dict[str, Any] = {**InvitationSerializer(invitation).data, "token": token, "link": link}
        return Response(shown, status=status.HTTP_201_CREATED)


class InvitationDetail(APIView):
    """One invitation to a session."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID, invitation: UUID) -> Response:
        """Takes an invitation back; who came in by it stays."""
        services.invitation_revoke(session=pk, invitation=invitation, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AcceptInvitation(APIView):
    """Uses an invitation: for the account that calls, or, without one, as a guest who gets a token."""

    permission_classes = [AllowAny]
    throttle_classes = [InvitationThrottle]

    @extend_schema(request=AcceptSerializer, responses={200: shape(InvitationAccepted)}, auth=[])
    def post(self, request: Request) -> Response:
        given = AcceptSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        by = request.user if isinstance(request.user, User) else None
        session, user, role = services.invitation_accept(
            secret=given.validated_data["token"], by=by, name=given.validated_data["name"]
        )
        answer: dict[str, Any] = {
            "session": str(session.pk),
            "role": role,
            "user": {"id": str(user.pk), "name": user.display_name, "kind": user.kind},
            "access": None,
            "expires_at": None,
        }
        if by is None:
            token = guest_token(user)
            answer |= {"access": str(token), "expires_at": timestamp(datetime.fromtimestamp(token["exp"], UTC))}
        return Response(answer)
