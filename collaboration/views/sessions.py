"""Sessions, their course and their events over REST."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import refuse_unknown
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration import selectors, services
from collaboration.messages import EventPage
from collaboration.models import Session
from collaboration.serializers import EventsQuery, ReasonSerializer, SessionChangeSerializer, SessionSerializer


class SessionFilters(filters.FilterSet):
    project = filters.UUIDFilter(field_name="project_id")
    status = filters.ChoiceFilter(choices=Session.Status.choices)
    tag = filters.CharFilter(method="tagged", max_length=50, help_text="One of the session's tags.")
    name = filters.CharFilter(lookup_expr="icontains", max_length=200, help_text="Part of the name.")
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    def tagged(self, sessions: QuerySet[Session], name: str, tag: str) -> QuerySet[Session]:
        return selectors.sessions_tagged(sessions, tag)


class Sessions(generics.ListCreateAPIView[Session]):
    """The sessions of the caller's projects, and those the caller was invited to."""

    serializer_class = SessionSerializer
    filterset_class = SessionFilters
    ordering_fields = ["name", "created_at", "ended_at", "status"]
    queryset = Session.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Session]:
        return selectors.sessions_for(caller(self.request))

    def perform_create(self, serializer: Any) -> None:
        given, by = serializer.validated_data, caller(self.request)
        serializer.instance = services.session_create(
            project=selectors.project_known(given["project_id"], by),
            by=by,
            name=given.get("name", ""),
            settings=given.get("settings"),
            tags=given.get("tags", ()),
        )


class SessionDetail(generics.RetrieveUpdateAPIView[Session]):
    """One session; its owners change its name, tags and settings."""

    serializer_class = SessionChangeSerializer
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> Session:
        refuse_unknown(self.request, set())
        return selectors.session_visible(self.kwargs["pk"], caller(self.request))

    def perform_update(self, serializer: Any) -> None:
        given = serializer.validated_data
        serializer.instance = services.session_update(
            session=serializer.instance.pk,
            by=caller(self.request),
            name=given.get("name"),
            settings=given.get("settings"),
            tags=given.get("tags"),
        )


class SessionStep(APIView):
    """A step in a session's course."""

    step: Callable[..., Session]

    @extend_schema(request=ReasonSerializer, responses=SessionSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        session = type(self).step(session=pk, by=caller(request), reason=given.validated_data["reason"])
        return Response(SessionSerializer(session).data)


class Pause(SessionStep):
    """Makes a session read-only until it is resumed."""

    step = staticmethod(services.session_pause)


class Resume(SessionStep):
    """Makes a paused session writable again."""

    step = staticmethod(services.session_resume)


class End(SessionStep):
    """Ends a session for good."""

    step = staticmethod(services.session_end)


class Events(APIView):
    """A session's durable events past `after`, oldest first."""

    @extend_schema(parameters=[EventsQuery], responses={200: shape(EventPage)})
    def get(self, request: Request, pk: UUID) -> Response:
        refuse_unknown(request, {"after", "limit"})
        selectors.session_inside(pk, caller(request))
        query = EventsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        try:
            page = log.read(f"session:{pk}", **query.validated_data)
        except NoSuchRoom as error:  # its time was up a moment ago
            raise RealtimeError("session.not_found") from error
        return Response(
            {
                "events": [json.loads(frame) for _, frame in page.events],
                "floor": page.position.floor,
                "head": page.position.head,
                "epoch": page.position.epoch,
            }
        )
