"""Projects and sessions over REST, through the same services as the sockets."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.rest import paged
from bduf_realtime.rooms import log
from collaboration import selectors, services
from collaboration.models import Project, Session
from collaboration.serializers import EventsQuery, MemberSerializer, ProjectSerializer, SessionSerializer


class Projects(generics.ListCreateAPIView[Project]):
    """The caller's projects; a new one is the caller's own."""

    serializer_class = ProjectSerializer

    def get_queryset(self) -> QuerySet[Project]:
        return selectors.projects_for(caller(self.request))

    def perform_create(self, serializer: Any) -> None:
        by = caller(self.request)
        project = services.project_create(name=serializer.validated_data["name"], by=by)
        serializer.instance = selectors.projects_for(by).get(pk=project.pk)


class ProjectDetail(generics.RetrieveAPIView[Project]):
    """One project."""

    serializer_class = ProjectSerializer

    def get_queryset(self) -> QuerySet[Project]:
        return selectors.projects_for(caller(self.request))


def project_of(request: Request, pk: UUID | str) -> Project:
    project = selectors.projects_for(caller(request)).filter(pk=pk).first()
    if project is None:
        raise RealtimeError("room.not_found", "There is no such project, or you are not a member.")
    return project


def user_named(name: str, among: QuerySet[User]) -> User:
    wanted = Q(username=name.replace("\0", ""))  # PostgreSQL fails on a NUL
    with suppress(ValueError):
        wanted |= Q(pk=UUID(name))
    user = among.filter(wanted).first()
    if user is None:
        raise RealtimeError("room.not_found", "There is no such user.")
    return user


class Members(APIView):
    """A project's members."""

    def get(self, request: Request, pk: UUID) -> Response:
        project = project_of(request, pk)
        return paged(selectors.project_members(project.pk), request, self)

    def post(self, request: Request, pk: UUID) -> Response:
        """Adds a member, or changes its role."""
        project = project_of(request, pk)
        given = MemberSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = user_named(given.validated_data["user"], User.objects.filter(is_active=True))
        role = given.validated_data["role"]
        services.project_member_set(project=project, user=user, role=role, by=caller(request))
        return Response({"user": str(user.pk), "role": role}, status=status.HTTP_201_CREATED)


class Member(APIView):
    """One member of a project."""

    def delete(self, request: Request, pk: UUID, user: str) -> Response:
        project = project_of(request, pk)
        member = user_named(user, User.objects.filter(memberships__project=project))
        services.project_member_remove(project=project, user=member, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Sessions(generics.ListCreateAPIView[Session]):
    """The sessions of the caller's projects."""

    serializer_class = SessionSerializer

    def get_queryset(self) -> QuerySet[Session]:
        found = selectors.sessions_for(caller(self.request))
        project = self.request.query_params.get("project")
        if project:
            try:
                return found.filter(project=UUID(project))
            except ValueError as error:
                raise RealtimeError("msg.bad_value", details={"field": "project"}) from error
        return found

    def perform_create(self, serializer: Any) -> None:
        given = serializer.validated_data
        serializer.instance = services.session_create(
            project=project_of(self.request, given["project_id"]),
            by=caller(self.request),
            name=given.get("name", ""),
            settings=given.get("settings"),
            tags=given.get("tags", ()),
        )


class SessionDetail(generics.RetrieveAPIView[Session]):
    """One session."""

    serializer_class = SessionSerializer

    def get_object(self) -> Session:
        return selectors.session_visible(self.kwargs["pk"], caller(self.request).pk)


class Participants(APIView):
    """Who is in a session now."""

    def get(self, request: Request, pk: UUID) -> Response:
        session = selectors.session_visible(pk, caller(request).pk)
        return paged(selectors.participants_present(session), request, self)


class Events(APIView):
    """A session's durable events past `after`, oldest first."""

    def get(self, request: Request, pk: UUID) -> Response:
        selectors.session_visible(pk, caller(request).pk)
        query = EventsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        page = log.read(f"session:{pk}", after=query.validated_data["after"], limit=query.validated_data["limit"])
        return Response(
            {
                "events": [json.loads(frame) for _, frame in page.events],
                "floor": page.position.floor,
                "head": page.position.head,
                "epoch": page.position.epoch,
            }
        )
