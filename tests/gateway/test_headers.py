"""What every answer tells browsers, whoever makes it: a page, the API, an error, a file, the admin, a redirect."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.people import Rest, person

pytestmark = pytest.mark.django_db

ANSWERS = {
    "page": ("/", 200),
    "api": ("/api/v1/asyncapi.json", 200),
    "api refusal": ("/api/v1/me/", 401),
    "api nowhere": ("/api/v1/nothing/", 404),
    "docs": ("/api/v1/docs/", 200),
    "file": ("/static/gateway/start.css", 200),
    "no file": ("/static/nothing.css", 404),
    "health": ("/healthz", 200),
    "metrics": ("/metrics", 200),
    "admin": ("/admin/login/", 200),
    "redirect": ("/admin/", 302),
    "nowhere": ("/nothing", 404),
}


@pytest.mark.parametrize(("path", "status"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_says_what_a_browser_may_do_with_it(client: Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "object-src 'none'" in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert "geolocation=()" in response["Permissions-Policy"]
    if "text/html" in response["Content-Type"]:
        assert response["Content-Type"] == "text/html; charset=utf-8"
    if not path.startswith("/static/"):
        assert response["X-Frame-Options"] == "DENY"
    response.close()


def test_a_host_that_is_not_ours_gets_an_answer_with_the_same_headers(client: Client) -> None:
    response = client.get("/api/v1/me/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "evil" not in response.content.decode()
    assert "default-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.django_db
def test_only_pages_that_need_it_have_a_wider_policy_and_none_takes_a_script_from_the_page(client: Client) -> None:
    workspace = client.get("/")["Content-Security-Policy"]
    assert "script-src" not in workspace
    assert "style-src 'self' 'unsafe-inline'" in workspace
    for path in ("/start/", "/api/v1/asyncapi.json", "/api/v1/docs"):
        assert "unsafe" not in client.get(path)["Content-Security-Policy"], path
    for path in ("/nothing", "/adminx/"):  # the workspace says so
        assert client.get(path)["Content-Security-Policy"] == workspace
    docs = client.get("/api/v1/docs/")["Content-Security-Policy"]
    assert "script-src" not in docs
    assert "style-src 'self' 'unsafe-inline'" in docs


def test_what_the_api_says_is_kept_by_nobody() -> None:
    caller = Rest(person()).client
    for path in ("me/", "projects/", "nothing/", "schema/", "docs/"):
        assert caller.get(f"/api/v1/{path}")["Cache-Control"] == "no-store", path
    assert caller.post("/api/v1/projects/", {}, format="json")["Cache-Control"] == "no-store"
    assert Rest().client.get("/api/v1/me/")["Cache-Control"] == "no-store"


def test_a_server_behind_https_asks_for_it_for_a_year(settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/", secure=True)["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    plain = Client().get("/api/v1/me/")
    assert (plain.status_code, plain["Location"]) == (301, "https://testserver/api/v1/me/")


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/admin", "/\\evil.example", "/%2f%2fevil.example"])
def test_no_path_leads_to_another_host(client: Client, path: str) -> None:
    response = client.get(path)
    location = response.headers.get("Location", "/")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
