"""What operators and their programs see at a glance, over REST."""

from __future__ import annotations

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import IsStaff, refuse_unknown
from collaboration.status import Status, status_now


class StatusView(APIView):
    """Sessions, connections and instances as they are now, and what this instance has counted since it started."""

    permission_classes = [IsStaff]

    @extend_schema(responses={200: shape(Status)})
    def get(self, request: Request) -> Response:
        refuse_unknown(request, set())
        return Response(msgspec.to_builtins(status_now()))
