"""Who is in a session, and by which connections: one table for the session's page."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.pages import Table
from bduf_realtime.gateway.admin.connections import COUNTERS, STATES, counters, short, since, state_of
from bduf_realtime.gateway.models import Attendance, Connection
from collaboration.admin.labels import ADMISSIONS, PRESENCES, ROLES, presence_of, with_role
from collaboration.models import Participant, Session
from collaboration.selectors import TURNED_OUT

SHOWN = 100
HEADERS = ("Participant", "Role", "State", "Connection", "From", "Connected", *COUNTERS)


def people_table(request: HttpRequest, session: Session) -> Table:
    """Participants, those present first, each with a line per connection."""
    first = Case(
        When(present=True, then=Value(0)),
        When(admission=Participant.Admission.WAITING, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    places = with_role(session.participants.select_related("user")).order_by(first, "joined_at", "pk")
    people = list(places[: SHOWN + 1])
    shown = people[:SHOWN]
    by_user = connections_in(f"session:{session.pk}", [str(person.user_id) for person in shown])
    visible = pages.may_view(request, Connection)
    rows: list[Any] = []
    for person in shown:
        connections = by_user.get(str(person.user_id), []) if visible else []
        lines = [[*connection_cells(row), *counters(row)] for row in connections] or [
            [pages.NOTHING] * (len(HEADERS) - 3)
        ]
        rows += [[*(_person(person) if number == 0 else [""] * 3), *line] for number, line in enumerate(lines)]
    everybody = pages.anchor(pages.list_url(Participant, session__id__exact=session.pk), "All participants")
    note = f"The first {SHOWN}; those present come first." if len(people) > SHOWN else ""
    return Table("People", HEADERS, rows, "Nobody yet.", everybody, note, numbers=frozenset({6, 7, 8, 9}))


def connections_in(room: str, users: list[str]) -> dict[str, list[Connection]]:
    """The connections of these users in a room, the liveliest first, in two queries."""
    places = dict(Attendance.objects.filter(room=room, user__in=users).values_list("connection", "user"))
    found: dict[str, list[Connection]] = defaultdict(list)
    for row in Connection.objects.filter(pk__in=places).select_related("instance").order_by("-last_activity"):
        found[places[row.pk]].append(row)
    return found


def _person(person: Any) -> list[SafeString | str]:
    user, role = person.user, person.effective_role or "none"
    second = "guest" if user.is_guest else user.username
    link = pages.anchor(pages.page_url(person), user.display_name)
    presence = presence_of(person)
    turned_out = person.admission in TURNED_OUT
    state = pages.badge(person.admission, ADMISSIONS) if turned_out else pages.badge(presence, PRESENCES)
    words, moment = {
        "present": ("joined {}", person.joined_at),
        "away": ("lost {}", person.away_since),
        "waiting": ("asked {}", person.asked_at),
        "gone": ("last here {}", person.last_activity if person.joined_at else None),
    }[presence]
    since_when = format_html(words, pages.ago(moment)) if moment else ""
    return [pages.two_lines(link, second), pages.badge(role, ROLES), pages.two_lines(state, since_when)]


def connection_cells(row: Connection) -> list[SafeString | str]:
    """Which connection it is, where it ends, where it comes from, and since when."""
    state = state_of(row)
    return [
        pages.two_lines(
            format_html("{} {}", pages.anchor(pages.page_url(row), short(row)), pages.badge(state, STATES)),
            f"on {row.instance}",
        ),
        pages.two_lines(row.address or "-", row.client or row.user_agent[:40] or "-"),
        since(row),
    ]
