from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.views import ChangeList

from bduf_realtime.accounts.models import User
from bduf_realtime.audit import chain_states, pages
from bduf_realtime.audit.chain import encode_json
from bduf_realtime.audit.filters import RecentActions, RecentActors, RecentKinds, RecentTrails, Since, Target, Until
from bduf_realtime.audit.models import SERVER, AuditChain, AuditEntry
from bduf_realtime.audit.pages import Name, Table, column
from bduf_realtime.audit.verifications import latest_verifications

SUMMARY = 60  # characters of an entry's details in a list
DOORS = {
    "socket": "info",
    "rest": "info",
    "admin": "warning",
    "mail": "warning",
    "mcp": "primary",
    "system": "",
    "cli": "",
}
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


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["when", "who", "action", "about", "summary", "through", "trail"]
    list_filter = [
        *[RecentTrails, RecentActors, RecentKinds, RecentActions, Target],
        *[("door", ChoicesDropdownFilter), Since, Until],
    ]
    list_filter_submit = True
    list_before_template = "admin/related_tables.html"
    search_fields = ["=chain__name", "=actor_id", "actor_name", "action", "target"]
    search_help_text = "Actor, action, target, or an id of any of them."
    ordering = ["-at", "-seq"]
    fieldsets = [
        (None, {"fields": ["when", "action", "about", "all_details"]}),
        ("Who", {"fields": ["actor", "kind_of_actor", "actor_id", "on_behalf_of", "through"]}),
        ("Chain", {"fields": ["trail", "state", "seq", "neighbours", "previous_hash", "hash"]}),
    ]
    readonly_fields = [
        *["when", "actor", "kind_of_actor", "about", "all_details", "on_behalf_of", "through"],
        *["trail", "state", "neighbours"],
    ]

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
    def who(self, row: AuditEntry) -> SafeString:
        return pages.two_lines(self.actor(row), row.actor_kind)

    @column("Actor")
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

    @column("Details")
    def summary(self, row: AuditEntry) -> SafeString:
        said = ", ".join(f"{name} {value}" for name, value in _said(row))
        return format_html('<span class="op-summary">{}</span>', Truncator(said).chars(SUMMARY) or pages.NOTHING)

    @column("Details")
    def all_details(self, row: AuditEntry) -> SafeString:
        lines = format_html_join("", "<dt>{}</dt><dd>{}</dd>", _said(row))
        return format_html('<dl class="op-list">{}</dl>', lines) if lines else pages.NOTHING

    @column("Door", ordering="door", label=DOORS)
    def through(self, row: AuditEntry) -> str:
        return row.door

    @column("Trail of", ordering="chain")
    def trail(self, row: AuditEntry) -> SafeString | str:
        return "the server" if row.chain_id == SERVER else self.link_to(row, f"project:{row.chain_id}", row.chain_id)

    @column("State")
    def state(self, row: AuditEntry) -> SafeString:
        chain = AuditChain.objects.filter(pk=row.chain_id).first()
        return chain_states.state(chain, latest_verifications([row.chain_id]).get(row.chain_id))

    @column("Neighbours")
    def neighbours(self, row: AuditEntry) -> SafeString:
        beside = AuditEntry.objects.filter(chain=row.chain_id, seq__in=[row.seq - 1, row.seq + 1]).order_by("seq")
        links = [(pages.page_url(entry), f"{entry.seq} {entry.action}") for entry in beside]
        found = format_html_join("", '<a href="{}">{}</a>', links)
        return format_html('<span class="op-chips">{}</span>', found) if links else pages.NOTHING

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Shows above the entries how far their chains are verified."""
        shown = pages.may_view(request, AuditChain)
        tables = [chain_states.table(request, request.GET.get("chain__name__exact", ""))] if shown else []
        answer: HttpResponse = super().changelist_view(request, {"tables": tables, **(extra_context or {})})
        return answer


def _said(row: AuditEntry) -> list[tuple[str, str]]:
    """An entry's details by name; what was put there by hand may have none."""
    details = row.details if isinstance(row.details, dict) else {"": row.details}
    return [(name, value if isinstance(value, str) else encode_json(value)) for name, value in details.items()]


def enter(kind: str, model: type[Model]) -> None:
    """Has rows of a model linked wherever the trail or a page names one, and its own trail found from its page."""
    pages.targets[kind] = model
    pages.listings[kind].append(pages.Listing("Audit entries", AuditEntry, "target"))


enter("user", User)
