"""Accounts, with what operators do to them and their sockets, and a trail of what is changed in their forms."""

from contextlib import nullcontext
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from bduf_realtime.accounts.admin import BdufUserAdmin
from bduf_realtime.accounts.models import User
from bduf_realtime.audit import pages
from bduf_realtime.audit.pages import column
from bduf_realtime.audit.services import Actor, audit_record
from bduf_realtime.gateway import services
from bduf_realtime.gateway.admin.connections import with_open_connections
from bduf_realtime.gateway.models import Connection
from bduf_realtime.gateway.operating import Operated, Operation, Order
from bduf_realtime.rooms.transactions import write


def _disable(user: User, order: Order) -> None:
    services.user_disable(user=user, by=order.by, reason=order.reason)


def _enable(user: User, order: Order) -> None:
    services.user_enable(user=user, by=order.by, reason=order.reason)


def _sign_out(user: User, order: Order) -> None:
    services.user_sign_out(user=user, by=order.by, reason=order.reason)


def _disconnect_all(user: User, order: Order) -> None:
    services.connections_cut(connections=Connection.objects.filter(user=user), by=order.by, reason=order.reason)


admin.site.unregister(User)


@admin.register(User)
class OperatedUserAdmin(Operated, BdufUserAdmin):
    """Accounts, with what operators do to them and their sockets."""

    kind = "user"
    list_display = ["account", "type_of", "standing", "is_staff", "connections", "signed_in", "joined"]
    search_ids = ["pk"]
    search_help_text = "Username, name, email, or an id."
    date_hierarchy = None
    ordering = ["username"]
    readonly_fields = [*BdufUserAdmin.readonly_fields, "id", "see_also"]
    fieldsets = [
        (None, {"fields": ["username", "password", "id", "see_also"]}),
        *BdufUserAdmin.fieldsets[1:],
    ]
    operations = [
        Operation(
            "disconnect",
            "Disconnect",
            "will be disconnected within two seconds",
            "All open connections are closed with code 4403. The user may connect again at once.",
            _disconnect_all,
            lambda user: user.open_connections > 0,
            icon="link_off",
        ),
        Operation(
            "sign_out",
            "Sign out everywhere",
            "signed out everywhere",
            "Every token issued until now is taken back, and open connections close with code 4401. The user may sign "
            "in again with the password.",
            _sign_out,
            icon="logout",
        ),
        Operation(
            "disable",
            "Disable",
            "disabled",
            "Nobody signs in to the account any more, and open connections close with code 4423.",
            _disable,
            lambda user: user.is_active,
            icon="block",
            danger=True,
        ),
        Operation(
            "enable",
            "Enable",
            "enabled",
            "The account may be signed in to again; tokens from before are good again unless they were taken back.",
            _enable,
            lambda user: not user.is_active,
            icon="check_circle",
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_open_connections(super().get_queryset(request))

    def describe(self, row: User) -> str:
        return f"{row.display_name} ({row.username})"

    @column("User", ordering="username")
    def account(self, row: User) -> SafeString:
        return pages.two_lines(row.display_name, row.username)

    @column("Kind", ordering="kind", label={"human": "info", "agent": "primary", "service": "", "guest": "warning"})
    def type_of(self, row: User) -> str:
        return "guest" if row.is_guest else row.kind

    @column("Account", ordering="is_active", label={"open": "success", "disabled": "danger"})
    def standing(self, row: User) -> str:
        return "open" if row.is_active else "disabled"

    @column("Open connections", ordering="open_connections")
    def connections(self, row: Any) -> SafeString | int:
        url = pages.list_url(Connection, user__id__exact=row.pk, open="yes")
        return pages.anchor(url, row.open_connections) if row.open_connections else pages.NOTHING

    @column("Last sign-in", ordering="last_login")
    def signed_in(self, row: User) -> SafeString:
        return pages.ago(row.last_login)

    @column("Since", ordering="date_joined")
    def joined(self, row: User) -> SafeString:
        return pages.ago(row.date_joined)

    # --- the form leaves a trail too -------------------------------------------------------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with _turn(request):
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with _turn(request):
            return super().delete_view(request, *args, **kwargs)

    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with _turn(request):
            answer: HttpResponse = super().user_change_password(request, *args, **kwargs)
        return answer

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        _record(request, "user:create", obj, {"username": obj.username})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        _record(request, "user:update", obj, {"changes": message})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        with write():
            for user in queryset:
                _record(request, "user:delete", user, {"username": user.username})
            return super().log_deletions(request, queryset)


def _turn(request: HttpRequest) -> Any:
    # The form's own transaction would hold SQLite's lock while its entry waits for the process's other writers.
    return write() if request.method == "POST" else nullcontext()


def _record(request: HttpRequest, action: str, user: User, details: dict[str, Any]) -> None:
    assert isinstance(request.user, User)  # noqa: S101
    actor, target = Actor.of(request.user), f"user:{user.pk}"
    audit_record(project=None, action=action, actor=actor, target=target, details=details, door="admin")
