"""Requests for approval over REST."""

from __future__ import annotations

from collections.abc import Callable
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

from approvals import messages, selectors, services
from approvals.messages import ApprovalAnswer, ApprovalDetail, ApprovalInfo, ApprovalRequest
from approvals.models import Approval
from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.handlers import Data
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import read_body, refuse_unknown
from bduf_realtime.gateway.retries import KEY, once


class ApprovalFilters(filters.FilterSet):
    project = filters.UUIDFilter(field_name="project_id")
    session = filters.UUIDFilter(field_name="session_id")
    document = filters.UUIDFilter(field_name="document_id")
    state = filters.ChoiceFilter(choices=Approval.State.choices)
    mine = filters.ChoiceFilter(
        method="by_part",
        choices=[("to_decide", "to decide"), ("requested", "requested")],
        help_text="Those that are for the caller to decide now, or that the caller made.",
    )

    def by_part(self, approvals: QuerySet[Approval], name: str, part: str) -> QuerySet[Approval]:
        request: Any = self.request
        user = caller(request)
        if part == "requested":
            return approvals.filter(requested_by=user)
        return approvals.filter(pk__in=selectors.approvals_to_decide(approvals, user))


class Approvals(generics.ListAPIView[Approval]):
    """The requests for approval in the caller's projects, and in the sessions that the caller is let into."""

    filterset_class = ApprovalFilters
    ordering_fields = ("created_at", "closed_at", "expires_at", "title", "state")
    queryset = Approval.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Approval]:
        return selectors.approvals_for(caller(self.request))

    @extend_schema(responses={200: shape(ApprovalInfo)})
    def get(self, request: Request) -> Response:
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        infos = selectors.approval_infos(selectors.standings(page))
        return self.get_paginated_response(msgspec.to_builtins(infos))

    @extend_schema(
        parameters=[KEY], request={"application/json": shape(ApprovalRequest)}, responses={201: shape(ApprovalDetail)}
    )
    def post(self, request: Request) -> Response:
        """Asks for approval."""
        message, by = read_body(request, ApprovalRequest), caller(request)

        def change() -> ApprovalDetail:
            return _detail(services.approval_request(message=message, by=by), request)

        return Response(once(request, change), status=201)


class ApprovalView(APIView):
    """One request, with all that was said and decided."""

    @extend_schema(responses={200: shape(ApprovalDetail)})
    def get(self, request: Request, pk: UUID) -> Response:
        refuse_unknown(request, set())
        return Response(msgspec.to_builtins(selectors.approval_detail(pk, caller(request))))


def takes(body: type[Data]) -> Callable[[type[Step]], type[Step]]:
    """Describes a call with such a body, which answers with the request."""
    given = {"application/json": shape(body)}
    described: Callable[[type[Step]], type[Step]] = extend_schema(
        parameters=[KEY], request=given, responses={200: shape(ApprovalDetail)}
    )
    return described


class Step(APIView):
    """Something done to a request."""

    step: Callable[..., ApprovalAnswer]
    body: type[Data]

    def post(self, request: Request, pk: UUID) -> Response:
        given, by = read_body(request, self.body), caller(request)

        def change() -> ApprovalDetail:
            return _detail(type(self).step(approval=pk, by=by, **msgspec.structs.asdict(given)), request)

        return Response(once(request, change))


@takes(messages.Decide)
class Decide(Step):
    """Votes, on the content with that hash."""

    step = staticmethod(services.approval_decide)
    body = messages.Decide


@takes(messages.Say)
class Comment(Step):
    """Says something: begins a conversation, or answers in one."""

    step = staticmethod(services.approval_comment)
    body = messages.Say


@takes(messages.Resolve)
class Resolve(Step):
    """Closes a conversation, or opens it again."""

    step = staticmethod(services.approval_resolve)
    body = messages.Resolve


@takes(messages.Delegate)
class Delegate(Step):
    """Has somebody decide in the caller's place."""

    step = staticmethod(services.approval_delegate)
    body = messages.Delegate


@takes(messages.Cancel)
class Cancel(Step):
    """Takes the request back."""

    step = staticmethod(services.approval_cancel)
    body = messages.Cancel


@takes(messages.Bypass)
class Bypass(Step):
    """Goes without the approvals that are missing."""

    step = staticmethod(services.approval_bypass)
    body = messages.Bypass


def _detail(answer: ApprovalAnswer, request: Request) -> ApprovalDetail:
    return selectors.approval_detail(UUID(answer.id), caller(request))
