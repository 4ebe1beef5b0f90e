"""How often somebody may call: each user, or each address without one, with the time to wait told."""

from __future__ import annotations

from typing import Any

import pytest

from bduf_realtime.gateway.throttles import CallThrottle
from tests.people import Rest, person, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_a_minute(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(CallThrottle, "THROTTLE_RATES", {"rest": "3/min"})


def test_the_fourth_call_in_a_minute_is_refused_and_told_how_long_to_wait() -> None:
    caller = Rest(person())
    for path in ("me/", "projects/", "sessions/"):
        assert caller.get(path)[0] == 200
    response = caller.client.get("/api/v1/me/")
    assert (response.status_code, response.json()["code"]) == (429, "rate.limited")
    assert 0 < int(response["Retry-After"]) <= 60
    assert 0 < response.json()["details"]["retry_after_ms"] <= 60_000
    assert response["Cache-Control"] == "no-store"


def test_a_user_is_counted_whatever_the_token_and_address_and_others_are_not() -> None:
    ada, grace = person(), person()
    for number in range(3):
        assert Rest(ada, REMOTE_ADDR=f"192.0.2.{number}").get("me/")[0] == 200
    assert refusal(Rest(ada).get("me/")) == (429, "rate.limited")
    assert Rest(grace).get("me/")[0] == 200


def test_who_has_no_token_is_counted_by_address_whatever_a_header_says() -> None:
    for number in range(3):
        caller = Rest(REMOTE_ADDR="192.0.2.77", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")
        assert caller.get("asyncapi.json")[0] == 200
    assert refusal(Rest(REMOTE_ADDR="192.0.2.77", HTTP_X_FORWARDED_FOR="10.0.0.9").get("schema/"))[0] == 429
    assert Rest(REMOTE_ADDR="192.0.2.78").get("asyncapi.json")[0] == 200
