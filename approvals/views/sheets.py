"""Sign-off sheets over REST: to keep as Markdown, or to print."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from approvals import selectors, sheet
from bduf_realtime.accounts.rest import caller
from bduf_realtime.gateway.rest import refuse_unknown
from collaboration.documents.exports import file_name
from collaboration.views.versions import MarkdownRenderer


class PageRenderer(BaseRenderer):
    """Lets callers accept a page."""

    media_type = "text/html"
    format = "html"


class SheetQuery(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {"as": serializers.ChoiceField(choices=["markdown", "html"], default="markdown")}


class Sheet(APIView):
    """A request's sign-off sheet: who approved what, when and by which door, and what was said."""

    renderer_classes = [JSONRenderer, MarkdownRenderer, PageRenderer]

    @extend_schema(
        parameters=[SheetQuery],
        responses={(200, "text/markdown"): OpenApiTypes.STR, (200, "text/html"): OpenApiTypes.STR},
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        refuse_unknown(request, {"as"})
        query = SheetQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return as_file(selectors.approval_sheet(pk, caller(request)), query.validated_data["as"])


def as_file(made: sheet.Sheet, format: str) -> HttpResponse:
    """A sheet as a page that runs nothing, or as a Markdown file."""
    if format == "html":
        return HttpResponse(sheet.html(made), headers={"Content-Security-Policy": sheet.POLICY})
    name = content_disposition_header(True, file_name(f"{made.title} sign-off", "md")) or "attachment"
    headers = {"Content-Disposition": name}
    return HttpResponse(sheet.markdown(made), content_type="text/markdown; charset=utf-8", headers=headers)
