"""The versions of documents, and documents as files, over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import refuse_unknown
from collaboration import selectors, services
from collaboration.documents.exports import file_name, markdown
from collaboration.messages import DocumentEdited, DocumentExport, VersionContent, VersionDiff
from collaboration.models import Document, DocumentVersion
from collaboration.serializers import ExportQuery, NothingSerializer, VersionSerializer
from collaboration.views.documents import edited


class VersionFilters(filters.FilterSet):
    automatic = filters.BooleanFilter(field_name="title", method="by_title", label="Those made by the clock.")

    def by_title(self, versions: QuerySet[DocumentVersion], name: str, automatic: bool) -> QuerySet[DocumentVersion]:
        return versions.filter(title="") if automatic else versions.exclude(title="")


class Versions(generics.ListCreateAPIView[DocumentVersion]):
    """A document's versions, the newest first; a new one keeps, by name, what is in it now."""

    serializer_class = VersionSerializer
    filterset_class = VersionFilters
    queryset = DocumentVersion.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[DocumentVersion]:
        return selectors.versions_of(_readable(self.request, self.kwargs["pk"]))

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.version_create(
            document=self.kwargs["pk"], title=serializer.validated_data["title"], by=caller(self.request)
        )


class Version(APIView):
    """One version, with what was in the document."""

    @extend_schema(responses={200: shape(VersionContent)})
    def get(self, request: Request, pk: UUID, version: UUID) -> Response:
        refuse_unknown(request, set())
        found = selectors.version_of(_readable(request, pk), version)
        return Response(msgspec.to_builtins(selectors.version_shown(found)))


class Restore(APIView):
    """Makes the document what it was, by edits that keep what others write at the same time."""

    @extend_schema(request=NothingSerializer, responses={200: shape(DocumentEdited)})
    def post(self, request: Request, pk: UUID, version: UUID) -> Response:
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        services.version_restore(document=pk, version=version, by=caller(request))
        return edited(_readable(request, pk))


class Diff(APIView):
    """How another version, or what is in the document now, differs from a version: by lines and words, or by keys."""

    @extend_schema(responses={200: shape(VersionDiff)})
    def get(self, request: Request, pk: UUID, version: UUID, other: UUID | None = None) -> Response:
        refuse_unknown(request, set())
        return Response(msgspec.to_builtins(selectors.version_diff(_readable(request, pk), version, other)))


class MarkdownRenderer(BaseRenderer):
    """Lets callers accept Markdown."""

    media_type = "text/markdown"
    format = "md"


class Export(APIView):
    """The document as a file: Markdown, or JSON with all that is known of it."""

    renderer_classes = [JSONRenderer, MarkdownRenderer]

    @extend_schema(
        parameters=[ExportQuery],
        responses={(200, "text/markdown"): OpenApiTypes.STR, (200, "application/json"): shape(DocumentExport)},
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        refuse_unknown(request, {"as", "version"})
        query = ExportQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        export = selectors.document_export(_readable(request, pk), query.validated_data.get("version"))
        return as_file(export, query.validated_data["as"])


def as_file(export: DocumentExport, format: str) -> HttpResponse:
    """An export as `markdown` or as JSON, under the document's title."""
    title = export.document.title
    if format == "markdown":
        body, kind, name = markdown(title, export.content).encode(), "text/markdown", file_name(title, "md")
    else:
        body, kind, name = msgspec.json.encode(export), "application/json", file_name(title, "json")
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}
    return HttpResponse(body, content_type=kind, headers=headers)


def _readable(request: Request, document: UUID) -> Document:
    found, _ = selectors.document_for(document, caller(request).pk)
    return found
