"""Versions of documents: what was in them, and what has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import ReadOnlyAdmin
from bduf_realtime.audit.pages import Table, column
from bduf_realtime.gateway.errors import RealtimeError
from collaboration import selectors
from collaboration.documents.canonical import Content
from collaboration.messages import VersionDiff
from collaboration.models import Document, DocumentVersion

SHOWN = 50
PREVIEW = 20_000  # characters of a content
PIECES = 500  # of a difference
FILES = {"markdown": "Markdown", "json": "JSON"}
TAGS = {"equal": "span", "delete": "del", "insert": "ins"}


def preview(content: Content) -> SafeString:
    """The beginning of a content, as it is."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)
    more = f"{len(text) - PREVIEW:,} more characters." if len(text) > PREVIEW else ""
    return format_html('<pre class="op-text">{}</pre><p class="op-quiet">{}</p>', text[:PREVIEW], more)


def versions_table(document: Document) -> Table:
    """A document's latest versions, for its page."""
    rows = [
        [
            pages.anchor(pages.page_url(row), row.title or "by the clock"),
            row.author or pages.NOTHING,
            pages.code(row.content_hash),
            filesizeformat(row.size),
            f"{row.seq:,}",
            pages.ago(row.created_at),
            export_links(row.document_id, row.pk),
        ]
        for row in selectors.versions_of(document)[:SHOWN]
    ]
    headers = ["Version", "By", "Content hash", "Size", "Seq", "Made", "Export"]
    more = pages.anchor(pages.list_url(DocumentVersion, document__id__exact=document.pk), "All versions")
    return Table("Versions", headers, rows, "None yet.", more, numbers=frozenset({3, 4}))


def export_links(document: object, version: object | None = None) -> SafeString:
    """Links to a document, or one of its versions, as files."""
    name, more = ("document_version_export", [version]) if version else ("document_export", [])
    links = ((reverse(f"admin:{name}", args=[document, kind, *more]), title) for kind, title in FILES.items())
    return format_html('<span class="op-chips">{}</span>', format_html_join("", '<a href="{}">{}</a>', links))


@admin.register(DocumentVersion)
class VersionAdmin(ReadOnlyAdmin):
    """Versions, without their contents in the list."""

    list_display = ["name", "document_link", "by", "hashed", "bytes", "number", "made"]
    list_filter = ["created_at"]
    search_fields = ["title", "document__title", "content_hash", "author"]
    search_ids = ["pk", "document", "document__project", "created_by"]
    search_help_text = "Title, document, content hash, author, or an id."
    ordering = ["-created_at"]
    fieldsets = [
        (None, {"fields": [("document_link", "by", "made", "number"), ("bytes", "hashed"), ("files", "id")]}),
        ("Content", {"fields": ["shown"]}),
        ("What has changed since", {"fields": ["since"]}),
    ]
    readonly_fields = ["document_link", "by", "made", "number", "bytes", "hashed", "files", "shown", "since"]
    compressed_fields = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")

    def references(self, row: DocumentVersion) -> Iterable[str]:
        return f"document:{row.document_id}", f"user:{row.created_by_id}"

    @column("Version", ordering="title")
    def name(self, row: DocumentVersion) -> str:
        return row.title or "by the clock"

    @column("Document", ordering="document__title")
    def document_link(self, row: DocumentVersion) -> SafeString | str:
        return self.link_to(row, f"document:{row.document_id}")

    @column("By", ordering="author")
    def by(self, row: DocumentVersion) -> SafeString | str:
        return self.link_to(row, f"user:{row.created_by_id}", row.author)

    @column("Content hash", ordering="content_hash")
    def hashed(self, row: DocumentVersion) -> SafeString:
        return pages.code(row.content_hash)

    @column("Size", ordering="size")
    def bytes(self, row: DocumentVersion) -> str:
        return str(filesizeformat(row.size))

    @column("Seq", ordering="seq")
    def number(self, row: DocumentVersion) -> str:
        return f"{row.seq:,}"

    @column("Made", ordering="created_at")
    def made(self, row: DocumentVersion) -> SafeString:
        return pages.ago(row.created_at)

    @column("Export")
    def files(self, row: DocumentVersion) -> SafeString:
        return export_links(row.document_id, row.pk)

    @column("What was in it")
    def shown(self, row: DocumentVersion) -> SafeString:
        return preview(selectors.version_content(row))

    @column("Until now")
    def since(self, row: DocumentVersion) -> SafeString:
        try:
            return changes(selectors.version_diff(row.document, row.pk, None))
        except RealtimeError:  # the document's log is gone
            return pages.NOTHING


def changes(found: VersionDiff) -> SafeString:
    """What is different, as text that was deleted and inserted."""
    shown = list(islice(_pieces(found), PIECES))
    if not shown:
        return format_html('<span class="op-quiet">{}</span>', "Nothing.")
    lines = format_html_join("", "<{}>{}</{}>", ((tag, text[:PREVIEW], tag) for tag, text in shown))
    return format_html('<pre class="op-text">{}</pre>', lines)


def _pieces(found: VersionDiff) -> Iterator[tuple[str, str]]:
    """Pieces by the element that they are shown as, without lines that stayed what they were."""
    for hunk in found.hunks or []:
        if any(piece.op != "equal" for piece in hunk.pieces):
            yield "b", f"Line {hunk.after}\n"
            for piece in hunk.pieces:
                yield TAGS[piece.op], piece.text
            yield "span", "\n"
    for key in found.keys or []:
        yield "b", f"{key.key}\n"
        yield "del", _json(key.before)
        yield "span", "\n"
        yield "ins", _json(key.after)
        yield "span", "\n"


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
