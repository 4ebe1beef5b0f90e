"""Projects and their members over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.openapi import page_of, shape
from bduf_realtime.gateway.rest import PageQuery, paged, refuse_unknown
from collaboration import selectors, services
from collaboration.messages import MemberAnswer, MemberInfo
from collaboration.models import Project
from collaboration.roles import CHOICES
from collaboration.serializers import MemberSerializer, ProjectSerializer


class ProjectFilters(filters.FilterSet):
    name = filters.CharFilter(lookup_expr="icontains", max_length=200, help_text="Part of the name.")
    role = filters.ChoiceFilter(choices=CHOICES, help_text="The caller's.")


class Projects(generics.ListCreateAPIView[Project]):
    """The caller's projects; a new one is the caller's own."""

    serializer_class = ProjectSerializer
    filterset_class = ProjectFilters
    ordering_fields = ["name", "created_at"]
    queryset = Project.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Project]:
        return selectors.projects_for(caller(self.request))

    def perform_create(self, serializer: Any) -> None:
        by = caller(self.request)
        project = services.project_create(name=serializer.validated_data["name"], by=by)
        serializer.instance = selectors.projects_for(by).get(pk=project.pk)


class ProjectDetail(generics.RetrieveUpdateAPIView[Project]):
    """One project; owners give it another name."""

    serializer_class = ProjectSerializer
    http_method_names = ["get", "patch", "head", "options"]
    queryset = Project.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Project]:
        return selectors.projects_for(caller(self.request))

    def perform_update(self, serializer: Any) -> None:
        name = serializer.validated_data.get("name", serializer.instance.name)
        services.project_update(project=serializer.instance, name=name, by=caller(self.request))


def user_named(name: str, among: QuerySet[User]) -> User:
    """The user of that id or name; raises room.not_found."""
    try:
        user = among.filter(pk=UUID(name)).first()
    except ValueError:
        user = None
    # The id goes first: somebody may have another's id for a name.
    user = user or among.filter(username=name.replace("\0", "")).first()  # PostgreSQL fails on a NUL
    if user is None:
        raise RealtimeError("room.not_found", "There is no such user.", details={"field": "user"})
    return user


class Members(APIView):
    """A project's members."""

    @extend_schema(parameters=[PageQuery], responses={200: page_of(MemberInfo)})
    def get(self, request: Request, pk: UUID) -> Response:
        """Lists a project's members, the oldest first."""
        refuse_unknown(request, {"limit", "offset"})
        project = selectors.project_known(pk, caller(request))
        return paged(selectors.project_members(project.pk), request, self)

    @extend_schema(request=MemberSerializer, responses={201: shape(MemberAnswer)})
    def post(self, request: Request, pk: UUID) -> Response:
        """Adds a member, or changes its role."""
        project = selectors.project_managed(pk, caller(request))  # before a name is looked up: names are not for all
        given = MemberSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = user_named(given.validated_data["user"], User.objects.filter(is_active=True, is_guest=False))
        role = given.validated_data["role"]
        services.project_member_set(project=project, user=user, role=role, by=caller(request))
        return Response({"user": str(user.pk), "role": role}, status=status.HTTP_201_CREATED)


class Member(APIView):
    """One member of a project."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID, user: str) -> Response:
        """Takes a member out of the project and all its sessions."""
        project = selectors.project_known(pk, caller(request))
        member = user_named(user, User.objects.filter(memberships__project=project))
        services.project_member_remove(project=project, user=member, by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
