"""Places in sessions: who was let in as what, and changing that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.pages import Table, column
from bduf_realtime.gateway.admin.connections import COUNTERS, counters
from bduf_realtime.gateway.models import Connection
from bduf_realtime.gateway.operating import OperatedAdmin, Operation, Order
from collaboration import roles, services
from collaboration.admin.labels import ADMISSIONS, PRESENCES, ROLES, presence_of, with_role
from collaboration.admin.people import connection_cells, connections_in
from collaboration.models import Participant

Admission = Participant.Admission


def _admit(place: Participant, order: Order) -> None:
    services.participant_admit(
        session=place.session_id, user=place.user_id, by=order.by, door="admin", reason=order.reason
    )


def _deny(place: Participant, order: Order) -> None:
    services.participant_deny(
        session=place.session_id, user=place.user_id, by=order.by, door="admin", reason=order.reason
    )


def _remove(place: Participant, order: Order) -> None:
    services.participant_remove(
        session=place.session_id, user=place.user_id, by=order.by, door="admin", reason=order.reason
    )


def _role(place: Participant, order: Order) -> None:
    services.participant_role(
        session=place.session_id,
        user=place.user_id,
        role=order.choice,
        by=order.by,
        door="admin",
        reason=order.reason,
    )


@admin.register(Participant)
class ParticipantAdmin(OperatedAdmin):
    list_display = ["person", "session_link", "role_now", "let_in", "presence", "joined", "active"]
    list_filter = ["present", "admission", "role", "session__status", "joined_at"]
    search_fields = ["user__username", "user__name", "session__name", "session__project__name"]
    search_ids = ["session", "user", "session__project"]
    search_help_text = "User, session, project, or the id of any of them."
    list_select_related = ["user", "session"]
    ordering = ["-present", "-last_activity"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("account", "session_link", "project_link"),
                    ("role_now", "let_in", "presence"),
                    ("asked", "joined", "away", "active"),
                ]
            },
        ),
    ]
    readonly_fields = [
        *["person", "account", "session_link", "project_link", "role_now", "let_in", "presence"],
        *["asked", "joined", "away", "active"],
    ]
    operations = [
        Operation(
            "role",
            "Change role",
            "given the role",
            "The role holds in this session only, at once, for connections that are open too. A session keeps one "
            "owner.",
            _role,
            lambda place: place.admission != Admission.REMOVED,
            icon="badge",
            choices=roles.CHOICES,
            choice_label="Role in the session",
        ),
        Operation(
            "admit",
            "Admit",
            "admitted",
            "They may come in: those who wait, and those who were turned away or removed.",
            _admit,
            lambda place: place.admission != Admission.ADMITTED,
            icon="login",
        ),
        Operation(
            "deny",
            "Deny",
            "turned away",
            "Whoever waits to be let in is told that it will not be.",
            _deny,
            lambda place: place.admission == Admission.WAITING,
            icon="do_not_disturb_on",
            danger=True,
        ),
        Operation(
            "remove",
            "Remove",
            "removed",
            "They are shown out of the session, their connections close with code 4403, and they may not come back "
            "until admitted again.",
            _remove,
            lambda place: place.admission != Admission.REMOVED,
            icon="person_remove",
            danger=True,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_role(super().get_queryset(request).select_related("user", "session"))

    def references(self, row: Participant) -> Iterable[str]:
        return f"user:{row.user_id}", f"session:{row.session_id}", f"project:{row.session.project_id}"

    def describe(self, row: Any) -> str:
        return f"{row.user.display_name} in {row.session}, {row.effective_role or 'without a role'}, {row.admission}"

    def tables(self, request: HttpRequest, row: Participant) -> list[Table]:
        if not pages.may_view(request, Connection):
            return []
        found = connections_in(f"session:{row.session_id}", [str(row.user_id)]).get(str(row.user_id), [])
        headers = ["Connection", "From", "Connected", *COUNTERS]
        rows: list[Any] = [[*connection_cells(connection), *counters(connection)] for connection in found]
        return [Table("Connections in this session", headers, rows, "None.", numbers=frozenset({3, 4, 5, 6}))]

    @column("Participant", ordering="user__username")
    def person(self, row: Participant) -> SafeString:
        return pages.two_lines(row.user.display_name, "guest" if row.user.is_guest else row.user.username)

    @column("Account")
    def account(self, row: Participant) -> SafeString | str:
        return self.link_to(row, f"user:{row.user_id}")

    @column("Session", ordering="session__name")
    def session_link(self, row: Participant) -> SafeString | str:
        return self.link_to(row, f"session:{row.session_id}")

    @column("Project")
    def project_link(self, row: Participant) -> SafeString | str:
        return self.link_to(row, f"project:{row.session.project_id}")

    @column("Role", ordering="effective_role", label=ROLES)
    def role_now(self, row: Any) -> str:
        return row.effective_role or "none"

    @column("Admission", ordering="admission", label=ADMISSIONS)
    def let_in(self, row: Participant) -> str:
        return "not asked yet" if row.admission == Admission.OPEN else row.admission

    @column("Now", ordering="present", label=PRESENCES)
    def presence(self, row: Participant) -> str:
        return presence_of(row)

    @column("Joined", ordering="joined_at")
    def joined(self, row: Participant) -> SafeString:
        return pages.ago(row.joined_at)

    @column("Asked to come in", ordering="asked_at")
    def asked(self, row: Participant) -> SafeString:
        return pages.at(row.asked_at)

    @column("Away since", ordering="away_since")
    def away(self, row: Participant) -> SafeString:
        return pages.at(row.away_since)

    @column("Last came or went", ordering="last_activity")
    def active(self, row: Participant) -> SafeString:
        return pages.ago(row.last_activity)
