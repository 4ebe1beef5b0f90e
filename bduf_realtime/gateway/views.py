"""The socket contract, served as a document."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views import View

from bduf_realtime.gateway.asyncapi import document


class AsyncApi(View):
    """AsyncAPI 3 of the sockets, generated from the structs."""

    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse(document())
