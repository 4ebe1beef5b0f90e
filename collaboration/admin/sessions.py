"""Sessions: who is in them, how far they have come, and pausing, resuming and ending them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from django.contrib import admin
from django.db.models import Count, F, Q
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import enter
from bduf_realtime.audit.pages import Listing, Table, column
from bduf_realtime.gateway import overview
from bduf_realtime.gateway.models import Attendance
from bduf_realtime.gateway.operating import OperatedAdmin, Operation, Order
from bduf_realtime.rooms.models import Room
from collaboration import selectors, services
from collaboration.admin.invitations import invitations_table
from collaboration.admin.labels import STATUSES
from collaboration.admin.people import people_table
from collaboration.models import Invitation, Participant, Session

Status = Session.Status


def _pause(session: Session, order: Order) -> None:
    services.session_pause(session=session.pk, by=order.by, door="admin", reason=order.reason)


def _resume(session: Session, order: Order) -> None:
    services.session_resume(session=session.pk, by=order.by, door="admin", reason=order.reason)


def _end(session: Session, order: Order) -> None:
    services.session_end(session=session.pk, by=order.by, door="admin", reason=order.reason)


@admin.register(Session)
class SessionAdmin(OperatedAdmin):
    kind = "session"
    list_display = [
        "title",
        "project_link",
        "state",
        "present",
        "connections",
        "last_seq",
        "creator",
        "created",
        "idle",
    ]
    list_filter = ["status", "created_at", "ended_at"]
    search_fields = ["name", "project__name", "created_by__username", "created_by__name"]
    search_ids = ["pk", "project", "created_by"]
    search_help_text = "Name, project, creator, or the id of any of them."
    date_hierarchy = "created_at"
    ordering = [F("ended_at").desc(nulls_first=True), "-created_at"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("state", "project_link", "owners"),
                    ("creator", "opened", "idle", "ended"),
                    ("last_seq", "held", "epoch"),
                    ("id", "labels"),
                    "see_also",
                ]
            },
        ),
        ("Settings", {"fields": ["rules"], "classes": ["collapse"]}),
    ]
    readonly_fields = [
        *["title", "state", "project_link", "owners", "labels", "see_also", "opened", "creator", "idle", "ended"],
        *["last_seq", "held", "epoch", "rules"],
    ]
    operations = [
        Operation(
            "pause",
            "Pause",
            "paused",
            "It becomes read-only: everybody stays in and sees it, and nothing is written until it is resumed.",
            _pause,
            lambda session: session.status == Status.ACTIVE,
            icon="pause",
        ),
        Operation(
            "resume",
            "Resume",
            "resumed",
            "It may be written to again.",
            _resume,
            lambda session: session.status == Status.PAUSED,
            icon="play_arrow",
        ),
        Operation(
            "end",
            "End",
            "ended",
            "It is over for good: everybody in it is shown out at once, and it can only be read from then on.",
            _end,
            lambda session: session.status != Status.ENDED,
            icon="stop_circle",
            danger=True,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        there = Count("participants", filter=Q(participants__present=True))
        return super().get_queryset(request).annotate(there=there)

    def references(self, row: Session) -> Iterable[str]:
        return f"project:{row.project_id}", f"user:{row.created_by_id}"

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().prepare(request, rows)
        rooms = [f"session:{row.pk}" for row in rows]
        logs = {room.name: room for room in Room.objects.filter(name__in=rooms)}
        connections = overview.attendances(rooms)
        for row, room in zip(rows, rooms, strict=True):
            row.log, row.connected = logs.get(room), connections.get(room, 0)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            found = pages.names(request, [f"user:{user}" for user in selectors.session_owners(row)])
            row.owner_names = sorted(found.values())
        return row

    def describe(self, row: Any) -> str:
        return f"{row}, {row.status}, {row.there} present"

    def tables(self, request: HttpRequest, row: Session) -> list[Table]:
        tables = []
        if pages.may_view(request, Participant):
            tables.append(people_table(request, row))
        if pages.may_view(request, Invitation):
            tables.append(invitations_table(request, row))
        return tables

    @column("Session", ordering="name")
    def title(self, row: Session) -> str:
        return str(row)

    @column("Project", ordering="project__name")
    def project_link(self, row: Session) -> SafeString | str:
        return self.link_to(row, f"project:{row.project_id}")

    @column("Status", ordering="status", label=STATUSES)
    def state(self, row: Session) -> str:
        return row.status

    @column("Present", ordering="there")
    def present(self, row: Any) -> SafeString | str:
        if not row.there:
            return pages.NOTHING
        return pages.anchor(pages.list_url(Participant, session__id__exact=row.pk, present__exact=1), row.there)

    @column("Connections")
    def connections(self, row: Any) -> SafeString | str:
        if not row.connected:
            return pages.NOTHING
        return pages.anchor(pages.list_url(Attendance, room__exact=f"session:{row.pk}"), row.connected)

    @column("Last seq")
    def last_seq(self, row: Any) -> SafeString | str:
        return f"{row.log.head:,}" if row.log else pages.NOTHING

    @column("Events held")
    def held(self, row: Any) -> SafeString | str:
        return f"{row.log.head - row.log.floor + 1:,}, from {row.log.floor:,} on" if row.log else pages.NOTHING

    @column("Epoch")
    def epoch(self, row: Any) -> SafeString | str:
        return pages.code(row.log.epoch) if row.log else pages.NOTHING

    @column("Created by", ordering="created_by__username")
    def creator(self, row: Session) -> SafeString | str:
        return self.link_to(row, f"user:{row.created_by_id}")

    @column("Created", ordering="created_at")
    def created(self, row: Session) -> SafeString:
        return pages.ago(row.created_at)

    @column("Created")
    def opened(self, row: Session) -> SafeString:
        return pages.at(row.created_at)

    @column("Empty since", ordering="idle_since")
    def idle(self, row: Session) -> SafeString:
        return pages.NOTHING if row.status == Status.ENDED else pages.ago(row.idle_since)

    @column("Ended", ordering="ended_at")
    def ended(self, row: Session) -> SafeString:
        return pages.at(row.ended_at)

    @column("Owners")
    def owners(self, row: Any) -> SafeString | str:
        return format_html_join(", ", "{}", ((name.html,) for name in row.owner_names)) or pages.NOTHING

    @column("Tags")
    def labels(self, row: Session) -> SafeString | str:
        chips = format_html_join("", "<span>{}</span>", ((tag,) for tag in row.tags))
        return format_html('<span class="op-chips">{}</span>', chips) if row.tags else pages.NOTHING

    @column("Settings")
    def rules(self, row: Session) -> SafeString:
        settings = msgspec.structs.asdict(selectors.settings_of(row))
        lines = format_html_join(
            "", "<dt>{}</dt><dd>{}</dd>", ((_words(name), _value(value)) for name, value in settings.items())
        )
        return format_html('<dl class="op-list">{}</dl>', lines)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("_", " ")


enter("session", Session)
pages.listings["session"] += [
    Listing("Participants", Participant, "session"),
    Listing("Invitations", Invitation, "session"),
    Listing("Connections", Attendance, "room"),
]
pages.listings["user"].append(Listing("Sessions", Participant, "user"))
