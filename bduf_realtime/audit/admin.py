from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from bduf_realtime.audit.models import AuditChain, AuditEntry


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows to those who may view them, and changes nothing for anybody."""

    show_full_result_count = False  # counting a long trail takes longer than showing a page of it

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor_name", "actor_kind", "action", "target", "door", "chain_id", "seq"]
    list_filter = ["door", "actor_kind", "at"]
    search_fields = ["=chain__name", "=actor_id", "actor_name", "action", "target"]
    search_help_text = "Project id, actor, action or target."
    ordering = ["-at", "-seq"]
    fieldsets = [
        (None, {"fields": ["at", "action", "target", "details"]}),
        ("Who", {"fields": ["actor_name", "actor_kind", "actor_id", "acts_for", "door"]}),
        ("Chain", {"fields": ["chain", "seq", "previous_hash", "hash"]}),
    ]


@admin.register(AuditChain)
class AuditChainAdmin(ReadOnlyAdmin):
    list_display = ["name", "head_seq", "head_hash"]
    search_fields = ["name"]
    fields = ["name", "head_seq", "head_hash", "head_seal"]
