"""The socket contract as a document, and what operators look after: connections, and how a process does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway import asyncapi, openapi, samples, services
from bduf_realtime.gateway.errors import CODES
from bduf_realtime.gateway.models import Connection
from bduf_realtime.gateway.rest import IsStaff, StrictSerializer


@extend_schema(exclude=True)
class Contract(APIView):
    """A document of what may be said to this server; for everybody, whatever token comes along."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class AsyncApi(Contract):
    """AsyncAPI 3 of the sockets, generated from the structs."""

    def get(self, request: Request) -> Response:
        return Response(asyncapi.document())


class OpenApi(Contract):
    """OpenAPI 3.1 of REST, generated from the views."""

    def get(self, request: Request) -> Response:
        return Response(openapi.document())


@csrf_exempt  # else a call without a page's secret is answered with a page
def no_such_call(request: HttpRequest) -> HttpResponse:
    """Answers calls to paths that do not exist as every other refusal."""
    meaning = CODES["room.not_found"]
    message = "There is no such path; paths end in a slash, and /api/v1/docs/ lists them."
    return JsonResponse({"code": "room.not_found", "message": message, "details": {}}, status=meaning.status)


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    id = serializers.CharField()
    user = serializers.CharField(source="user_id")
    username = serializers.CharField(source="user.username")
    instance = serializers.CharField(source="instance_id")  # type: ignore[assignment]

    class Meta:
        model = Connection
        fields = [
            *["id", "user", "username", "instance", "state", "address", "user_agent", "client", "timezone"],
            *["connected_at", "last_activity", "closed_at", "close_code", "round_trip_ms"],
            *["messages_in", "messages_out", "bytes_in", "bytes_out", "queue_bytes", "cut_at"],
        ]
        read_only_fields = fields


class ConnectionFilters(filters.FilterSet):
    user = filters.UUIDFilter(field_name="user_id")
    instance = filters.UUIDFilter(field_name="instance_id")
    state = filters.ChoiceFilter(choices=Connection.State.choices)
    address = filters.CharFilter(max_length=64)
    open = filters.BooleanFilter(field_name="closed_at", lookup_expr="isnull", help_text="Whether it is open.")


class Connections(generics.ListAPIView[Connection]):
    """Connections of all instances, those closed a moment ago included; for staff."""

    permission_classes = [IsStaff]
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilters
    ordering_fields = ["connected_at", "last_activity", "round_trip_ms", "queue_bytes", "bytes_in", "bytes_out"]
    queryset = Connection.objects.select_related("user").order_by("-connected_at", "pk")


class ConnectionDetail(generics.RetrieveAPIView[Connection]):
    """One connection; for staff."""

    permission_classes = [IsStaff]
    needs = "gateway.change_connection"
    serializer_class = ConnectionSerializer
    queryset = Connection.objects.select_related("user")

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Has the connection closed, 4403, within two seconds."""
        connection: Any = self.get_object()
        services.connections_cut(connections=_one(connection), by=caller(request), door="rest")
        return Response(status=204)


class SamplesQuery(StrictSerializer):
    since = serializers.DateTimeField(required=False, help_text="The `at` of a sample: only those after it.")


class Samples(APIView):
    """How the process that answers did in the last ten minutes, in samples of two seconds; for staff."""

    permission_classes = [IsStaff]

    @extend_schema(parameters=[SamplesQuery], responses={200: openapi.shape(samples.Samples)})
    def get(self, request: Request) -> Response:
        query = SamplesQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(msgspec.to_builtins(samples.recorder.since(query.validated_data.get("since"))))


def _one(connection: Connection) -> QuerySet[Connection]:
    return Connection.objects.filter(pk=connection.pk)
