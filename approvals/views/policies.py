"""Policies and what they have said over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import selectors, services
from approvals.answers import PolicyChange, PolicyCreate, PolicyVersionInfo, StoredPolicy
from approvals.models import Policy, PolicyVersion
from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import read_body, refuse_unknown
from bduf_realtime.gateway.retries import KEY, once


class PolicyFilters(filters.FilterSet):
    project = filters.UUIDFilter(field_name="project_id")


class Policies(generics.ListAPIView[Policy]):
    """The policies of the caller's projects, by name."""

    filterset_class = PolicyFilters
    ordering_fields = ("name", "created_at")
    queryset = Policy.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Policy]:
        return selectors.policies_for(caller(self.request))

    @extend_schema(responses={200: shape(StoredPolicy)})
    def get(self, request: Request) -> Response:
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(msgspec.to_builtins(selectors.policy_infos(page)))

    @extend_schema(
        parameters=[KEY], request={"application/json": shape(PolicyCreate)}, responses={201: shape(StoredPolicy)}
    )
    def post(self, request: Request) -> Response:
        """Gives a project another policy."""
        given, by = read_body(request, PolicyCreate), caller(request)

        def change() -> StoredPolicy:
            return _told(services.policy_create(by=by, **msgspec.structs.asdict(given)))

        return Response(once(request, change), status=201)


class PolicyView(APIView):
    """One policy, with its newest version."""

    @extend_schema(responses={200: shape(StoredPolicy)})
    def get(self, request: Request, pk: UUID) -> Response:
        refuse_unknown(request, set())
        return Response(msgspec.to_builtins(_told(selectors.policy_for(pk, caller(request)))))

    @extend_schema(request={"application/json": shape(PolicyChange)}, responses={200: shape(StoredPolicy)})
    def patch(self, request: Request, pk: UUID) -> Response:
        """Changes a policy; other rules become a new version."""
        given = read_body(request, PolicyChange)
        changed = services.policy_change(policy=pk, by=caller(request), **msgspec.structs.asdict(given))
        return Response(msgspec.to_builtins(_told(changed)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Archives a policy: it is offered no more, and requests made by it keep to it."""
        services.policy_archive(policy=pk, by=caller(request))
        return Response(status=204)


class PolicyVersions(generics.ListAPIView[PolicyVersion]):
    """All that a policy has said, the newest first."""

    ordering_fields = ("number",)
    queryset = PolicyVersion.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[PolicyVersion]:
        return selectors.policy_versions(selectors.policy_for(self.kwargs["pk"], caller(self.request)))

    @extend_schema(responses={200: shape(PolicyVersionInfo)})
    def get(self, request: Request, pk: UUID) -> Response:
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(msgspec.to_builtins(selectors.version_infos(page)))


def _told(policy: Policy) -> StoredPolicy:
    [info] = selectors.policy_infos([policy])
    return info
