"""The pages REST makes for a browser: every call has one in development, and none has in production."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from tests.cast import cast
from tests.people import Rest
from tests.routes import calls, filled, ids

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (".json", "schema/", "export/", "sheet/")  # files, not pages
PAGES = [call.split()[1] for call in calls() if call.startswith("GET ") and not call.endswith(DOCUMENTS)]


def renderers(**env: str) -> str:
    """The renderers of a process with such an environment."""
    code = "import django; django.setup(); from django.conf import settings as s; print(s.REST_FRAMEWORK)"
    settings = {"DJANGO_SETTINGS_MODULE": "bduf_realtime.settings", **env}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=True
    ).stdout


def test_there_are_pages_in_development_only() -> None:
    assert "BrowsableAPIRenderer" in renderers(DEBUG="true")
    assert "BrowsableAPIRenderer" not in renderers(DEBUG="false")
    assert BrowsableAPIRenderer not in api_settings.DEFAULT_RENDERER_CLASSES


@pytest.mark.django_db
def test_a_browser_is_answered_in_json_without_them() -> None:
    client = Rest(cast()["owner"]).client
    response = client.get("/api/v1/projects/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    refused = client.get("/api/v1/projects/", headers={"accept": "text/html"})
    assert (refused.status_code, refused["Content-Type"]) == (406, "application/json")


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_every_call_has_a_page_in_development(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(APIView, "renderer_classes", [JSONRenderer, BrowsableAPIRenderer])
    everybody = cast()
    caller = everybody["staff" if path.startswith(("audit", "connections", "status")) else "owner"]
    page = Rest(caller).client.get(f"/api/v1/{filled(path, ids(everybody, path))}", headers={"accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
