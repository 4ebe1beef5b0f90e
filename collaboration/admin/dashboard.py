"""What is going on right now, for the first page of the admin, as far as the visitor may see it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import DOORS
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.audit.pages import Table
from bduf_realtime.gateway import overview
from bduf_realtime.gateway.admin.connections import STATES, health_of, with_open_connections
from bduf_realtime.gateway.models import Connection, Instance
from bduf_realtime.gateway.overview import ConnectionMetrics
from collaboration import status
from collaboration.admin.labels import STATUSES
from collaboration.models import Document, Participant, Project, Session
from collaboration.status import DocumentMetrics, SessionMetrics

LATEST = 8
BUSIEST = 8
# What the apps above show of theirs, as `card` makes it, to those who may see it.
further: list[Callable[[HttpRequest], list[dict[str, object]]]] = []
HEALTH = {"alive": "success", "draining": "warning", "dead": "danger"}
COLOURS = {"success": "good", "warning": "warn", "info": "info", "danger": "bad"}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds what is going on to the context of the first page; unfold calls it."""
    return context | now(request) | {"title": "Now", "charts": pages.may_view(request, Instance)}


def fragment(request: HttpRequest) -> HttpResponse:
    """Answers with what is going on alone, for the page that refreshes it."""
    return TemplateResponse(request, "admin/dashboard.html", now(request))


def now(request: HttpRequest) -> dict[str, Any]:
    """Counts what the visitor may see, in a number of queries that does not grow."""
    may = partial(pages.may_view, request)
    sessions = status.session_metrics() if may(Session) or may(Participant) else None
    connections = overview.connection_metrics() if may(Connection) else None
    return {
        "cards": [
            *(_sessions(sessions) if sessions and may(Session) else []),
            *(_participants(sessions) if sessions and may(Participant) else []),
            *(_documents(status.document_metrics()) if may(Document) else []),
            *(_connections(connections) if connections else []),
            *(_process() if may(Instance) else []),
            *(made for cards in further for made in cards(request)),
        ],
        "states": _states(connections) if connections else [],
        "tables": [
            *([_busiest()] if may(Session) else []),
            *([_latest(request)] if may(AuditEntry) else []),
            *([_instances()] if may(Instance) else []),
        ],
        "counted_at": timezone.now(),
    }


def card(title: str, value: object, note: str = "", url: str = "", tone: str = "") -> dict[str, object]:
    """One count, with what explains it and where it leads."""
    return {"title": title, "value": value, "note": note, "url": url, "tone": tone}


def _sessions(counted: SessionMetrics) -> list[dict[str, object]]:
    note = f"{counted.paused} paused, {counted.ended} ended"
    return [card("Active sessions", counted.active, note, pages.list_url(Session, status__exact="active"))]


def _participants(counted: SessionMetrics) -> list[dict[str, object]]:
    waiting = pages.list_url(Participant, admission__exact="waiting")
    return [
        card(
            "Participants present",
            counted.participants,
            f"{counted.unique_users} users",
            pages.list_url(Participant, present__exact=1),
        ),
        card("Waiting to be let in", counted.waiting, "", waiting, "warn" if counted.waiting else ""),
    ]


def _documents(counted: DocumentMetrics) -> list[dict[str, object]]:
    note = f"{counted.by_strategy['merge']:,} texts, {filesizeformat(counted.bytes)}"
    return [card("Documents", f"{counted.total:,}", note, pages.list_url(Document, deleted="no"))]


def _connections(counted: ConnectionMetrics) -> list[dict[str, object]]:
    response = "" if counted.average_response_ms is None else f"round trip {counted.average_response_ms:.1f} ms"
    return [
        card("Connections", counted.total, response, pages.list_url(Connection, open="yes")),
        card("Users connected", counted.unique_users, f"{counted.connections_per_user:g} connections each"),
        card("Messages in", f"{counted.messages_in:,}", filesizeformat(counted.bytes_in)),
        card("Messages out", f"{counted.messages_out:,}", filesizeformat(counted.bytes_out)),
        card("Queued", filesizeformat(counted.queue_bytes), "waiting to be sent"),
    ]


def _process() -> list[dict[str, object]]:
    counted = overview.process()
    lag = counted.loop_lag_seconds * 1000
    return [
        card("Journal waiting", counted.journal_waiting, "commands, this process"),
        card("Loop lag", f"{lag:.1f} ms", "this process", tone="warn" if lag > 100 else ""),
    ]


def _states(counted: ConnectionMetrics) -> list[dict[str, object]]:
    total = sum(counted.by_state.values())
    return [
        {
            "name": state,
            "number": number,
            "share": round(100 * number / total, 2),
            "tone": COLOURS.get(STATES[state], ""),
            "url": pages.list_url(Connection, state__exact=state),
        }
        for state, number in counted.by_state.items()
        if number
    ]


def _busiest() -> Table:
    loads = status.busiest_sessions(BUSIEST)
    projects = dict(Project.objects.filter(pk__in={load.project for load in loads}).values_list("pk", "name"))
    by_id = {str(pk): name for pk, name in projects.items()}
    rows = [
        [
            pages.two_lines(
                pages.anchor(pages.page_url(Session(pk=load.id)), load.name or load.id), by_id.get(load.project, "")
            ),
            pages.badge(load.status, STATUSES),
            load.participants,
            load.connections,
            f"{load.events:,}",
        ]
        for load in loads
    ]
    headers = ["Session", "Status", "Present", "Connections", "Last seq"]
    more = pages.anchor(pages.list_url(Session), "All sessions")
    return Table("Busiest sessions", headers, rows, "No session is open.", more, numbers=frozenset({2, 3, 4}))


def _latest(request: HttpRequest) -> Table:
    entries = list(AuditEntry.objects.order_by("-at", "-seq")[:LATEST])
    found = pages.names(
        request, {reference for entry in entries for reference in (entry.target, f"user:{entry.actor_id}")}
    )
    rows = []
    for entry in entries:
        actor, target = found.get(f"user:{entry.actor_id}"), found.get(entry.target)
        rows.append(
            [
                pages.anchor(pages.page_url(entry), pages.ago(entry.at)),
                actor.html if actor else entry.actor_name,
                pages.two_lines(entry.action, target.html if target else entry.target),
                pages.badge(entry.door, DOORS),
            ]
        )
    more = pages.anchor(pages.list_url(AuditEntry), "The whole trail")
    return Table("Audit trail", ["When", "Who", "What", "Door"], rows, "Nothing yet.", more)


def _instances() -> Table:
    living = with_open_connections(Instance.objects.order_by("started_at", "pk"))[:BUSIEST]
    rows = [
        [
            pages.anchor(pages.page_url(row), str(row)),
            pages.badge(health_of(row), HEALTH),
            row.open_connections,
            pages.ago(row.started_at),
            pages.ago(row.expires_at),
        ]
        for row in living
    ]
    headers = ["Instance", "Health", "Connections", "Started", "Lease ends"]
    return Table("Instances", headers, rows, "No server process holds a lease.", numbers=frozenset({2}))


def extra_urls() -> list[Any]:
    """The address of the fragment, below the admin's own."""
    return [path("now/", admin.site.admin_view(fragment), name="now")]


admin.site.extra_urls = extra_urls  # type: ignore[attr-defined]  # unfold's site asks for it
