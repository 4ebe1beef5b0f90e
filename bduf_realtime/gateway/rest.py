"""What REST shares with the sockets, and its views with each other: errors, pages, filters, strict bodies, limits."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.db.models import F, QuerySet
from django.http import Http404
from django_filters.rest_framework import BooleanFilter, DjangoFilterBackend
from django_filters.utils import translate_validation
from rest_framework import exceptions, serializers
from rest_framework.filters import OrderingFilter
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView, exception_handler

from bduf_realtime.gateway.errors import CODES, RealtimeError
from bduf_realtime.gateway.reading import read_data
from bduf_realtime.gateway.storage import explained

T = TypeVar("T")

logger = structlog.get_logger(__name__)


class Pages(LimitOffsetPagination):
    """`limit` and `offset`, with a ceiling; what is no such number is refused."""

    default_limit = 50
    max_limit = 500
    most = f"How many to list; over {max_limit} counts as {max_limit}."

    def get_limit(self, request: Request) -> int:
        return min(_number(request, "limit", 1, self.default_limit), self.max_limit)

    def get_offset(self, request: Request) -> int:
        return _number(request, "offset", 0, 0)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "default": self.default_limit}
        offset = {"type": "integer", "minimum": 0, "default": 0}
        return [
            {"name": "limit", "in": "query", "required": False, "description": self.most, "schema": limit},
            {"name": "offset", "in": "query", "required": False, "description": "How many to skip.", "schema": offset},
        ]


def _number(request: Request, name: str, least: int, default: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    # No int() before the check: it takes spaces, underscores and other scripts' digits, and fails on 5,000 digits.
    if not (given.isascii() and given.isdigit()) or len(given) > 100 or int(given) < least:
        raise RealtimeError("msg.bad_value", f"{name} is a number from {least}.", details={"field": name})
    return int(given)


class PageQuery(serializers.Serializer[Any]):
    """The same two, as OpenAPI is told of them where a view makes its pages itself."""

    limit = serializers.IntegerField(min_value=1, default=Pages.default_limit, help_text=Pages.most)
    offset = serializers.IntegerField(min_value=0, default=0, help_text="How many to skip.")


def paged(structs: Sequence[msgspec.Struct], request: Request, view: APIView) -> Response:
    """Answers one page of a list of structs."""
    pages = Pages()
    page = pages.paginate_queryset(structs, request, view)
    return pages.get_paginated_response(msgspec.to_builtins(page))


class IsStaff(BasePermission):
    """Lets operators in; what changes something takes the Django permission that the view `needs` besides."""

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
        declared = shape.base_filters if shape else {}
        paged = {"limit", "offset"} if isinstance(view, ListModelMixin) else set()
        ordered = {"ordering"} if getattr(view, "ordering_fields", None) else set()
        refuse_unknown(request, {*declared, *paged, *ordered})
        for name, wanted in declared.items():
            given = request.query_params.get(name, "")
            if isinstance(wanted, BooleanFilter) and given.lower() not in ("", "true", "false"):
                raise RealtimeError("msg.bad_value", f"{name} is true or false.", details={"field": name})
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)  # type: ignore[misc]
        for name, value in filterset.form.cleaned_data.items():
            if isinstance(value, datetime):
                filterset.form.cleaned_data[name] = _in_utc(name, value)
        found: QuerySet[Any] = filterset.qs
        return found


def _in_utc(name: str, value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)  # PostgreSQL takes no more than 16 hours beside it
    except OverflowError as error:
        raise RealtimeError("msg.bad_value", f"{name} is out of range.", details={"field": name}) from error


class Ordering(OrderingFilter):
    """Orders by the fields a view declares, and by no other; what has no value comes last in every database."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Request) -> list[str]:
        allowed = {name for name, _ in self.get_valid_fields(queryset, view, {"request": request})}
        for field in fields:
            if field.removeprefix("-") not in allowed:
                text = f"Lists are ordered by {', '.join(sorted(allowed))}."
                raise RealtimeError("msg.bad_value", text, details={"field": "ordering"})
        return [*fields, "pk"]

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        ordering = self.get_ordering(request, queryset, view)
        return queryset.order_by(*(_placed(queryset.model, field) for field in ordering)) if ordering else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        if not (fields := getattr(view, "ordering_fields", None)):
            return []
        one = f"-?({'|'.join(fields)})"
        text = "Fields to order by, each with a - before it for the other way round, separated by commas."
        schema = {"type": "string", "pattern": f"^{one}(,{one})*$"}
        return [{"name": "ordering", "in": "query", "required": False, "description": text, "schema": schema}]


def _placed(model: Any, field: str) -> Any:
    name = field.removeprefix("-")
    if name == "pk" or not model._meta.get_field(name).null:
        return field  # plain, so that an index serves
    return F(name).desc(nulls_last=True) if field != name else F(name).asc(nulls_last=True)


def read_body(request: Request, shape: type[T]) -> T:
    """Reads a call's body into its struct; raises msg.bad_value, msg.missing_field, msg.unknown_field."""
    body: Any = request.data
    if not isinstance(body, dict):
        raise RealtimeError("msg.bad_value", "A body is an object.", details={"field": "data"})
    return read_data(body, shape)


def refuse_unknown(request: Request, known: set[str]) -> None:
    """Raises msg.unknown_field for a query parameter that means nothing here, msg.duplicate_key for one said twice."""
    for name, values in request.query_params.lists():
        if name not in known and name != api_settings.URL_FORMAT_OVERRIDE:
            raise RealtimeError("msg.unknown_field", "There is no such parameter.", details={"field": name[:80]})
        if len(values) > 1:
            raise RealtimeError("msg.duplicate_key", "A parameter is given twice.", details={"field": name})


def error_response(error: Exception, context: dict[str, Any]) -> Response:
    """Answers every refusal as `{code, message, details}`, with the codes of the sockets."""
    if isinstance(error, OperationalError | InterfaceError):
        error = explained(error)
    elif isinstance(error, SuspiciousOperation):
        error = _too_much(error)
    if isinstance(error, RealtimeError):
        body = {"code": error.code, "message": error.message, "details": error.details}
        headers = {}
        if error.retry_after_ms is not None:
            body["details"] = {**error.details, "retry_after_ms": error.retry_after_ms}
            headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_ms / 1000)))
        return Response(body, status=error.status, headers=headers)
    response = exception_handler(error, context)
    if response is None:
        reference = uuid.uuid4().hex[:8]
        logger.error("call_failed", reference=reference, exc_info=error)
        return error_response(RealtimeError("internal", details={"reference": reference}), context)
    code = _code(error)
    details: dict[str, Any] = {}
    if isinstance(error, exceptions.ValidationError):
        code, details = _invalid(error)
    wait: float | None = getattr(error, "wait", None)  # missing in the stubs of Throttled
    if isinstance(error, exceptions.Throttled) and wait is not None:
        details = {"retry_after_ms": int(wait * 1000)}
    response.data = {"code": code, "message": _message(error, code), "details": details}
    return response


def _too_much(error: SuspiciousOperation) -> RealtimeError:
    """What Django counts before a view sees it: parameters, form fields, bytes."""
    refusal = RealtimeError("quota.exceeded", "The call has more parts than this server takes.")
    refusal.status = 413 if isinstance(error, RequestDataTooBig) else 400
    return refusal


def _invalid(error: exceptions.ValidationError) -> tuple[str, dict[str, Any]]:
    """The code of the first thing that is wrong, the field it is in, and all that is wrong."""
    detail: Any = error.detail
    path: list[str] = []
    while isinstance(detail, dict | list) and detail:
        name = next(iter(detail)) if isinstance(detail, dict) else ""
        path.append(str(name))
        detail = detail[name] if isinstance(detail, dict) else detail[0]
    field = ".".join(name for name in path if name and name != api_settings.NON_FIELD_ERRORS_KEY)
    code = "msg.missing_field" if getattr(detail, "code", "") == "required" else "msg.bad_value"
    errors = error.detail if isinstance(error.detail, dict) else {api_settings.NON_FIELD_ERRORS_KEY: error.detail}
    return code, {"field": field, "errors": errors} if field else {"errors": errors}


_TEXTS: dict[type[Exception], str] = {
    exceptions.UnsupportedMediaType: "A body is JSON, with Content-Type: application/json.",
    exceptions.NotAcceptable: "Answers are JSON; accept application/json.",
    exceptions.MethodNotAllowed: "This path does not take that method.",
    Http404: "There is no such thing, or it is not yours to see.",
    exceptions.NotFound: "There is no such thing, or it is not yours to see.",
}


def _message(error: Exception, code: str) -> str:
    detail = getattr(error, "detail", None)
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.PermissionDenied) and isinstance(detail, str):
        # Only what was said on purpose: why a token is refused, that the CSRF token is missing.
        return str(detail) if detail != error.default_detail else CODES[code].text
    return _TEXTS.get(type(error), CODES[code].text)


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
    if isinstance(error, exceptions.NotAcceptable):
        return "msg.bad_value"
    if isinstance(error, exceptions.Throttled):
        return "rate.limited"
    if isinstance(error, exceptions.NotFound | Http404):
        return "room.not_found"
    return "perm.denied"
