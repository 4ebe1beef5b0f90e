from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from bduf_realtime.gateway.models import Attendance, Connection, Instance


class Observed(ModelAdmin):
    """Rows that the server writes and nobody else."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False


@admin.register(Connection)
class ConnectionAdmin(Observed):
    list_display = ["id", "user", "state", "address", "client", "connected_at", "round_trip_ms", "close_code"]
    list_filter = ["state", "instance"]
    search_fields = ["user__username", "address", "client"]
    list_select_related = ["user"]


@admin.register(Instance)
class InstanceAdmin(Observed):
    list_display = ["id", "host", "pid", "started_at", "expires_at", "draining"]


@admin.register(Attendance)
class AttendanceAdmin(Observed):
    list_display = ["room", "user", "connection", "since"]
    search_fields = ["room", "user"]
