"""The shapes of REST requests, and of answers that are rows."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import StrictSerializer
from collaboration import selectors
from collaboration.messages import SettingsChange
from collaboration.models import Document, DocumentVersion, Invitation, Project, Session
from collaboration.roles import BELOW_OWNER, CHOICES, PARTICIPANT
from collaboration.text import MAX_NAME, MAX_TAG, MAX_TAGS


class ProjectSerializer(StrictSerializer, serializers.ModelSerializer[Project]):
    id = serializers.CharField(read_only=True)
    role = serializers.CharField(read_only=True, help_text="The caller's.")

    class Meta:
        model = Project
        fields = ["id", "name", "role", "created_at"]
        read_only_fields = ["created_at"]


class MemberSerializer(StrictSerializer):
    user = serializers.CharField(max_length=150, help_text="Username or id.")
    role = serializers.ChoiceField(choices=CHOICES, default=PARTICIPANT)


@extend_schema_field(shape(SettingsChange))
class SettingsField(serializers.DictField):
    """Some or all of a session's settings; the service checks them."""


class SessionSerializer(StrictSerializer, serializers.ModelSerializer[Session]):
    id = serializers.CharField(read_only=True)
    project = serializers.UUIDField(source="project_id")
    name = serializers.CharField(max_length=MAX_NAME, allow_blank=True, required=False)
    settings = SettingsField(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=MAX_TAG), max_length=MAX_TAGS, required=False)
    created_by = serializers.CharField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Session
        fields = ["id", "project", "name", "status", "settings", "tags", "created_by", "created_at", "ended_at"]
        read_only_fields = ["status", "created_at", "ended_at"]

    def to_representation(self, session: Session) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(selectors.session_info(session))
        return shown  # to the letter what sockets say of it


class SessionChangeSerializer(SessionSerializer):
    project = serializers.UUIDField(source="project_id", read_only=True)


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, allow_blank=True, default="", help_text="Kept in the audit trail.")


class RoleSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=CHOICES)


class InvitationSerializer(StrictSerializer, serializers.ModelSerializer[Invitation]):
    id = serializers.CharField(read_only=True)
    role = serializers.ChoiceField(choices=BELOW_OWNER, default=PARTICIPANT)
    expires_at = serializers.DateTimeField(required=False, help_text="A week from now, unless said.")
    max_uses = serializers.IntegerField(
        min_value=1, max_value=10_000, required=False, allow_null=True, help_text="Any number, unless said."
    )
    created_by = serializers.CharField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields = ["id", "role", "expires_at", "max_uses", "uses", "created_by", "created_at"]
        read_only_fields = ["uses", "created_at"]


class NewInvitationSerializer(InvitationSerializer):
    token = serializers.CharField(read_only=True, help_text="The link's secret, told this once.")
    link = serializers.CharField(read_only=True, help_text="The token is behind the #, which no server is sent.")

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "token", "link"]


class AcceptSerializer(StrictSerializer):
    token = serializers.CharField(max_length=100, trim_whitespace=True)
    name = serializers.CharField(
        max_length=80, required=False, default="", allow_blank=True, help_text="Of a guest: who is not signed in."
    )


class EventsQuery(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=2**53 - 1, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)


class ShownQuery(serializers.Serializer[Any]):
    show = serializers.ChoiceField(
        choices=["present", "waiting", "all"], default="present", help_text="`all`: whoever has a place, gone or not."
    )


class ContentField(serializers.JSONField):
    """A text for `merge`, and else an object of values by key; the service checks it."""


class DocumentSerializer(StrictSerializer, serializers.ModelSerializer[Document]):
    id = serializers.CharField(read_only=True)
    project = serializers.UUIDField(source="project_id", required=False, help_text="This or `session`.")
    session = serializers.UUIDField(
        source="session_id", required=False, allow_null=True, help_text="Null: the document is all members'."
    )
    title = serializers.CharField(max_length=MAX_NAME)
    strategy = serializers.ChoiceField(
        choices=Document.Strategy.choices, required=False, help_text="The session's, unless said."
    )
    content = ContentField(write_only=True, required=False)
    created_by = serializers.CharField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Document
        fields = ["id", "project", "session", "title", "strategy", "content", "created_by", "created_at", "size"]
        read_only_fields = ["created_at", "size"]

    def to_representation(self, document: Document) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(selectors.document_info(document))
        return shown | {"size": document.size}  # to the letter what sockets say of it, and the size


class DocumentTitleSerializer(DocumentSerializer):
    project = serializers.UUIDField(source="project_id", read_only=True)
    session = serializers.UUIDField(source="session_id", read_only=True, allow_null=True)
    strategy = serializers.ChoiceField(choices=Document.Strategy.choices, read_only=True)

    class Meta(DocumentSerializer.Meta):
        fields = ["id", "project", "session", "title", "strategy", "created_by", "created_at", "size"]


class ContentQuery(serializers.Serializer[Any]):
    yjs = serializers.BooleanField(default=False, help_text="Tell all of a text as a Yjs update, too.")


class VersionSerializer(StrictSerializer, serializers.ModelSerializer[DocumentVersion]):
    id = serializers.CharField(read_only=True)
    title = serializers.CharField(max_length=MAX_NAME)
    automatic = serializers.BooleanField(read_only=True, help_text="Made by the clock; then it has no title.")
    created_by = serializers.CharField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = DocumentVersion
        fields = ["id", "seq", "title", "automatic", "content_hash", "size", "created_by", "author", "created_at"]
        read_only_fields = ["seq", "content_hash", "size", "author", "created_at"]

    def to_representation(self, version: DocumentVersion) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.to_builtins(selectors.version_info(version))
        return shown


class NothingSerializer(StrictSerializer):
    """A body with nothing in it."""


class BaseQuery(serializers.Serializer[Any]):
    base = serializers.IntegerField(
        min_value=0, max_value=2**53 - 1, required=False, help_text="With Markdown: the number it was read at."
    )


class ExportQuery(serializers.Serializer[Any]):
    version = serializers.UUIDField(required=False, help_text="What was in this version; else what is there now.")

    def get_fields(self) -> dict[str, Any]:
        form = serializers.ChoiceField(choices=["markdown", "json"], default="markdown")
        return {"as": form, **super().get_fields()}
