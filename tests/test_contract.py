"""REST keeps what its OpenAPI document says, whatever it is called with, as generated from the document itself."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bduf_realtime.accounts.tokens import PreciseRefreshToken
from tests.cast import Cast, troupe
from tests.routes import body, calls, documented
from tests.sockets import token_of

CONFORMS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# What a token cannot do; tests/accounts/test_views.py does it as a page.
FOR_PAGES = ("POST /api/v1/auth/socket-token/", "POST /api/v1/auth/page/")
CALLS = {documented(call): call for call in calls()}
STAFF = ("/api/v1/audit/", "/api/v1/connections/", "/api/v1/status/")

# Another database answers the same shapes: there it is enough to have asked.
EXAMPLES = 20 if connection.vendor == "sqlite" else 5
__all__ = ["troupe"]
contract = schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())
contract.config.phases.coverage.enabled = False
# Each run is like the last: ids that it answered with are others every time.
contract.config.phases.fuzzing.extra_data_sources.responses = False
contract.config.phases.fuzzing.error_feedback.is_enabled = False


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Keeps calls from closing the connection, and with it the transaction of the test, as a server's would."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def everybody(troupe: Cast, one_connection: None, settings: Any) -> Cast:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    everybody = copy.deepcopy(troupe)
    everybody["owner"].set_password("engine")
    everybody["owner"].tokens_valid_after = None
    everybody["owner"].save()
    return everybody


def aim(case: Any, everybody: Cast, surely: bool) -> None:
    """Puts ids of what exists where a call has some other, three times of four, so that it gets to the inside."""
    own = {"projects": everybody.project.pk, "sessions": everybody.session.pk, "connections": everybody.connection.pk}
    own |= {"documents": everybody.document.pk, "approvals": everybody.approval.id, "policies": everybody.policy.pk}
    real = {
        "id": own.get(case.path.split("/")[3], ""),
        "project": everybody.project.pk,
        "session": everybody.session.pk,
        "user": everybody.target.pk,
        "invitation": everybody.invitation.pk,
        "version": everybody.version.pk,
        "other": everybody.version.pk,
        "token": everybody.link if "/link/" in case.path else everybody.secret,
        "username": "owner",
        "password": "engine",
        "refresh": PreciseRefreshToken.for_user(everybody["owner"]),
    }
    if surely and (would_do := body(everybody, CALLS.get(case.operation.label, ""))):
        case.media_type, case.body = "application/json", would_do
    for container in (case.path_parameters, case.body):
        if isinstance(container, dict):
            for name in container.keys() & real.keys():
                if surely or zlib.crc32(f"{name}{container[name]}".encode(errors="replace")) % 4:
                    container[name] = str(real[name])


@pytest.fixture
def successes(request: pytest.FixtureRequest) -> Iterator[list[int]]:
    """Collects the calls that got to the inside of the view; in the end there must be some."""
    found: list[int] = []
    yield found
    assert found or any(call in request.node.name for call in FOR_PAGES)


@contract.parametrize()
@hypothesis(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_an_answer_is_one_that_the_document_names(case: Any, everybody: Cast, successes: list[int]) -> None:
    aim(case, everybody, surely=not successes)
    caller = everybody["staff" if case.path.startswith(STAFF) else "owner"]
    with transaction.atomic():
        response = case.call(headers={"Authorization": f"Bearer {token_of(caller)}"})
        transaction.set_rollback(True)
    case.validate_response(response, checks=CONFORMS)
    if response.status_code < 400:
        successes.append(response.status_code)
