"""What REST shares with the sockets: one error shape, and pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import LimitOffsetPagination
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
