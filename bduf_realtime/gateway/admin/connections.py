"""Connections, instances and places in rooms: who is connected where, since when, and how it fares."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import ReadOnlyAdmin, enter
from bduf_realtime.audit.pages import Listing, Table, column
from bduf_realtime.gateway import services
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.gateway.operating import OperatedAdmin, Operation, Order
from bduf_realtime.rooms.models import Room

State = Connection.State
STATES = {
    State.CONNECTING: "info",
    State.CONNECTED: "info",
    State.AUTHENTICATED: "success",
    State.IDLE: "warning",
    State.RECONNECTING: "warning",
    State.DISCONNECTED: "",
    "being closed": "danger",
}


# --- what is said of connections, here and on pages above ---------------------------------------------------------


def state_of(row: Connection) -> str:
    """A connection's state, and whether an operator has it closed right now."""
    return "being closed" if row.cut_at and not row.closed_at else row.state


def traffic(messages: int, size: int) -> SafeString:
    """Messages, and the bytes they had."""
    return pages.two_lines(f"{messages:,}", filesizeformat(size))


def round_trip(row: Connection) -> SafeString | str:
    return pages.NOTHING if row.round_trip_ms is None else f"{row.round_trip_ms:.1f} ms"


def short(row: Connection) -> str:
    """Enough of a connection's id to tell it from others on the page."""
    return str(row.pk)[:8]


def since(row: Connection) -> SafeString:
    """Since when a connection is open and was last active, or how it ended."""
    now = format_html("active {}", pages.ago(row.last_activity))
    if row.closed_at:
        now = format_html("closed {}, {}", pages.ago(row.closed_at), row.close_code or "without a code")
    return pages.two_lines(pages.ago(row.connected_at), now)


COUNTERS = ("Round trip", "Queue", "In", "Out")


def counters(row: Connection) -> list[SafeString | str]:
    """How a connection fares: its round trip, what waits to be sent, what came and what went."""
    return [
        round_trip(row),
        filesizeformat(row.queue_bytes),
        traffic(row.messages_in, row.bytes_in),
        traffic(row.messages_out, row.bytes_out),
    ]


# --- connections --------------------------------------------------------------------------------------------------


class Openness(admin.SimpleListFilter):
    title = parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "open"), ("no", "closed a moment ago")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(closed_at__isnull=self.value() == "yes") if self.value() else queryset


def _disconnect(row: Connection, order: Order) -> None:
    services.connections_cut(connections=Connection.objects.filter(pk=row.pk), by=order.by, reason=order.reason)


@admin.register(Connection)
class ConnectionAdmin(OperatedAdmin):
    kind = "connection"
    list_display = [*["connection", "who", "state_now", "where", "origin", "since", "rtt", "queue", "came", "went"]]
    list_filter = [Openness, "state", "connected_at", "instance"]
    search_fields = ["user__username", "user__name", "address", "client", "user_agent"]
    search_ids = ["pk", "user", "instance"]
    search_help_text = "User, address, client, or the id of a connection, user or instance."
    list_select_related = ["user", "instance"]
    date_hierarchy = "connected_at"
    ordering = [F("closed_at").desc(nulls_first=True), "-connected_at"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("who", "state_now", "where"),
                    ("address", "client", "timezone"),
                    ("connected", "active", "closed"),
                    ("rtt", "queue", "came_in", "went_out"),
                    ("id", "user_agent"),
                    ("close_code", "cut"),
                    "see_also",
                ]
            },
        ),
    ]
    readonly_fields = [
        *["who", "state_now", "see_also", "where", "connected", "active", "closed", "cut"],
        *["rtt", "queue", "came_in", "went_out"],
    ]
    operations = [
        Operation(
            "disconnect",
            "Disconnect",
            "will be closed within two seconds",
            "Each is closed with code 4403. The user may connect again at once; to keep somebody out, disable the "
            "account or remove the participant.",
            _disconnect,
            lambda row: not row.closed_at and not row.cut_at,
            icon="link_off",
            danger=True,
        )
    ]

    def references(self, row: Connection) -> Iterable[str]:
        return (f"user:{row.user_id}",)

    def describe(self, row: Connection) -> str:
        return f"{row.user} from {row.address or 'an unknown address'}, {state_of(row)}"

    def tables(self, request: HttpRequest, row: Connection) -> list[Table]:
        places = list(Attendance.objects.filter(connection=row.pk).order_by("room"))
        heads = dict(Room.objects.filter(name__in=[place.room for place in places]).values_list("name", "head"))
        found = pages.names(request, [place.room for place in places])
        rows = [
            [
                found[place.room].html if place.room in found else place.room,
                pages.code(place.room),
                pages.ago(place.since),
                heads.get(place.room, pages.NOTHING),
            ]
            for place in places
        ]
        headers = ["Room", "Name", "Joined", "Last seq"]
        return [Table("Rooms it is in", headers, rows, empty="None.", numbers=frozenset({3}))]

    @column("Connection", ordering="pk")
    def connection(self, row: Connection) -> SafeString:
        return pages.code(short(row))

    @column("User", ordering="user__username")
    def who(self, row: Connection) -> SafeString | str:
        return self.link_to(row, f"user:{row.user_id}", str(row.user))

    @column("State", ordering="state", label=STATES)
    def state_now(self, row: Connection) -> str:
        return state_of(row)

    @column("Instance", ordering="instance")
    def where(self, row: Connection) -> str:
        return str(row.instance)

    @column("From", ordering="address")
    def origin(self, row: Connection) -> SafeString:
        return pages.two_lines(row.address or "-", row.client or row.user_agent[:40] or "-")

    @column("Connected", ordering="connected_at")
    def since(self, row: Connection) -> SafeString:
        return since(row)

    @column("Round trip", ordering="round_trip_ms")
    def rtt(self, row: Connection) -> SafeString | str:
        return round_trip(row)

    @column("Queue", ordering="queue_bytes")
    def queue(self, row: Connection) -> str:
        return filesizeformat(row.queue_bytes)

    @column("In", ordering="bytes_in")
    def came(self, row: Connection) -> SafeString:
        return traffic(row.messages_in, row.bytes_in)

    @column("Out", ordering="bytes_out")
    def went(self, row: Connection) -> SafeString:
        return traffic(row.messages_out, row.bytes_out)

    @column("In")
    def came_in(self, row: Connection) -> str:
        return f"{row.messages_in:,} messages, {filesizeformat(row.bytes_in)}"

    @column("Out")
    def went_out(self, row: Connection) -> str:
        return f"{row.messages_out:,} messages, {filesizeformat(row.bytes_out)}"

    @column("Connected")
    def connected(self, row: Connection) -> SafeString:
        return pages.at(row.connected_at)

    @column("Last activity")
    def active(self, row: Connection) -> SafeString:
        return pages.at(row.last_activity)

    @column("Closed")
    def closed(self, row: Connection) -> SafeString:
        return pages.at(row.closed_at)

    @column("Disconnected by an operator")
    def cut(self, row: Connection) -> SafeString:
        return pages.at(row.cut_at)


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ["name", "health", "connections", "started", "lease"]
    search_fields = ["host"]
    search_ids = ["pk"]
    ordering = ["started_at"]
    fields = ["id", "host", "pid", "health", "connections", "started", "lease"]
    readonly_fields = ["health", "connections", "started", "lease"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_open_connections(super().get_queryset(request))

    @column("Instance", ordering="host")
    def name(self, row: Instance) -> str:
        return str(row)

    @column("Health", label={"alive": "success", "draining": "warning", "dead": "danger"})
    def health(self, row: Instance) -> str:
        return health_of(row)

    @column("Open connections")
    def connections(self, row: Any) -> SafeString:
        url = pages.list_url(Connection, instance__id__exact=row.pk, open="yes")
        return pages.anchor(url, row.open_connections)

    @column("Started", ordering="started_at")
    def started(self, row: Instance) -> SafeString:
        return pages.at(row.started_at)

    @column("Lease ends", ordering="expires_at")
    def lease(self, row: Instance) -> SafeString:
        return pages.ago(row.expires_at)


def health_of(row: Instance) -> str:
    """Whether an instance renews its lease, and wants clients."""
    return "dead" if row.expires_at <= timezone.now() else "draining" if row.draining else "alive"


def with_open_connections(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Counts the open connections of users or instances, as `open_connections`."""
    counted: QuerySet[Any] = rows.annotate(open_connections=Count("connections", filter=Q(connections__closed_at=None)))
    return counted


@admin.register(Attendance)
class AttendanceAdmin(ReadOnlyAdmin):
    list_display = ["where", "name", "who", "through", "joined"]
    search_fields = ["room"]
    search_ids = ["connection", "instance"]
    search_help_text = "Room, or the id of a connection."
    ordering = ["-since"]
    fields = ["where", "name", "who", "through", "instance", "joined"]
    readonly_fields = ["where", "name", "who", "through", "joined"]

    def references(self, row: Attendance) -> Iterable[str]:
        return row.room, f"user:{row.user}", f"connection:{row.connection}"

    @column("Room", ordering="room")
    def where(self, row: Attendance) -> str:
        name = self.name_of(row, row.room)
        return name.text if name else row.room

    @column("Room's name", ordering="room")
    def name(self, row: Attendance) -> SafeString:
        return pages.code(row.room)

    @column("User")
    def who(self, row: Attendance) -> SafeString | str:
        return self.link_to(row, f"user:{row.user}", row.user)

    @column("Connection")
    def through(self, row: Attendance) -> SafeString | str:
        return self.link_to(row, f"connection:{row.connection}", str(row.connection))

    @column("Joined", ordering="since")
    def joined(self, row: Attendance) -> SafeString:
        return pages.at(row.since)


enter("connection", Connection)
pages.listings["user"].append(Listing("Connections", Connection, "user"))
pages.listings["user"].append(Listing("Rooms", Attendance, "user"))
pages.listings["connection"].append(Listing("Rooms", Attendance, "connection"))
