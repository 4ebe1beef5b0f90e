"""Who takes part in a session, over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.openapi import page_of, shape
from bduf_realtime.gateway.rest import PageQuery, paged, refuse_unknown
from collaboration import selectors, services
from collaboration.messages import ParticipantDetail, ParticipantInfo
from collaboration.serializers import ReasonSerializer, RoleSerializer, ShownQuery


class Participants(APIView):
    """Who is in a session, with where they stand: their connections' state, last activity and cursor."""

    @extend_schema(parameters=[ShownQuery, PageQuery], responses={200: page_of(ParticipantDetail)})
    def get(self, request: Request, pk: UUID) -> Response:
        refuse_unknown(request, {"show", "limit", "offset"})
        session, _ = selectors.session_inside(pk, caller(request))
        query = ShownQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return paged(selectors.participants_detailed(session, query.validated_data["show"]), request, self)


class ParticipantDetailView(APIView):
    """One participant of a session."""

    @extend_schema(request=RoleSerializer, responses={200: shape(ParticipantInfo)})
    def patch(self, request: Request, pk: UUID, user: UUID) -> Response:
        """Gives the participant another role."""
        given = RoleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        role = given.validated_data["role"]
        return _shown(services.participant_role(session=pk, user=user, role=role, by=caller(request)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID, user: UUID) -> Response:
        """Shows the participant out."""
        services.participant_remove(session=pk, user=user, by=caller(request))
        return Response(status=204)


class ParticipantStep(APIView):
    """A decision about somebody at a session's door."""

    step: Callable[..., ParticipantInfo]

    @extend_schema(request=ReasonSerializer, responses={200: shape(ParticipantInfo)})
    def post(self, request: Request, pk: UUID, user: UUID) -> Response:
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return _shown(type(self).step(session=pk, user=user, by=caller(request), reason=given.validated_data["reason"]))


class Admit(ParticipantStep):
    """Lets somebody in who waits, or who was turned away or removed."""

    step = staticmethod(services.participant_admit)


class Deny(ParticipantStep):
    """Turns somebody away who waits."""

    step = staticmethod(services.participant_deny)


def _shown(info: Any) -> Response:
    return Response(msgspec.to_builtins(info))
