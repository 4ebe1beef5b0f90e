"""Projects and who belongs to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import ReadOnlyAdmin, enter
from bduf_realtime.audit.pages import Listing, Table, column
from collaboration.admin.labels import ROLES, STATUSES
from collaboration.models import Membership, Project, Session
from collaboration.status import BUSIEST

SHOWN = 100


def _counted(rows: QuerySet[Any]) -> Any:
    """How many of these rows a project has; a join for each of two counts would multiply them."""
    of = rows.filter(project=OuterRef("pk")).order_by().values("project")
    return Coalesce(Subquery(of.annotate(number=Count("pk")).values("number")), 0)


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    kind = "project"
    list_display = ["name", "members", "open_sessions", "all_sessions", "creator", "created"]
    search_fields = ["name", "created_by__username", "created_by__name"]
    search_ids = ["pk", "created_by"]
    search_help_text = "Name, creator, or an id."
    date_hierarchy = "created_at"
    ordering = ["-created_at"]
    fields = ["name", "id", "creator", "created", "see_also"]
    readonly_fields = ["creator", "created", "see_also"]

    def get_queryset(self, request: HttpRequest) -> Any:
        open_ = Session.objects.exclude(status=Session.Status.ENDED)
        return (
            super()
            .get_queryset(request)
            .annotate(
                members=_counted(Membership.objects.all()),
                open_sessions=_counted(open_),
                all_sessions=_counted(Session.objects.all()),
            )
        )

    def references(self, row: Project) -> Iterable[str]:
        return (f"user:{row.created_by_id}",)

    @column("Members", ordering="members")
    def members(self, row: Any) -> SafeString:
        return pages.anchor(pages.list_url(Membership, project__id__exact=row.pk), row.members)

    @column("Open sessions", ordering="open_sessions")
    def open_sessions(self, row: Any) -> SafeString:
        return pages.anchor(pages.list_url(Session, project__id__exact=row.pk), row.open_sessions)

    @column("Sessions", ordering="all_sessions")
    def all_sessions(self, row: Any) -> int:
        return int(row.all_sessions)

    @column("Created by", ordering="created_by__username")
    def creator(self, row: Project) -> SafeString | str:
        return self.link_to(row, f"user:{row.created_by_id}")

    @column("Created", ordering="created_at")
    def created(self, row: Project) -> SafeString:
        return pages.at(row.created_at)

    def tables(self, request: HttpRequest, row: Project) -> list[Table]:
        tables = []
        if pages.may_view(request, Session):
            tables.append(self._sessions(request, row))
        if pages.may_view(request, Membership):
            tables.append(self._members(request, row))
        return tables

    def _sessions(self, request: HttpRequest, row: Project) -> Table:
        there = Count("participants", filter=Q(participants__present=True))
        sessions: QuerySet[Any] = row.sessions.annotate(there=there).order_by("ended_at", "-created_at")
        ended = Session.Status.ENDED
        latest = [
            *sessions.exclude(status=ended)[:BUSIEST],
            *sessions.filter(status=ended).order_by("-ended_at")[:BUSIEST],
        ]
        rows = [
            [
                pages.named(request, session).html,
                pages.badge(session.status, STATUSES),
                session.there,
                pages.ago(session.created_at),
                pages.ago(session.ended_at),
            ]
            for session in latest
        ]
        all_of_them = pages.anchor(pages.list_url(Session, project__id__exact=row.pk), "All sessions")
        headers = ["Session", "Status", "Present", "Created", "Ended"]
        return Table("Sessions", headers, rows, "None yet.", all_of_them, numbers=frozenset({2}))

    def _members(self, request: HttpRequest, row: Project) -> Table:
        members = list(row.memberships.select_related("user").order_by("since", "pk")[:SHOWN])
        rows = [
            [
                pages.named(request, member.user).html,
                pages.code(member.user.username),
                pages.badge(member.role, ROLES),
                pages.ago(member.since),
            ]
            for member in members
        ]
        all_of_them = pages.anchor(pages.list_url(Membership, project__id__exact=row.pk), "All members")
        return Table("Members", ["Member", "Username", "Role", "Since"], rows, more=all_of_them)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["member", "project_link", "role_now", "joined"]
    list_filter = ["role", "since"]
    search_fields = ["project__name", "user__username", "user__name"]
    search_ids = ["project", "user"]
    search_help_text = "Project, user, or the id of either."
    list_select_related = ["user"]
    ordering = ["-since"]
    fields = ["member", "account", "project_link", "role_now", "joined"]
    readonly_fields = ["member", "account", "project_link", "role_now", "joined"]

    def references(self, row: Membership) -> Iterable[str]:
        return f"user:{row.user_id}", f"project:{row.project_id}"

    @column("Member", ordering="user__username")
    def member(self, row: Membership) -> str:
        return row.user.display_name

    @column("Account")
    def account(self, row: Membership) -> SafeString | str:
        return self.link_to(row, f"user:{row.user_id}")

    @column("Project", ordering="project__name")
    def project_link(self, row: Membership) -> SafeString | str:
        return self.link_to(row, f"project:{row.project_id}")

    @column("Role", ordering="role", label=ROLES)
    def role_now(self, row: Membership) -> str:
        return row.role

    @column("Since", ordering="since")
    def joined(self, row: Membership) -> SafeString:
        return pages.at(row.since)


enter("project", Project)
pages.listings["project"] += [Listing("Sessions", Session, "project"), Listing("Members", Membership, "project")]
pages.listings["user"].append(Listing("Projects", Membership, "user"))
