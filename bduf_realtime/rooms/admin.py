from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from bduf_realtime.rooms.models import Room


@admin.register(Room)
class RoomAdmin(ModelAdmin):
    list_display = ["name", "head", "floor", "epoch", "created_at"]
    search_fields = ["name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Room | None = None) -> bool:
        return False
