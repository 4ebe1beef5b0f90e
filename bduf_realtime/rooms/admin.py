from django.contrib import admin

from bduf_realtime.audit.admin import ReadOnlyAdmin
from bduf_realtime.rooms.models import Room


@admin.register(Room)
class RoomAdmin(ReadOnlyAdmin):
    list_display = ["name", "head", "floor", "epoch", "created_at"]
    search_fields = ["name"]
