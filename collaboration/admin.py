from django.contrib import admin
from unfold.admin import ModelAdmin

from collaboration.models import Membership, Participant, Project, Session


class Seen(ModelAdmin):
    """Rows that are looked at here and changed through the services."""

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object | None = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object | None = None) -> bool:
        return False


@admin.register(Project)
class ProjectAdmin(Seen):
    list_display = ["name", "id", "created_by", "created_at"]
    search_fields = ["name"]


@admin.register(Membership)
class MembershipAdmin(Seen):
    list_display = ["project", "user", "role", "since"]
    list_filter = ["role"]
    search_fields = ["project__name", "user__username"]


@admin.register(Session)
class SessionAdmin(Seen):
    list_display = ["name", "project", "status", "created_by", "created_at"]
    list_filter = ["status"]
    search_fields = ["name", "project__name"]


@admin.register(Participant)
class ParticipantAdmin(Seen):
    list_display = ["user", "session", "role", "present", "joined_at", "away_since"]
    list_filter = ["present", "role"]
    search_fields = ["user__username", "session__name"]
