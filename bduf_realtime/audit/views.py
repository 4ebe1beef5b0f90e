"""The audit trail over REST, for staff."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import generics, serializers
from rest_framework.permissions import IsAdminUser

from bduf_realtime.audit.models import SERVER, AuditEntry


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    project = serializers.SerializerMethodField(help_text="Null: the server's own trail.")
    details = serializers.DictField()

    class Meta:
        model = AuditEntry
        fields = [
            *["project", "seq", "at", "actor_id", "actor_name", "actor_kind", "acts_for", "door", "action", "target"],
            *["details", "hash", "previous_hash"],
        ]
        read_only_fields = fields

    def get_project(self, entry: AuditEntry) -> str | None:
        return None if entry.chain_id == SERVER else entry.chain_id


class AuditFilters(filters.FilterSet):
    project = filters.UUIDFilter(method="of_project")
    server = filters.BooleanFilter(method="of_server", help_text="Only the server's own trail, or all but that.")
    actor = filters.CharFilter(field_name="actor_id", max_length=100, help_text="The actor's id.")
    action = filters.CharFilter(lookup_expr="startswith", max_length=100, help_text="How the action begins.")
    target = filters.CharFilter(max_length=200)
    door = filters.ChoiceFilter(choices=AuditEntry.Door.choices)
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    def of_project(self, entries: QuerySet[AuditEntry], name: str, project: Any) -> QuerySet[AuditEntry]:
        return entries.filter(chain_id=str(project))

    def of_server(self, entries: QuerySet[AuditEntry], name: str, only: bool) -> QuerySet[AuditEntry]:
        return entries.filter(chain_id=SERVER) if only else entries.exclude(chain_id=SERVER)


class AuditTrail(generics.ListAPIView[AuditEntry]):
    """Who did what, the newest first; for staff."""

    permission_classes = [IsAdminUser]
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilters
    ordering_fields = ["at", "seq"]
    queryset = AuditEntry.objects.order_by("-at", "-seq")
