"""Requests for approval: where they are and why, and ending them where nobody else can."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from approvals import selectors, services
from approvals.admin.policies import in_words
from approvals.models import Approval, Timer
from approvals.selectors import Standing
from approvals.views.sheets import as_file
from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import DOORS, enter
from bduf_realtime.audit.pages import Listing, Table, column
from bduf_realtime.gateway.operating import OperatedAdmin, Operation, Order
from collaboration.admin import dashboard
from collaboration.admin.versions import preview

State = Approval.State
STATES = {
    State.PENDING: "warning",
    State.APPROVED: "success",
    State.BYPASSED: "primary",
    State.REJECTED: "danger",
    State.CHANGES_REQUESTED: "danger",
}
STAGES = {"open": "warning", "approved": "success", "rejected": "danger", "changes_requested": "danger"}
DECISIONS = {"approve": "success", "reject": "danger", "request_changes": "danger"}
SHEETS = {"html": "To print", "markdown": "Markdown"}
SHOWN = 100


def _pending(row: Approval) -> bool:
    return row.state == State.PENDING


def _cancel(row: Approval, order: Order) -> None:
    services.approval_cancel(approval=row.pk, by=order.by, door="admin", reason=order.reason)


def _bypass(row: Approval, order: Order) -> None:
    services.approval_bypass(approval=row.pk, by=order.by, door="admin", reason=order.reason)


@admin.register(Approval)
class ApprovalAdmin(OperatedAdmin):
    kind = "approval"
    list_display = ["called", "place", "status", "at_stage", "why", "requester_link", "age", "due"]
    list_filter = ["state", "created_at", "expires_at", ("escalated_at", admin.EmptyFieldListFilter)]
    list_select_related = ["session", "document", "policy_version__policy"]
    search_fields = ["title", "project__name", "document__title", "requester_name", "content_hash"]
    search_ids = ["pk", "project", "session", "document", "requested_by"]
    search_help_text = "Title, project, document, who asked, content hash, or an id."
    ordering = ["-created_at"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "at_stage", "explained"),
                    ("project_link", "session_link", "document_link"),
                    ("version_link", "hashed", "number", "round"),
                    ("requester_link", "policy_link", "reason"),
                    ("asked", "due", "escalated", "closed"),
                    ("sheets", "id"),
                    "see_also",
                ]
            },
        ),
        ("What is asked", {"fields": ["description", "said"]}),
        ("Policy", {"fields": ["words"]}),
    ]
    readonly_fields = [
        *["status", "at_stage", "explained", "project_link", "session_link", "document_link", "version_link", "hashed"],
        *["number", "requester_link", "policy_link", "asked", "due", "escalated", "closed", "sheets", "see_also"],
        *["said", "words"],
    ]
    operations = [
        Operation(
            "cancel",
            "Cancel",
            "cancelled",
            "Nobody decides on it any more. Who asked, and who was to decide, is told.",
            _cancel,
            _pending,
            icon="cancel",
            needs_reason=True,
        ),
        Operation(
            "bypass",
            "Bypass",
            "bypassed",
            "It counts as done without the approvals that are missing. Everybody sees that, and why.",
            _bypass,
            _pending,
            icon="fast_forward",
            danger=True,
            needs_reason=True,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.sheet)
        return [path("<uuid:approval>/sheet/<str:kind>/", view, name="approval_sheet"), *super().get_urls()]

    def sheet(self, request: HttpRequest, approval: UUID, kind: str) -> HttpResponse:
        """A request's sign-off sheet."""
        row = self.get_queryset(request).filter(pk=approval).first() if self.has_view_permission(request) else None
        if row is None or kind not in SHEETS:
            raise Http404
        return as_file(selectors.sheet_of(row, str(request.user)), kind)

    def references(self, row: Approval) -> Iterable[str]:
        places = f"project:{row.project_id}", f"session:{row.session_id}", f"document:{row.document_id}"
        return *places, f"user:{row.requester}"

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().prepare(request, rows)
        standings = selectors.standings(rows)
        for row, standing, info in zip(rows, standings, selectors.approval_infos(standings), strict=True):
            row.standing, row.info = standing, info

    def describe(self, row: Any) -> str:
        return f"{row}, {row.state}: {row.info.explanation}"

    def tables(self, request: HttpRequest, row: Any) -> list[Table]:
        timers = Timer.objects.filter(approval=row).order_by("due_at")
        return [_stages(row), _votes(row.standing), _comments(row), _delegations(row.standing), _timers(timers)]

    @column("Request", ordering="title")
    def called(self, row: Approval) -> str:
        return row.title

    @column("Place", ordering="project__name")
    def place(self, row: Approval) -> SafeString:
        within = self.document_link(row) if row.document_id else self.session_link(row) if row.session_id else ""
        return pages.two_lines(self.project_link(row), within)

    @column("Project")
    def project_link(self, row: Approval) -> SafeString | str:
        return self.link_to(row, f"project:{row.project_id}")

    @column("Session")
    def session_link(self, row: Approval) -> SafeString | str:
        return self.link_to(row, f"session:{row.session_id}")

    @column("Document")
    def document_link(self, row: Approval) -> SafeString | str:
        return self.link_to(row, f"document:{row.document_id}")

    @column("Version")
    def version_link(self, row: Approval) -> SafeString:
        if row.version is None:
            return pages.NOTHING
        return pages.anchor(pages.page_url(row.version), row.version.title or f"after event {row.seq:,}")

    @column("State", ordering="state", label=STATES)
    def status(self, row: Approval) -> str:
        return row.state

    @column("Stage", ordering="stage")
    def at_stage(self, row: Any) -> str:
        name = row.info.stages[row.info.stage].name
        return f"{row.info.stage + 1} of {len(row.info.stages)}" + (f", {name}" if name else "")

    @column("Why")
    def why(self, row: Any) -> SafeString:
        return format_html('<span class="op-summary">{}</span>', row.info.explanation)

    @column("Why")
    def explained(self, row: Any) -> str:
        return str(row.info.explanation)

    @column("Content hash")
    def hashed(self, row: Approval) -> SafeString:
        return pages.code(row.content_hash)

    @column("Seq")
    def number(self, row: Approval) -> str:
        since = "" if row.changed_seq is None else f", changed at {row.changed_seq:,}"
        return f"{row.seq:,}{since}" if row.document_id else "-"

    @column("Asked by", ordering="requester_name")
    def requester_link(self, row: Approval) -> SafeString | str:
        return self.link_to(row, f"user:{row.requester}", row.requester_name)

    @column("Policy")
    def policy_link(self, row: Approval) -> SafeString | str:
        stored = row.policy_version
        return pages.anchor(pages.page_url(stored), f"{stored.policy}, {stored.number}") if stored else "its own"

    @column("Age", ordering="created_at")
    def age(self, row: Approval) -> SafeString:
        return pages.ago(row.created_at)

    @column("Due", ordering="expires_at")
    def due(self, row: Approval) -> SafeString:
        return pages.ago(row.expires_at)

    @column("Asked")
    def asked(self, row: Approval) -> SafeString:
        return pages.at(row.created_at)

    @column("Escalated")
    def escalated(self, row: Approval) -> SafeString:
        return pages.at(row.escalated_at)

    @column("Closed")
    def closed(self, row: Approval) -> SafeString:
        return pages.at(row.closed_at)

    @column("Sign-off sheet")
    def sheets(self, row: Approval) -> SafeString:
        links = ((reverse("admin:approval_sheet", args=[row.pk, kind]), title) for kind, title in SHEETS.items())
        return format_html('<span class="op-chips">{}</span>', format_html_join("", '<a href="{}">{}</a>', links))

    @column("Payload")
    def said(self, row: Approval) -> SafeString:
        return pages.NOTHING if row.payload is None else preview(json.dumps(row.payload, ensure_ascii=False, indent=2))

    @column("In words")
    def words(self, row: Any) -> SafeString:
        return in_words(selectors.policy_told(row.standing.policy))


def _stages(row: Any) -> Table:
    rows = [
        [
            f"{number}, {stage.name}" if stage.name else number,
            pages.badge(stage.state, STAGES),
            f"{stage.approved_count} of {stage.needed}",
            ", ".join(person.name for person in stage.waiting),
            max(0, stage.waiting_count - len(stage.waiting)) or "",
        ]
        for number, stage in enumerate(row.info.stages, 1)
    ]
    return Table("Stages", ["Stage", "State", "Approvals", "Waiting for", "and more"], rows, numbers=frozenset({4}))


def _votes(standing: Standing) -> Table:
    rows = [
        [
            f"{vote.seat_name} by {vote.voter_name}" if vote.voter != vote.seat else vote.seat_name,
            pages.badge(vote.decision, DECISIONS),
            vote.stage + 1,
            vote.round,
            pages.badge("counts" if standing.counts(vote) else "stale", {"counts": "success"}),
            pages.badge(vote.door, DOORS),
            pages.ago(vote.at),
            vote.comment,
        ]
        for vote in standing.votes[-SHOWN:]
    ]
    headers = ["Whose", "Decision", "Stage", "Round", "Counts", "Door", "When", "Comment"]
    return Table("Votes", headers, rows, "Nobody has decided.", numbers=frozenset({2, 3}))


def _comments(row: Approval) -> Table:
    latest = reversed(row.comments.select_related("thread").order_by("-at", "-pk")[:SHOWN])
    rows = [
        [
            comment.author_name,
            f"answers {comment.thread.author_name}"
            if comment.thread
            else (comment.resolved_at and "resolved") or "open",
            comment.body,
            pages.ago(comment.at),
        ]
        for comment in latest
    ]
    return Table("Comments", ["Who", "Conversation", "What", "When"], rows, "Nobody has said anything.")


def _delegations(standing: Standing) -> Table:
    rows = [[d.seat, d.to, pages.ago(d.until) if d.until else "the end"] for d in standing.delegations[:SHOWN]]
    return Table("Delegations", ["Whose seat", "Who decides", "Until"], rows, "None.")


def _timers(timers: Iterable[Timer]) -> Table:
    rows = [[timer.kind, pages.ago(timer.due_at), pages.ago(timer.done_at)] for timer in timers]
    return Table("Timers", ["Timer", "Due", "Done"], rows, "None.")


def _cards(request: HttpRequest) -> list[dict[str, object]]:
    """How many requests wait, for the first page."""
    if not pages.may_view(request, Approval):
        return []
    pending = Approval.objects.filter(state=State.PENDING).count()
    return [dashboard.card("Pending approvals", f"{pending:,}", "", pages.list_url(Approval, state__exact="pending"))]


enter("approval", Approval)
dashboard.further.append(_cards)
for kind in ("project", "session", "document"):
    pages.listings[kind].append(Listing("Approvals", Approval, kind))
