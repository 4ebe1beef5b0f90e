"""The page in which people work: the built workspace, the same at each of its addresses."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

BUILT = Path(__file__).resolve().parents[1] / "static" / "workspace"
ENTRY = "src/main.tsx"
# The editor and the diagrams style elements one by one; there is no script in the page.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


@require_safe
@ensure_csrf_cookie  # with which the page signs in
def workspace(request: HttpRequest) -> HttpResponse:
    """The page at any of the workspace's addresses; its script reads which."""
    entry = _entry() if not settings.DEBUG else _entry.__wrapped__()
    assets = {kind: [static(f"workspace/{name}") for name in names] for kind, names in entry.items()}
    demo = (Path(settings.DATA_DIR) / "demo.json").exists()
    page = render(request, "workspace.html", {**assets, "demo": demo})
    page.headers["Content-Security-Policy"] = POLICY
    page.headers["Cache-Control"] = "no-cache"
    return page


def nowhere(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The same page at addresses that are nobody's: its script says so."""
    page = workspace(request)
    page.status_code = 404
    return page


@lru_cache(maxsize=1)
def _entry() -> dict[str, list[str]]:
    """What the page loads at first, by the build's manifest."""
    chunks: dict[str, Any] = msgspec.json.decode((BUILT / "manifest.json").read_bytes())
    entry = chunks[ENTRY]
    imported = [chunks[name]["file"] for name in entry.get("imports", [])]
    return {"scripts": [entry["file"]], "styles": entry.get("css", []), "preloads": imported}
