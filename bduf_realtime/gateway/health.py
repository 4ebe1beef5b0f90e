"""Liveness, readiness and metrics for the machines that watch the server."""

from __future__ import annotations

import hmac
import time

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bduf_realtime.gateway.conf import conf

LOOPBACK = ("127.0.0.1", "::1")


class Readiness:
    """Whether this process wants traffic; set by the drain."""

    draining = False


readiness = Readiness()


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Says that the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Says whether to send clients here: 503 while draining or without a database."""
    if readiness.draining:
        return JsonResponse({"status": "draining"}, status=503)
    started = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return JsonResponse({"status": "no database"}, status=503)
    return JsonResponse({"status": "ready", "database_ms": round((time.perf_counter() - started) * 1000, 1)})


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for loopback peers or the bearer of BDUF_METRICS_TOKEN."""
    if not _may_read(request):
        return HttpResponse("metrics need the token of BDUF_METRICS_TOKEN\n", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if conf.metrics_token:
        return hmac.compare_digest(given.encode(), conf.metrics_token.encode())
    # A forwarded request has a loopback peer too, the proxy: it is not from this machine.
    return request.META.get("REMOTE_ADDR") in LOOPBACK and "X-Forwarded-For" not in request.headers
