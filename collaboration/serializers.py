"""The shapes of REST requests and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from collaboration import selectors
from collaboration.messages import Settings
from collaboration.models import Membership, Project, Session
from collaboration.roles import CHOICES


class ProjectSerializer(serializers.ModelSerializer[Project]):
    id = serializers.CharField(read_only=True)
    role = serializers.CharField(read_only=True, help_text="The caller's.")

    class Meta:
        model = Project
        fields = ["id", "name", "role", "created_at"]
        read_only_fields = ["created_at"]


class MemberSerializer(serializers.Serializer[Membership]):
    user = serializers.CharField(max_length=150, help_text="Username or id.")
    role = serializers.ChoiceField(choices=CHOICES, default="participant")


class SessionSerializer(serializers.ModelSerializer[Session]):
    id = serializers.CharField(read_only=True)
    project = serializers.UUIDField(source="project_id")
    settings = serializers.DictField(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=50), max_length=20, required=False)

    class Meta:
        model = Session
        fields = ["id", "project", "name", "status", "settings", "tags", "created_at"]
        read_only_fields = ["status", "created_at"]

    def to_representation(self, session: Session) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(session)
        settings = selectors.settings_of(session)
        shown["settings"] = {name: getattr(settings, name) for name in Settings.__struct_fields__}
        return shown


class EventsQuery(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=2**53 - 1, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)
