"""What every answer tells browsers: where scripts may come from, and that answers of the API are nobody's to keep."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_OWN = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
_OWN += "frame-ancestors 'none'"
# The admin's theme runs Alpine, which compiles the expressions in its templates, and styles elements one by one; it has
# no script in a page.
_ADMIN = f"{_OWN}; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"
_DOCS = f"{_OWN}; style-src 'self' 'unsafe-inline'"


class SecurityHeaders:
    """Middleware that sets the headers Django's own does not."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy(request.path))
        response.headers.setdefault("Permissions-Policy", "camera=(self), microphone=(self), geolocation=()")
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _policy(path: str) -> str:
    if path.startswith("/admin/"):
        return _ADMIN
    if path == "/api/v1/docs/" or (settings.DEBUG and path.startswith("/api/")):
        return _DOCS
    return _OWN
