"""Invitations, without the digests of their secrets, and taking them back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.pages import Table, column
from bduf_realtime.gateway.operating import OperatedAdmin, Operation, Order
from collaboration import services
from collaboration.admin.labels import ROLES
from collaboration.models import Invitation, Session

STATES = {"open": "success", "used up": "", "expired": "", "revoked": "danger"}
SHOWN = 20


def state_of(row: Invitation) -> str:
    """Whether an invitation may still be used, and why not."""
    if row.revoked_at:
        return "revoked"
    if row.max_uses is not None and row.uses >= row.max_uses:
        return "used up"
    return "open" if row.expires_at > timezone.now() else "expired"


def uses_of(row: Invitation) -> str:
    """How often an invitation was used, of how often it may be."""
    return f"{row.uses:,}" if row.max_uses is None else f"{row.uses:,} of {row.max_uses:,}"


def invitations_table(request: HttpRequest, session: Session) -> Table:
    """A session's latest invitations, for the session's page."""
    latest = session.invitations.select_related("created_by").order_by("-created_at", "pk")[:SHOWN]
    rows = [
        [
            pages.anchor(pages.page_url(row), str(row.pk)[:8]),
            pages.badge(row.role, ROLES),
            pages.badge(state_of(row), STATES),
            uses_of(row),
            pages.named(request, row.created_by).html if row.created_by else pages.NOTHING,
            pages.ago(row.expires_at),
        ]
        for row in latest
    ]
    headers = ["Invitation", "Role", "State", "Uses", "Created by", "Expires"]
    more = pages.anchor(pages.list_url(Invitation, session__id__exact=session.pk), "All invitations")
    return Table("Invitations", headers, rows, "None.", more, numbers=frozenset({3}))


def _revoke(row: Invitation, order: Order) -> None:
    services.invitation_revoke(
        session=row.session_id, invitation=row.pk, by=order.by, door="admin", reason=order.reason
    )


@admin.register(Invitation)
class InvitationAdmin(OperatedAdmin):
    """Invitations, without the digests of their secrets."""

    list_display = ["invitation", "session_link", "role_given", "state", "used", "creator", "created", "expires"]
    list_filter = ["role", "created_at", "expires_at"]
    search_fields = ["session__name", "session__project__name", "created_by__username", "created_by__name"]
    search_ids = ["pk", "session", "session__project", "created_by"]
    search_help_text = "Session, project, creator, or the id of any of them."
    list_select_related = ["session"]
    ordering = ["-created_at"]
    fieldsets = [
        (None, {"fields": ["id", "session_link", "role_given", "state", "used"]}),
        ("Times", {"fields": ["creator", "created", "expires", "revoked"]}),
    ]
    readonly_fields = ["session_link", "role_given", "state", "used", "creator", "created", "expires", "revoked"]
    operations = [
        Operation(
            "revoke",
            "Revoke",
            "revoked",
            "Nobody comes in by it any more; who came in by it stays.",
            _revoke,
            lambda row: row.revoked_at is None,
            icon="link_off",
            danger=True,
        )
    ]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # Whoever may filter by the beginning of a digest finds it out.
        return not lookup.startswith("digest") and bool(super().lookup_allowed(lookup, value, request))

    def references(self, row: Invitation) -> Iterable[str]:
        return f"session:{row.session_id}", f"user:{row.created_by_id}"

    def describe(self, row: Invitation) -> str:
        return f"{row}, {state_of(row)}, used {uses_of(row)}"

    @column("Invitation", ordering="pk")
    def invitation(self, row: Invitation) -> SafeString:
        return pages.code(str(row.pk)[:8])

    @column("Session", ordering="session__name")
    def session_link(self, row: Invitation) -> SafeString | str:
        return self.link_to(row, f"session:{row.session_id}")

    @column("Role", ordering="role", label=ROLES)
    def role_given(self, row: Invitation) -> str:
        return row.role

    @column("State", label=STATES)
    def state(self, row: Invitation) -> str:
        return state_of(row)

    @column("Uses", ordering="uses")
    def used(self, row: Invitation) -> str:
        return uses_of(row)

    @column("Created by", ordering="created_by__username")
    def creator(self, row: Invitation) -> SafeString | str:
        return self.link_to(row, f"user:{row.created_by_id}")

    @column("Created", ordering="created_at")
    def created(self, row: Invitation) -> SafeString:
        return pages.ago(row.created_at)

    @column("Expires", ordering="expires_at")
    def expires(self, row: Invitation) -> SafeString:
        return pages.ago(row.expires_at)

    @column("Revoked", ordering="revoked_at")
    def revoked(self, row: Invitation) -> SafeString:
        return pages.at(row.revoked_at)
