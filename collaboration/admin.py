from django.contrib import admin

from bduf_realtime.audit.admin import ReadOnlyAdmin
from collaboration.models import Membership, Participant, Project, Session


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ["name", "id", "created_by", "created_at"]
    search_fields = ["name"]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["project", "user", "role", "since"]
    list_filter = ["role"]
    search_fields = ["project__name", "user__username"]


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "status", "created_by", "created_at"]
    list_filter = ["status"]
    search_fields = ["name", "project__name"]


@admin.register(Participant)
class ParticipantAdmin(ReadOnlyAdmin):
    list_display = ["user", "session", "role", "present", "joined_at", "away_since"]
    list_filter = ["present", "role"]
    search_fields = ["user__username", "session__name"]
