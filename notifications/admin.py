from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import ReadOnlyAdmin
from bduf_realtime.audit.chain import encode_json
from bduf_realtime.audit.pages import column
from notifications import selectors
from notifications.kinds import known
from notifications.models import Notification, Preferences

STATES = {"to act on": "warning", "unread": "info", "read": "", "settled": "success"}
MAILS = {"waiting": "info", "sent": "success"}


def state_of(row: Notification) -> str:
    """Whether somebody has seen to a notification."""
    if row.settled_at:
        return "settled"
    if row.must_act:
        return "to act on"
    return "read" if row.read_at else "unread"


class Kinds(DropdownFilter):
    """Filters by kind; those there are, for to find those in use every row would be read."""

    title, parameter_name = "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(known)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """What people were told, and whether they have seen to it."""

    list_display = ["when", "told", "title", "kind", "state", "mail"]
    list_filter = [
        Kinds,
        "must_act",
        ("read_at", admin.EmptyFieldListFilter),
        ("mailed_at", admin.EmptyFieldListFilter),
        "created_at",
    ]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__name", "title"]
    search_ids = ["pk", "user", "project", "session"]
    search_help_text = "User, title, or the id of a user, project or session."
    ordering = ["-created_at"]
    fieldsets = [
        (None, {"fields": ["id", "told", "kind", "title", "body", "link", "in_project", "in_session", "all_data"]}),
        ("State", {"fields": ["state", "must_act", "shown", "sent", "key", "by_name"]}),
        ("Times", {"fields": ["when", "read", "settled", "expires", "again"]}),
        ("Mail", {"fields": ["mail", "mail_when", "mail_tries"]}),
    ]
    readonly_fields = [
        *["told", "in_project", "in_session", "all_data", "state", "when", "read", "settled", "expires", "again"],
        *["mail", "mail_when"],
    ]

    def references(self, row: Notification) -> Iterable[str]:
        return f"user:{row.user_id}", f"project:{row.project}", f"session:{row.session}"

    @column("When", ordering="created_at")
    def when(self, row: Notification) -> SafeString:
        return pages.ago(row.created_at)

    @column("User", ordering="user")
    def told(self, row: Notification) -> SafeString | str:
        return self.link_to(row, f"user:{row.user_id}")

    @column("Project")
    def in_project(self, row: Notification) -> SafeString | str:
        return self.link_to(row, f"project:{row.project}")

    @column("Session")
    def in_session(self, row: Notification) -> SafeString | str:
        return self.link_to(row, f"session:{row.session}")

    @column("Data")
    def all_data(self, row: Notification) -> SafeString:
        return pages.code(encode_json(row.data))

    @column("State", label=STATES)
    def state(self, row: Notification) -> str:
        return state_of(row)

    @column("Mail", label=MAILS)
    def mail(self, row: Notification) -> str:
        return "sent" if row.mailed_at else "waiting" if row.mail_due else "none"

    @column("Sent, or due")
    def mail_when(self, row: Notification) -> SafeString:
        return pages.at(row.mailed_at or row.mail_due)

    @column("Read")
    def read(self, row: Notification) -> SafeString:
        return pages.at(row.read_at)

    @column("Settled")
    def settled(self, row: Notification) -> SafeString:
        return pages.at(row.settled_at)

    @column("Expires")
    def expires(self, row: Notification) -> SafeString:
        return pages.at(row.expires_at)

    @column("Told again")
    def again(self, row: Notification) -> SafeString:
        return pages.at(row.resend_at)


@admin.register(Preferences)
class PreferencesAdmin(ReadOnlyAdmin):
    """What people want to be told of, where they have said so."""

    list_display = ["told", "said", "mail_after", "changed"]
    search_fields = ["user__username", "user__name"]
    search_ids = ["user"]
    ordering = ["-updated_at"]
    fields = ["told", "said", "mail_after", "muted", "changed"]
    readonly_fields = ["told", "said", "muted", "changed"]

    def references(self, row: Preferences) -> Iterable[str]:
        return (f"user:{row.user_id}",)

    @column("User", ordering="user")
    def told(self, row: Preferences) -> SafeString | str:
        return self.link_to(row, f"user:{row.user_id}")

    @column("Kinds")
    def said(self, row: Preferences) -> str:
        return (
            ", ".join(f"{kind}: {' and '.join(channels) or 'no'}" for kind, channels in sorted(row.kinds.items()))
            or "-"
        )

    @column("Muted")
    def muted(self, row: Preferences) -> str:
        return ", ".join(mute.scope for mute in selectors.preferences_of(row.user_id).mutes) or "-"

    @column("Changed", ordering="updated_at")
    def changed(self, row: Preferences) -> SafeString:
        return pages.ago(row.updated_at)
