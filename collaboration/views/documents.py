"""Documents and what is in them, over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.bodies import Markdown, StrictJson
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.reading import read_data
from bduf_realtime.gateway.rest import refuse_unknown
from bduf_realtime.gateway.retries import KEY, once
from collaboration import selectors, services
from collaboration.messages import DocumentAttributed, DocumentContent, DocumentEdit, DocumentEdited
from collaboration.models import Document
from collaboration.serializers import BaseQuery, ContentQuery, DocumentSerializer, DocumentTitleSerializer

EDITS = {"application/json": shape(DocumentEdit), "text/markdown": OpenApiTypes.STR}


class DocumentFilters(filters.FilterSet):
    project = filters.UUIDFilter(field_name="project_id")
    session = filters.UUIDFilter(field_name="session_id")
    strategy = filters.ChoiceFilter(choices=Document.Strategy.choices)
    title = filters.CharFilter(lookup_expr="icontains", max_length=200, help_text="Part of the title.")


class Documents(generics.ListCreateAPIView[Document]):
    """The documents of the caller's projects, and of the sessions that the caller is let into."""

    serializer_class = DocumentSerializer
    filterset_class = DocumentFilters
    ordering_fields = ["title", "created_at", "size"]
    queryset = Document.objects.none()  # the schema reads the model from it

    def get_queryset(self) -> QuerySet[Document]:
        return selectors.documents_for(caller(self.request))

    def perform_create(self, serializer: Any) -> None:
        given = serializer.validated_data
        serializer.instance = services.document_create(
            by=caller(self.request),
            title=given["title"],
            session=given.get("session_id"),
            project=given.get("project_id"),
            strategy=given.get("strategy"),
            content=given.get("content"),
        )


class DocumentDetail(generics.RetrieveUpdateDestroyAPIView[Document]):
    """One document: what it is, another title, its end."""

    serializer_class = DocumentTitleSerializer
    http_method_names = ["get", "patch", "delete", "head", "options"]

    def get_object(self) -> Document:
        refuse_unknown(self.request, set())
        return selectors.document_for(self.kwargs["pk"], caller(self.request).pk)[0]

    def perform_update(self, serializer: Any) -> None:
        by, document = caller(self.request), serializer.instance
        title = serializer.validated_data.get("title", document.title)
        serializer.instance = services.document_rename(document=document.pk, title=title, by=by)

    def perform_destroy(self, instance: Document) -> None:
        services.document_delete(document=instance.pk, by=caller(self.request))


class Content(APIView):
    """What is in a document."""

    parser_classes = [StrictJson, Markdown]

    @extend_schema(parameters=[ContentQuery], responses={200: shape(DocumentContent)})
    def get(self, request: Request, pk: UUID) -> Response:
        refuse_unknown(request, {"yjs"})
        document, _ = selectors.document_for(pk, caller(request).pk)
        query = ContentQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        content = selectors.document_content(document, with_update=query.validated_data["yjs"])
        return Response(msgspec.to_builtins(content))

    @extend_schema(parameters=[BaseQuery, KEY], request=EDITS, responses={200: shape(DocumentEdited)})
    def put(self, request: Request, pk: UUID) -> Response:
        """Edits the document."""
        refuse_unknown(request, {"base"})
        query = BaseQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        body: Any = request.data
        edit = read_data({**query.validated_data, **body} if isinstance(body, dict) else body, DocumentEdit)
        by = caller(request)

        def change() -> None:
            services.document_edit(document=pk, edit=edit, by=by)

        once(request, change)
        return edited(selectors.document_for(pk, by.pk)[0])

    @extend_schema(parameters=[BaseQuery, KEY], request=EDITS, responses={200: shape(DocumentEdited)})
    def patch(self, request: Request, pk: UUID) -> Response:
        """Edits the document, in the same words."""
        return self.put(request, pk)


def edited(document: Document) -> Response:
    """Answers an edit with what the document is now."""
    content = selectors.document_content(document)
    return Response(msgspec.to_builtins(DocumentEdited(str(document.pk), content.seq, content.content_hash)))


class Attribution(APIView):
    """Who wrote what in a document."""

    @extend_schema(responses={200: shape(DocumentAttributed)})
    def get(self, request: Request, pk: UUID) -> Response:
        refuse_unknown(request, set())
        document, _ = selectors.document_for(pk, caller(request).pk)
        return Response(msgspec.to_builtins(selectors.document_attribution(document)))
