from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from bduf_realtime.accounts.models import User
from bduf_realtime.audit import pages
from bduf_realtime.audit.models import SERVER, AuditChain, AuditEntry
from bduf_realtime.audit.pages import Name, Table, column

RECENT = 2_000
DOORS = {"socket": "info", "rest": "info", "admin": "warning", "mcp": "primary", "system": "", "cli": ""}
ACTORS = {"human": "success", "agent": "primary", "service": "info", "system": ""}


class LinkedChangeList(ChangeList):
    """A page of a list whose rows know the names of what they refer to."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        self.model_admin.prepare(request, rows)
        self.result_list = rows


class LinkedAdmin(ModelAdmin):
    """Pages that name and link what their rows refer to, find rows by id, and show tables of what belongs to one.

    `kind` is what the trail calls a row of this page, `search_ids` the fields in which an id is looked for.
    """

    kind = ""
    search_ids: Sequence[str] = ()
    show_full_result_count = False  # counting a long trail takes longer than showing a page of it
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    change_form_outer_after_template = "admin/related_tables.html"

    # --- names -----------------------------------------------------------------------------------------------------

    def references(self, row: Any) -> Iterable[str]:
        """What a row refers to, as `kind:id`."""
        return ()

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Reads what the columns of these rows need, in a number of queries that does not grow with them."""
        found = pages.names(request, {reference for row in rows for reference in self.references(row)})
        for row in rows:
            row.names = found

    def name_of(self, row: Any, reference: str) -> Name | None:
        """The name behind one of a row's references, if it is still there."""
        name: Name | None = getattr(row, "names", {}).get(reference)
        return name

    def link_to(self, row: Any, reference: str, otherwise: str = "") -> SafeString | str:
        """The link to what a row refers to; the given text where that is gone."""
        name = self.name_of(row, reference)
        return name.html if name else otherwise or pages.NOTHING

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LinkedChangeList]:
        return LinkedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.prepare(request, [row])
            row.see_also = pages.see_also(request, self.kind, row.pk) if self.kind else pages.NOTHING
        return row

    @column("See also")
    def see_also(self, row: Any) -> SafeString:
        found: SafeString = row.see_also
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # An id is compared as one, by its index; as text every row would have to be read.
        if self.search_ids and (uuid := pages.read_uuid(search_term)) is not None:
            return queryset.filter(Q.create([(name, uuid) for name in self.search_ids], connector=Q.OR)), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    # --- what belongs to a row -------------------------------------------------------------------------------------

    def tables(self, request: HttpRequest, row: Any) -> list[Table]:
        """What is shown below a row's fields, and again every few seconds."""
        return []

    def get_urls(self) -> list[Any]:
        meta = self.model._meta
        view = self.admin_site.admin_view(self.tables_view)
        own = path("<path:object_id>/tables/", view, name=f"{meta.app_label}_{meta.model_name}_tables")
        return [own, *super().get_urls()]

    def tables_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answers with a row's tables alone, for the page that refreshes them."""
        row = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if row is None:
            return HttpResponse(status=404)
        return TemplateResponse(request, "admin/tables.html", {"tables": self.tables(request, row)})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context = {"show_history": self.kind and request.user.has_perm("audit.view_auditentry")}
        return super().changeform_view(request, object_id, form_url, context | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> Any:
        if obj is not None and (tables := self.tables(request, obj)):
            meta = self.model._meta
            url = reverse(f"admin:{meta.app_label}_{meta.model_name}_tables", args=[obj.pk])
            context |= {"tables": tables, "tables_url": url}
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leads to the trail: what was done to a row, through whichever door."""
        filters = {"target__exact": f"{self.kind}:{object_id}"} if self.kind else {}
        return redirect(pages.list_url(AuditEntry, **filters))


class ReadOnlyAdmin(LinkedAdmin):
    """Shows rows to those who may view them, and changes nothing for anybody."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecentValues(admin.SimpleListFilter):
    """Filters by what a field had lately; asking all of a long trail would read all of it."""

    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        recent = AuditEntry.objects.order_by("-at").values_list(self.field, flat=True)[:RECENT]
        chosen = [self.value()] if self.value() else []
        return [(value, value) for value in sorted({*recent, *chosen} - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class RecentActions(RecentValues):
    title = parameter_name = field = "action"


class RecentKinds(RecentValues):
    title, parameter_name, field = "kind of actor", "actor_kind", "actor_kind"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["when", "actor", "kind_of_actor", "action", "about", "reason", "through", "trail"]
    list_filter = ["door", RecentKinds, RecentActions, "at"]
    search_fields = ["=chain__name", "=actor_id", "actor_name", "action", "target"]
    search_help_text = "Actor, action, target, or an id of any of them."
    date_hierarchy = "at"
    ordering = ["-at", "-seq"]
    fieldsets = [
        (None, {"fields": ["when", "action", "about", "details"]}),
        ("Who", {"fields": ["actor", "kind_of_actor", "actor_id", "on_behalf_of", "through"]}),
        ("Chain", {"fields": ["trail", "seq", "previous_hash", "hash"]}),
    ]
    readonly_fields = ["when", "actor", "kind_of_actor", "about", "on_behalf_of", "through", "trail"]

    def references(self, row: AuditEntry) -> Iterable[str]:
        return row.target, f"user:{row.actor_id}", f"user:{row.acts_for}", f"project:{row.chain_id}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        if (uuid := pages.read_uuid(search_term)) is None:
            return super().get_search_results(request, queryset, search_term)
        about = [f"{kind}:{uuid}" for kind in pages.targets]
        return queryset.filter(Q(chain=str(uuid)) | Q(actor_id=str(uuid)) | Q(target__in=about)), False

    @column("When", ordering="at")
    def when(self, row: AuditEntry) -> SafeString:
        return pages.two_lines(pages.exact(row.at), pages.ago(row.at))

    @column("Actor", ordering="actor_name")
    def actor(self, row: AuditEntry) -> SafeString | str:
        return self.link_to(row, f"user:{row.actor_id}", row.actor_name)

    @column("Kind", ordering="actor_kind", label=ACTORS)
    def kind_of_actor(self, row: AuditEntry) -> str:
        return row.actor_kind

    @column("On behalf of")
    def on_behalf_of(self, row: AuditEntry) -> SafeString | str:
        return self.link_to(row, f"user:{row.acts_for}", row.acts_for)

    @column("Target", ordering="target")
    def about(self, row: AuditEntry) -> SafeString | str:
        name = self.name_of(row, row.target)
        return pages.two_lines(name.html, row.target.partition(":")[0]) if name else row.target or pages.NOTHING

    @column("Reason")
    def reason(self, row: AuditEntry) -> SafeString | str:
        return str(row.details.get("reason", "")) or pages.NOTHING

    @column("Door", ordering="door", label=DOORS)
    def through(self, row: AuditEntry) -> str:
        return row.door

    @column("Trail of", ordering="chain")
    def trail(self, row: AuditEntry) -> SafeString | str:
        return "the server" if row.chain_id == SERVER else self.link_to(row, f"project:{row.chain_id}", row.chain_id)


@admin.register(AuditChain)
class AuditChainAdmin(ReadOnlyAdmin):
    list_display = ["name", "belongs_to", "entries", "head_hash"]
    search_fields = ["name"]
    search_help_text = "The id of a project, or “server”."
    fields = ["name", "belongs_to", "entries", "head_hash", "head_seal"]
    readonly_fields = ["belongs_to", "entries"]

    def references(self, row: AuditChain) -> Iterable[str]:
        return (f"project:{row.name}",)

    @column("Belongs to")
    def belongs_to(self, row: AuditChain) -> SafeString | str:
        return (
            "the server" if row.name == SERVER else self.link_to(row, f"project:{row.name}", "a project that is gone")
        )

    @column("Entries", ordering="head_seq")
    def entries(self, row: AuditChain) -> SafeString:
        return pages.anchor(pages.list_url(AuditEntry, chain__name__exact=row.name), row.head_seq)


def enter(kind: str, model: type[Model]) -> None:
    """Has rows of a model linked wherever the trail or a page names one, and its own trail found from its page."""
    pages.targets[kind] = model
    pages.listings[kind].append(pages.Listing("Audit entries", AuditEntry, "target"))


enter("user", User)
