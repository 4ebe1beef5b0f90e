"""What the list of the trail is filtered by: what it had lately, a target, and moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter
from unfold.contrib.filters.forms import SearchForm
from unfold.widgets import UnfoldAdminTextInputWidget

from bduf_realtime.audit import pages
from bduf_realtime.audit.models import SERVER, AuditEntry

RECENT = 2_000


class RecentValues(DropdownFilter):
    """Filters by what a field had lately; asking all of a long trail would read all of it."""

    field = ""
    label = ""  # the field in which the value's name is, if not itself

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        recent = AuditEntry.objects.order_by("-at").values_list(self.field, self.label or self.field)[:RECENT]
        chosen = {self.value(): self.value()} if self.value() else {}
        named = self.named(request, {value: label for value, label in {**chosen, **dict(recent)}.items() if value})
        return sorted(named.items(), key=lambda item: item[1].casefold())

    def named(self, request: HttpRequest, values: dict[str, str]) -> dict[str, str]:
        """What to call the values."""
        return values

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class RecentTrails(RecentValues):
    title, parameter_name, field = "trail", "chain__name__exact", "chain"

    def named(self, request: HttpRequest, values: dict[str, str]) -> dict[str, str]:
        found = pages.names(request, {f"project:{name}" for name in values})
        names = {name: found[f"project:{name}"].text if f"project:{name}" in found else name for name in values}
        return names | ({SERVER: "the server"} if SERVER in names else {})


class RecentActors(RecentValues):
    title, parameter_name, field, label = "actor", "actor_id", "actor_id", "actor_name"


class RecentKinds(RecentValues):
    title, parameter_name, field = "kind of actor", "actor_kind", "actor_kind"


class RecentActions(RecentValues):
    title = parameter_name = field = "action"


class Target(TextFilter):
    """Filters by one target, as the entries name it."""

    title, parameter_name = "target, as kind:id", "target__exact"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(target=self.value().strip()) if self.value() else queryset


class MomentInput(UnfoldAdminTextInputWidget):
    """The browser's own field for a day and a time."""

    input_type = "datetime-local"


class MomentForm(SearchForm):
    def __init__(self, name: str, label: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(name, label, *args, **kwargs)
        self.fields[name].widget = MomentInput()


class Moment(TextFilter):
    """Filters by a moment of UTC."""

    form_class = MomentForm
    lookup = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        try:
            moment = datetime.fromisoformat(self.value())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters from error
        return queryset.filter(**{self.lookup: moment})


class Since(Moment):
    title, parameter_name, lookup = "time: since (UTC)", "since", "at__gte"


class Until(Moment):
    title, parameter_name, lookup = "time: before (UTC)", "until", "at__lt"
