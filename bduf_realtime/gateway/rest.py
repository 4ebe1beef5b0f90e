"""What REST shares with the sockets, and its views with each other: errors, pages, filters, strict bodies, limits."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions, serializers
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from bduf_realtime.gateway.errors import CODES, RealtimeError
from bduf_realtime.gateway.storage import explained

logger = structlog.get_logger(__name__)


class Pages(LimitOffsetPagination):
    """`limit` and `offset`, with a ceiling."""

    default_limit = 50
    max_limit = 500


def paged(structs: Sequence[msgspec.Struct], request: Request, view: APIView) -> Response:
    """Answers one page of a list of structs."""
    pages = Pages()
    page = pages.paginate_queryset(structs, request, view)
    return pages.get_paginated_response(msgspec.to_builtins(page))


class IsStaff(BasePermission):
    """Lets operators in; what changes something needs Django's permission to change `queryset.model` besides."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not (user and user.is_active and user.is_staff):
            return False
        needs: str | None = getattr(view, "needs", None)
        return request.method in ("GET", "HEAD", "OPTIONS") or needs is None or user.has_perm(needs)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know or that are not the caller's to set, as frames do."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            for name in data:
                if name not in writable:
                    raise RealtimeError("msg.unknown_field", details={"field": str(name)[:80]})
        return super().to_internal_value(data)


class Filters(DjangoFilterBackend):
    """Filters by the parameters a view declares; any other parameter is refused, and never reaches a query."""

    def filter_queryset(self, request: Any, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        shape = self.get_filterset_class(view, queryset)
        known = {"limit", "offset", "format", *(shape.base_filters if shape else ())}
        if getattr(view, "ordering_fields", None):
            known.add("ordering")
        refuse_unknown(request, known)
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found


class Ordering(OrderingFilter):
    """Orders by the fields a view declares, and by no other."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Request) -> list[str]:
        allowed = {name for name, _ in self.get_valid_fields(queryset, view, {"request": request})}
        for field in fields:
            if field.removeprefix("-") not in allowed:
                text = f"Lists are ordered by {', '.join(sorted(allowed))}."
                raise RealtimeError("msg.bad_value", text, details={"field": "ordering"})
        return [*fields, "pk"]


def refuse_unknown(request: Request, known: set[str]) -> None:
    """Raises msg.unknown_field for a query parameter that means nothing here."""
    for name in request.query_params:
        if name not in known:
            raise RealtimeError("msg.unknown_field", "There is no such parameter.", details={"field": name[:80]})


def error_response(error: Exception, context: dict[str, Any]) -> Response:
    """Answers every refusal as `{code, message, details}`, with the codes of the sockets."""
    if isinstance(error, OperationalError | InterfaceError):
        error = explained(error)
    if isinstance(error, RealtimeError):
        body = {"code": error.code, "message": error.message, "details": error.details}
        headers = {}
        if error.retry_after_ms is not None:
            headers["Retry-After"] = str(max(1, error.retry_after_ms // 1000))
        return Response(body, status=error.status, headers=headers)
    response = exception_handler(error, context)
    if response is None:
        reference = uuid.uuid4().hex[:8]
        logger.error("call_failed", reference=reference, exc_info=error)
        return error_response(RealtimeError("internal", details={"reference": reference}), context)
    code = _code(error)
    details: dict[str, Any] = {}
    if isinstance(error, exceptions.ValidationError):
        details = error.detail if isinstance(error.detail, dict) else {"errors": error.detail}
    wait: float | None = getattr(error, "wait", None)  # missing in the stubs of Throttled
    if isinstance(error, exceptions.Throttled) and wait is not None:
        details = {"retry_after_ms": int(wait * 1000)}
    message = CODES[code].text if code in CODES else str(getattr(error, "detail", ""))
    if isinstance(error, exceptions.AuthenticationFailed) and isinstance(error.detail, str):
        message = str(error.detail)
    response.data = {"code": code, "message": message, "details": details}
    return response


def _code(error: Exception) -> str:
    if isinstance(error, exceptions.NotAuthenticated):
        return "auth.invalid"
    if isinstance(error, exceptions.AuthenticationFailed):
        codes = error.get_codes()
        return codes if isinstance(codes, str) and codes in CODES else "auth.invalid"
    if isinstance(error, exceptions.ParseError | exceptions.UnsupportedMediaType):
        return "msg.bad_json"
    if isinstance(error, exceptions.MethodNotAllowed):
        return "msg.unknown_type"
    if isinstance(error, exceptions.ValidationError):
        missing = "required" in str(error.get_codes())
        return "msg.missing_field" if missing else "msg.bad_value"
    if isinstance(error, exceptions.Throttled):
        return "rate.limited"
    if isinstance(error, exceptions.NotFound | Http404):
        return "room.not_found"
    return "perm.denied"
