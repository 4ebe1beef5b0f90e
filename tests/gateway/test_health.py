"""Liveness, readiness and metrics: what they say, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client

from bduf_realtime.gateway import health
from bduf_realtime.gateway.conf import conf


@pytest.fixture
def draining() -> Iterator[None]:
    health.readiness.draining = True
    yield
    health.readiness.draining = False


@pytest.fixture
def metrics_token(monkeypatch: pytest.MonkeyPatch) -> str:
    token = "wörd-of-a-scraper"
    monkeypatch.setattr(health, "conf", msgspec.structs.replace(conf, metrics_token=token))
    return token


@pytest.fixture
def no_database(transactional_db: None) -> Iterator[None]:
    """A database that cannot be reached: nobody listens there, nothing can be opened there."""
    connection.close()
    known = connection.settings_dict
    connection.settings_dict = {**known, "NAME": "/nonexistent/db.sqlite3", "HOST": "127.0.0.1", "PORT": "9"}
    yield
    connection.settings_dict = known
    connection.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.django_db
def test_machines_read_without_signing_in_and_nothing_is_cached_or_changed(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


def test_liveness_needs_no_database(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_readiness_tells_how_quick_the_database_is(client: Client) -> None:
    answer = client.get("/readyz").json()
    assert answer["status"] == "ready"
    assert answer["database_ms"] >= 0


@pytest.mark.usefixtures("draining")
def test_a_stopping_server_wants_no_traffic_and_lives(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "draining"})
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("no_database")
def test_a_server_without_its_database_wants_no_traffic_and_lives(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "no database"})
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_metrics_are_prometheus_text_for_this_machine(client: Client, address: str) -> None:
    response = client.get("/metrics", REMOTE_ADDR=address)
    assert response["Content-Type"].startswith("text/plain")
    assert b"# TYPE bduf_connections gauge" in response.content


@pytest.mark.parametrize(
    "request_",
    [
        {"REMOTE_ADDR": "10.0.0.1"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.0.0.1"},
        {"REMOTE_ADDR": ""},
    ],
)
def test_metrics_are_not_for_other_machines(client: Client, request_: dict[str, str]) -> None:
    response = client.get("/metrics", **request_)
    assert response.status_code == 403
    assert b"BDUF_METRICS_TOKEN" in response.content


def test_a_metrics_token_opens_them_to_its_bearer_alone(client: Client, metrics_token: str) -> None:
    def status(**request: Any) -> int:
        return client.get("/metrics", **request).status_code

    assert status(REMOTE_ADDR="10.0.0.1", HTTP_AUTHORIZATION=f"Bearer {metrics_token}") == 200
    for wrong in ("Bearer x", f"Bearer {metrics_token}x", "", "Bearer "):
        assert status(REMOTE_ADDR="127.0.0.1", HTTP_AUTHORIZATION=wrong) == 403
    assert status(REMOTE_ADDR="127.0.0.1") == 403
