from django.contrib import admin

from bduf_realtime.audit.admin import ReadOnlyAdmin
from bduf_realtime.gateway.models import Attendance, Connection, Instance


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ["id", "user", "state", "address", "client", "connected_at", "round_trip_ms", "close_code"]
    list_filter = ["state", "instance"]
    search_fields = ["user__username", "address", "client"]
    list_select_related = ["user"]


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ["id", "host", "pid", "started_at", "expires_at", "draining"]


@admin.register(Attendance)
class AttendanceAdmin(ReadOnlyAdmin):
    list_display = ["room", "user", "connection", "since"]
    search_fields = ["room", "user"]
