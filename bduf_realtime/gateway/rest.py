"""What REST shares with the sockets: one error shape, and pages."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler

from bduf_realtime.gateway.errors import CODES, RealtimeError


class Pages(LimitOffsetPagination):
    """`limit` and `offset`, with a ceiling."""

    default_limit = 50
    max_limit = 500


def error_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answers every refusal as `{code, message, details}`, with the codes of the sockets."""
    if isinstance(error, RealtimeError):
        body = {"code": error.code, "message": error.message, "details": error.details}
        headers = {}
        if error.retry_after_ms is not None:
            headers["Retry-After"] = str(max(1, error.retry_after_ms // 1000))
        return Response(body, status=error.status, headers=headers)
    response = exception_handler(error, context)
    if response is None:
        return None
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
    if isinstance(error, exceptions.ParseError):
        return "msg.bad_json"
    if isinstance(error, exceptions.ValidationError):
        missing = "required" in str(error.get_codes())
        return "msg.missing_field" if missing else "msg.bad_value"
    if isinstance(error, exceptions.Throttled):
        return "rate.limited"
    if isinstance(error, exceptions.NotFound | Http404):
        return "room.not_found"
    return "perm.denied"
