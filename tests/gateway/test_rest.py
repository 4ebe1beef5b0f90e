"""REST's one error shape, with the codes of the sockets, and its pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import Client
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from bduf_realtime.accounts.rest import TokenAuthentication
from bduf_realtime.gateway.errors import CODES, RealtimeError
from bduf_realtime.gateway.rest import Pages, refuse_unknown


def answer(error: Exception) -> Response:
    """What a view that raises this answers."""

    class Failing(APIView):
        authentication_classes = (TokenAuthentication,)
        permission_classes = ()

        def get(self, request: Any) -> Response:
            raise error

    response = Failing.as_view()(APIRequestFactory().get("/"))
    response.render()
    assert set(json.loads(response.content)) == {"code", "message", "details"}
    return response


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RealtimeError("session.full"), 409, "session.full"),
        (OperationalError("database is locked"), 503, "storage.busy"),
        (OperationalError("connection refused"), 503, "storage.unavailable"),
        (InterfaceError("connection already closed"), 503, "storage.unavailable"),
        (exceptions.NotAuthenticated(), 401, "auth.invalid"),
        (exceptions.AuthenticationFailed(code="auth.expired"), 401, "auth.expired"),
        (exceptions.AuthenticationFailed({"detail": "x"}), 401, "auth.invalid"),
        (exceptions.PermissionDenied(), 403, "perm.denied"),
        (exceptions.ParseError(), 400, "msg.bad_json"),
        (exceptions.UnsupportedMediaType("text/csv"), 415, "msg.bad_json"),
        (exceptions.NotAcceptable(), 406, "msg.bad_value"),
        (exceptions.MethodNotAllowed("PUT"), 405, "msg.unknown_type"),
        (exceptions.ValidationError({"name": ["no"]}), 400, "msg.bad_value"),
        (exceptions.ValidationError({"name": [exceptions.ErrorDetail("x", "required")]}), 400, "msg.missing_field"),
        (exceptions.ValidationError({"required": ["no"]}), 400, "msg.bad_value"),
        (TooManyFieldsSent(), 400, "quota.exceeded"),
        (RequestDataTooBig(), 413, "quota.exceeded"),
        (exceptions.NotFound(), 404, "room.not_found"),
        (Http404(), 404, "room.not_found"),
        (exceptions.Throttled(wait=2), 429, "rate.limited"),
        (ValueError("a secret"), 500, "internal"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_refusal_has_the_same_shape(error: Exception, status: int, code: str) -> None:
    response = answer(error)
    assert (response.status_code, response.data["code"]) == (status, code)


def test_details_say_which_fields_are_wrong() -> None:
    wrong = answer(exceptions.ValidationError({"tags": {"1": ["no"]}})).data["details"]
    assert wrong == {"field": "tags.1", "errors": {"tags": {"1": ["no"]}}}
    assert answer(exceptions.ValidationError(["no"])).data["details"] == {"errors": {"non_field_errors": ["no"]}}
    assert answer(RealtimeError("session.full", details={"max": 2})).data["details"] == {"max": 2}


def test_what_may_be_retried_says_when() -> None:
    busy = answer(RealtimeError("storage.busy", retry_after_ms=2_500))
    assert (busy["Retry-After"], busy.data["details"]) == ("3", {"retry_after_ms": 2_500})
    assert answer(RealtimeError("storage.busy", retry_after_ms=5))["Retry-After"] == "1"
    throttled = answer(exceptions.Throttled(wait=7.5))
    assert throttled["Retry-After"] == "8"
    assert throttled.data["details"] == {"retry_after_ms": 8_000}
    assert answer(exceptions.Throttled()).data["details"] == {}


def test_the_unexpected_is_told_by_reference_and_never_by_its_text() -> None:
    response = answer(ValueError("a secret"))
    assert "secret" not in str(response.data)
    assert len(response.data["details"]["reference"]) == 8


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "msg.bad_json"),
        (b'{"name":"\xff"}', 400, "msg.bad_json"),
        (b'{"name":NaN}', 400, "msg.bad_number"),
        (b'{"name":"x","name":"y"}', 400, "msg.duplicate_key"),
        (b'{"name":"\\ud800"}', 400, "msg.bad_text"),
        (b"[" * 100_000, 400, "msg.too_deep"),
        (b'"' + b" " * 2_097_152 + b'"', 413, "quota.exceeded"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_body_is_read_as_strictly_as_a_frame(client: Client, body: bytes, status: int, code: str) -> None:
    response = client.post("/api/v1/auth/token/", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_what_was_said_on_purpose_is_told_and_what_was_not_is_in_our_words() -> None:
    assert answer(exceptions.PermissionDenied("CSRF Failed: no token.")).data["message"] == "CSRF Failed: no token."
    assert answer(exceptions.PermissionDenied()).data["message"] == CODES["perm.denied"].text
    assert answer(exceptions.MethodNotAllowed("PUT")).data["message"] == "This path does not take that method."
    assert "frame" not in answer(exceptions.UnsupportedMediaType("text/csv")).data["message"]


# --- pages, filters and order ------------------------------------------------------------------------------------


def asked(query: str) -> Request:
    return Request(APIRequestFactory().get(f"/?{query}"))


@pytest.mark.parametrize(
    ("query", "limit", "offset"),
    [("", 50, 0), ("limit=1&offset=7", 1, 7), ("limit=1000000000", 500, 0), (f"offset={10**90}", 50, 10**90)],
)
def test_a_page_is_as_long_as_asked_up_to_a_ceiling(query: str, limit: int, offset: int) -> None:
    request = asked(query)
    assert (Pages().get_limit(request), Pages().get_offset(request)) == (limit, offset)


@pytest.mark.parametrize("value", ["", "0", "-1", "x", "1.5", "1_0", "%2B1", "%201", "%D9%A1", "9" * 5_000])
def test_a_page_of_no_such_length_is_refused(value: str) -> None:
    with pytest.raises(RealtimeError) as error:
        Pages().get_limit(asked(f"limit={value}"))
    assert (error.value.code, error.value.details) == ("msg.bad_value", {"field": "limit"})


def test_a_page_begins_nowhere_before_the_first() -> None:
    assert Pages().get_offset(asked("offset=0")) == 0
    with pytest.raises(RealtimeError):
        Pages().get_offset(asked("offset=-1"))


def test_a_parameter_that_means_nothing_or_comes_twice_is_refused() -> None:
    refuse_unknown(asked("a=1"), {"a"})
    for query, code in (("b=1", "msg.unknown_field"), ("a=1&a=2", "msg.duplicate_key")):
        with pytest.raises(RealtimeError) as error:
            refuse_unknown(asked(query), {"a"})
        assert error.value.code == code


def test_more_parameters_than_anybody_needs_are_refused(client: Client) -> None:
    response = client.get("/api/v1/projects/?" + "&".join(f"p{number}=1" for number in range(1_001)))
    assert (response.status_code, response.json()["code"]) == (400, "quota.exceeded")
