"""What the pages of the admin share: links between them by name, moments, columns, and tables of related rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.decorators import display

F = TypeVar("F", bound=Callable[..., Any])
NOTHING = mark_safe('<span class="op-quiet">-</span>')

# What the trail calls `user:<id>`, `session:<id>` and so on; every app with pages enters its own.
targets: dict[str, type[Model]] = {}


class Listing(NamedTuple):
    """Rows of another page that belong to one of this kind: `model`'s rows whose `lookup` is its key."""

    title: str
    model: type[Model]
    lookup: str


listings: dict[str, list[Listing]] = defaultdict(list)


class Name(NamedTuple):
    """What a row is called, and its name as a link for those who may see its page."""

    text: str
    html: SafeString


@dataclass
class Table:
    """Rows under headers, each cell escaped or safe; `more` links to where the rest is."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = "Nobody."
    more: SafeString | str = ""
    note: str = ""
    numbers: frozenset[int] = field(default_factory=frozenset)


# --- links -------------------------------------------------------------------------------------------------------


def may_view(request: HttpRequest, model: type[Model]) -> bool:
    """Whether the visitor may see the pages of a model."""
    page = admin.site._registry.get(model)
    return page is not None and page.has_view_permission(request)


def page_url(row: Model) -> str:
    """The address of a row's page."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def list_url(model: type[Model], **filters: object) -> str:
    """The address of a list, filtered."""
    meta = model._meta
    query = {name: str(value) for name, value in filters.items()}
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist", query=query or None)


def anchor(url: str, text: object) -> SafeString:
    """A link that looks like one."""
    return format_html('<a class="op-link" href="{}">{}</a>', url, text)


def named(request: HttpRequest, row: Model) -> Name:
    """A row's name."""
    text = str(row)
    return Name(text, anchor(page_url(row), text) if may_view(request, type(row)) else format_html("{}", text))


def names(request: HttpRequest, references: Iterable[str]) -> dict[str, Name]:
    """What is behind references such as `session:<id>`, in one query a kind; what is gone is missing."""
    wanted: dict[str, set[UUID]] = defaultdict(set)
    for reference in references:
        kind, _, key = reference.partition(":")
        if kind in targets and (uuid := read_uuid(key)) is not None:
            wanted[kind].add(uuid)
    return {
        f"{kind}:{row.pk}": named(request, row)
        for kind, keys in wanted.items()
        for row in targets[kind]._default_manager.filter(pk__in=keys)
    }


def read_uuid(text: str) -> UUID | None:
    """Reads an id as people paste it; None for anything else."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def see_also(request: HttpRequest, kind: str, key: object) -> SafeString:
    """Links to what belongs to a row on other pages, with how many there are."""
    found = []
    for listing in listings[kind]:
        if may_view(request, listing.model):
            value = f"{kind}:{key}" if listing.lookup in ("target", "room") else key
            count = listing.model._default_manager.filter(**{listing.lookup: value}).count()
            url = list_url(listing.model, **{f"{listing.lookup}__exact": value})
            found.append((url, listing.title, count))
    if not found:
        return NOTHING
    return format_html('<span class="op-chips">{}</span>', format_html_join("", '<a href="{}">{} <b>{}</b></a>', found))


# --- cells -------------------------------------------------------------------------------------------------------


def column(description: str, *, ordering: Any = None, label: Mapping[Any, str] | None = None) -> Callable[[F], F]:
    """Makes a method a column; with `label` what it returns is shown as a badge of that colour."""

    def make(method: F) -> F:
        @wraps(method)
        def badged(*args: Any) -> Any:
            return badge(method(*args), label or {})

        shown = method if label is None else badged
        return cast(F, display(description=description, ordering=ordering)(shown))

    return make


def badge(text: str, colours: Mapping[Any, str]) -> SafeString:
    """A coloured label, as the lists have them."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colours.get(text, "")})


def ago(moment: datetime | None) -> SafeString:
    """How long ago something was, or how soon it will be; the exact moment shows under the pointer."""
    if moment is None:
        return NOTHING
    seconds = (timezone.now() - moment).total_seconds()
    text = f"{duration(seconds)} ago" if seconds >= 1 else "now" if seconds > -1 else f"in {duration(-seconds)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact(moment), text)


def at(moment: datetime | None) -> SafeString:
    """A moment to the second, and how long ago it was."""
    if moment is None:
        return NOTHING
    return format_html('{} <span class="op-quiet">· {}</span>', exact(moment), ago(moment))


def exact(moment: datetime) -> str:
    """A moment to the second, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def duration(seconds: float) -> str:
    """A span of time in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def two_lines(first: object, second: object) -> SafeString:
    """What matters, and below it what explains it."""
    return format_html('<span class="op-two"><span>{}</span><small>{}</small></span>', first, second)


def code(text: object) -> SafeString:
    """An id or another text to be read letter by letter."""
    return format_html('<code class="op-code">{}</code>', text)
