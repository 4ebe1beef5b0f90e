"""Documents: what is in them, who is there, which versions there are, and deleting, compacting and exporting them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import path
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import enter
from bduf_realtime.audit.pages import Listing, Table, column
from bduf_realtime.gateway import overview
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.models import Attendance
from bduf_realtime.gateway.operating import OperatedAdmin, Operation, Order
from collaboration import compactor, selectors, services
from collaboration.admin.versions import FILES, export_links, preview, versions_table
from collaboration.models import Document, DocumentTally, DocumentUpdate, DocumentVersion
from collaboration.views.versions import as_file

Strategy = Document.Strategy
STRATEGIES = {Strategy.MERGE: "primary", Strategy.LAST_WRITE_WINS: "info", Strategy.REJECT: "success"}
STATES = {"due": "warning", "compacted": "success", "no snapshot": "", "deleted": "danger"}
SHOWN = 50


class Deleted(admin.SimpleListFilter):
    title = parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "there"), ("yes", "deleted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        return queryset.filter(deleted_at__isnull=self.value() == "no") if self.value() else queryset


def _delete(row: Document, order: Order) -> None:
    services.document_delete(document=row.pk, by=order.by, door="admin", reason=order.reason)


def _compact(row: Document, order: Order) -> None:
    services.document_compaction_record(document=row.pk, by=order.by, reason=order.reason)
    if compactor.compact_in_child([row.pk]).wait():
        raise RealtimeError("internal", "It could not be compacted; the server's log says why.")


@admin.register(Document)
class DocumentAdmin(OperatedAdmin):
    kind = "document"
    list_display = ["name", "place", "rule", "bytes", "there", "edited", "updates", "state", "created"]
    list_filter = ["strategy", Deleted, "edited_at", "created_at"]
    search_fields = ["title", "project__name", "session__name", "created_by__username", "created_by__name"]
    search_ids = ["pk", "project", "session", "created_by"]
    search_help_text = "Title, project, session, creator, or the id of any of them."
    ordering = ["-created_at"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("rule", "project_link", "session_link"),
                    ("bytes", "updates", "state"),
                    ("creator", "opened", "edited", "deleted"),
                    ("there", "files", "id"),
                    "see_also",
                ]
            },
        ),
        ("Content", {"fields": ["content"]}),
    ]
    readonly_fields = [
        *["rule", "project_link", "session_link", "bytes", "updates", "state", "creator", "opened", "edited"],
        *["deleted", "there", "files", "see_also", "content"],
    ]
    operations = [
        Operation(
            "compact",
            "Compact now",
            "compacted",
            "A snapshot takes the place of its updates, once it was read again and compared; people may go on writing."
            " Each takes some seconds.",
            _compact,
            lambda row: bool(row.fresh) and row.deleted_at is None,
            icon="compress",
        ),
        Operation(
            "remove",
            "Delete",
            "deleted",
            "It is gone for everybody, and whoever is in it is shown out at once.",
            _delete,
            lambda row: row.deleted_at is None,
            icon="delete",
            danger=True,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        later = DocumentUpdate.objects.filter(document=OuterRef("pk"), seq__gt=OuterRef("compacted_seq")).order_by()
        fresh = later.values("document").annotate(number=Count("pk")).values("number")
        return super().get_queryset(request).annotate(fresh=Coalesce(Subquery(fresh), 0))

    def get_urls(self) -> list[Any]:
        export = self.admin_site.admin_view(self.export)
        own = [
            path("<uuid:document>/export/<str:kind>/", export, name="document_export"),
            path("<uuid:document>/export/<str:kind>/<uuid:version>/", export, name="document_version_export"),
        ]
        return own + super().get_urls()

    def references(self, row: Document) -> Iterable[str]:
        places = f"project:{row.project_id}", f"session:{row.session_id}"
        return *places, f"user:{row.created_by_id}", f"user:{row.edited_by}"

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().prepare(request, rows)
        connections = overview.attendances([f"document:{row.pk}" for row in rows])
        for row in rows:
            row.connected = connections.get(f"document:{row.pk}", 0)

    def describe(self, row: Any) -> str:
        return f"{row}, {row.strategy}, {filesizeformat(row.size)}"

    def tables(self, request: HttpRequest, row: Document) -> list[Table]:
        versions = [versions_table(row)] if pages.may_view(request, DocumentVersion) else []
        return [*versions, _tallies(request, row)]

    def export(self, request: HttpRequest, document: UUID, kind: str, version: UUID | None = None) -> HttpResponse:
        """A document, or a version, as a file."""
        row = self.get_queryset(request).filter(pk=document).first() if self.has_view_permission(request) else None
        if row is None or kind not in FILES:
            raise Http404
        try:
            return as_file(selectors.document_export(row, version), kind)
        except RealtimeError as error:
            raise Http404 from error

    @column("Document", ordering="title")
    def name(self, row: Document) -> str:
        return row.title

    @column("Place", ordering="project__name")
    def place(self, row: Document) -> SafeString:
        return pages.two_lines(self.project_link(row), self.session_link(row) if row.session_id else "all members")

    @column("Project")
    def project_link(self, row: Document) -> SafeString | str:
        return self.link_to(row, f"project:{row.project_id}")

    @column("Session")
    def session_link(self, row: Document) -> SafeString | str:
        return self.link_to(row, f"session:{row.session_id}")

    @column("Strategy", ordering="strategy", label=STRATEGIES)
    def rule(self, row: Document) -> str:
        return row.strategy

    @column("Size", ordering="size")
    def bytes(self, row: Document) -> str:
        return str(filesizeformat(row.size))

    @column("Editors now")
    def there(self, row: Any) -> SafeString | str:
        if not row.connected:
            return pages.NOTHING
        return pages.anchor(pages.list_url(Attendance, room__exact=f"document:{row.pk}"), row.connected)

    @column("Edited", ordering="edited_at")
    def edited(self, row: Document) -> SafeString:
        if row.edited_at is None:
            return pages.NOTHING
        return pages.two_lines(pages.ago(row.edited_at), self.link_to(row, f"user:{row.edited_by}", row.edited_by))

    @column("Updates since snapshot")
    def updates(self, row: Any) -> SafeString | str:
        return f"{row.fresh:,}" if row.strategy == Strategy.MERGE else pages.NOTHING

    @column("State", ordering="compacted_seq")
    def state(self, row: Any) -> SafeString:
        if row.deleted_at is None and row.strategy != Strategy.MERGE:
            return pages.NOTHING
        due = row.fresh > conf.compaction_updates
        state = "deleted" if row.deleted_at else "due" if due else "compacted" if row.compacted_seq else "no snapshot"
        return pages.badge(state, STATES)

    @column("Created by")
    def creator(self, row: Document) -> SafeString | str:
        return self.link_to(row, f"user:{row.created_by_id}")

    @column("Created", ordering="created_at")
    def created(self, row: Document) -> SafeString:
        return pages.ago(row.created_at)

    @column("Created")
    def opened(self, row: Document) -> SafeString:
        return pages.at(row.created_at)

    @column("Deleted")
    def deleted(self, row: Document) -> SafeString:
        return pages.at(row.deleted_at)

    @column("Export")
    def files(self, row: Document) -> SafeString:
        return export_links(row.pk)

    @column("What is in it")
    def content(self, row: Document) -> SafeString:
        try:
            return preview(selectors.content_of(selectors.document_content(row)))
        except RealtimeError:
            return pages.NOTHING


def _tallies(request: HttpRequest, row: Document) -> Table:
    found = list(DocumentTally.objects.filter(document=row).order_by("since", "pk")[:SHOWN])
    people = pages.names(request, {f"user:{tally.user}" for tally in found})
    rows = [
        [
            people[f"user:{tally.user}"].html if f"user:{tally.user}" in people else tally.user,
            f"{tally.edits:,}",
            filesizeformat(tally.bytes),
            f"{tally.first_seq:,} to {tally.last_seq:,}",
            pages.ago(tally.since),
        ]
        for tally in found
    ]
    headers = ["User", "Edits", "Bytes", "Seq", "Since"]
    empty = "None that is not in the audit trail."
    return Table("Edits not in the audit trail yet", headers, rows, empty, numbers=frozenset({1, 2}))


enter("document", Document)
pages.listings["document"].append(Listing("Connections", Attendance, "room"))
for kind in ("project", "session"):
    pages.listings[kind].append(Listing("Documents", Document, kind))
