"""Admin pages whose rows are never edited, and acted upon by services, after a page that says what will happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from bduf_realtime.accounts.models import User
from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import LinkedAdmin, ReadOnlyAdmin
from bduf_realtime.gateway.errors import RealtimeError

AT_ONCE = 200  # each is a transaction of its own, and one request carries them all out
REFUSALS_SHOWN = 10
REASON_LENGTH = 500


@dataclass(frozen=True)
class Order:
    """Who has an operation done, and what was said on the confirmation page."""

    by: User
    reason: str = ""
    choice: str = ""


@dataclass(frozen=True)
class Operation:
    """Something an operator may do to rows of one kind.

    `done` is the word for it afterwards, `effect` the sentence before it, `run` the call of the service, and `applies`
    tells whether a row would change at all. `choices` are offered on the confirmation page, and where it `needs_reason`
    nothing is done without one.
    """

    name: str
    title: str
    done: str
    effect: str
    run: Callable[[Any, Order], object]
    applies: Callable[[Any], bool] = lambda row: True
    icon: str = "bolt"
    danger: bool = False
    choices: Sequence[tuple[str, str]] = ()
    choice_label: str = ""
    needs_reason: bool = False


class OrderForm(forms.Form):
    """What an operator is asked on the confirmation page."""

    def __init__(self, operation: Operation, data: Any = None) -> None:
        super().__init__(data)
        if operation.choices:
            self.fields["choice"] = forms.ChoiceField(
                label=operation.choice_label,
                choices=[("", "Choose"), *operation.choices],  # nothing is chosen by not looking
                widget=UnfoldAdminSelectWidget(),
            )
        self.fields["reason"] = forms.CharField(
            label="Reason",
            required=operation.needs_reason,
            max_length=REASON_LENGTH,
            help_text="Kept in the audit trail.",
            widget=UnfoldAdminTextInputWidget({"autofocus": True, "autocomplete": "off"}),
        )


@dataclass(eq=False)
class Button:
    """An operation as Django's list of actions and unfold's row of buttons want it: a function with attributes."""

    operation: Operation
    call: Callable[..., HttpResponse | None]
    allowed_permissions: tuple[str, ...] = ("operate",)
    dialog: None = None
    attrs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.__name__ = self.original_function_name = self.url_path = self.operation.name
        self.short_description = self.operation.title
        self.icon = self.operation.icon
        self.variant = ActionVariant.DANGER if self.operation.danger else ActionVariant.DEFAULT

    def __call__(self, *args: Any, **kwargs: Any) -> HttpResponse | None:
        return self.call(*args, **kwargs)


class Operated(LinkedAdmin):
    """Offers operations on rows, one by one and many at once, to those who may change this kind of row."""

    operations: Sequence[Operation] = ()
    actions: Any = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.actions = [Button(operation, self._for_many(operation)) for operation in self.operations]
        for operation in self.operations:
            setattr(self, f"{operation.name}_one", Button(operation, self._for_one(operation)))
        self.actions_detail = [f"{operation.name}_one" for operation in self.operations]
        super().__init__(*args, **kwargs)

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the visitor may act on these rows: whoever holds Django's right to change them."""
        meta = self.model._meta
        return bool(request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offers on a row's page what would change the row as it is."""
        row = self.get_queryset(request).filter(pk=pages.read_uuid(str(object_id)) or object_id).first()
        offered = super().get_actions_detail(request, object_id)
        return [action for action in offered if row is not None and action.method.operation.applies(row)]

    def describe(self, row: Any) -> str:
        """A row in one line, as it is before the operation."""
        return str(row)

    def _for_one(self, operation: Operation) -> Callable[..., HttpResponse | None]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse | None:
            if not self.has_operate_permission(request):
                raise PermissionDenied
            row = self.get_object(request, unquote(object_id))
            if row is None:
                raise Http404
            return self._confirm(request, operation, [row], pages.page_url(row))

        return view

    def _for_many(self, operation: Operation) -> Callable[..., HttpResponse | None]:
        def action(page: Operated, request: HttpRequest, queryset: Any) -> HttpResponse | None:
            rows = list(queryset[: AT_ONCE + 1])
            if len(rows) > AT_ONCE:
                messages.error(request, f"Choose up to {AT_ONCE} at once; nothing was done.")
                return None
            page.prepare(request, rows)
            return page._confirm(request, operation, rows, request.get_full_path())

        return action

    def _confirm(self, request: HttpRequest, operation: Operation, rows: list[Any], back: str) -> HttpResponse:
        """Shows what will happen, and does it once that was confirmed; only a POST from that page does anything."""
        confirmed = request.method == "POST" and request.POST.get("confirmed") == operation.name
        form = OrderForm(operation, request.POST if confirmed else None)
        if confirmed and form.is_valid():
            assert isinstance(request.user, User)  # noqa: S101
            given = form.cleaned_data
            order = Order(request.user, given.get("reason", "").strip(), given.get("choice", ""))
            self._carry_out(request, operation, rows, order)
            return HttpResponseRedirect(back)
        return self._confirmation(request, operation, rows, form, back)

    def _confirmation(
        self, request: HttpRequest, operation: Operation, rows: list[Any], form: OrderForm, back: str
    ) -> HttpResponse:
        meta = self.model._meta
        context = {
            **self.admin_site.each_context(request),
            "opts": meta,
            "title": operation.title,
            "operation": operation,
            "form": form,
            "rows": [(row, self.describe(row), operation.applies(row)) for row in rows],
            "noun": meta.verbose_name if len(rows) == 1 else meta.verbose_name_plural,
            "back": back,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/operation.html", context)

    def _carry_out(self, request: HttpRequest, operation: Operation, rows: list[Any], order: Order) -> None:
        """Has the service act on one row after the other; what is refused keeps no other row from it."""
        done, same, refused = 0, 0, []
        for row in rows:
            changes = operation.applies(row)
            try:
                operation.run(row, order)
            except RealtimeError as refusal:
                refused.append(f"{row}: {refusal.message}")
            else:
                done, same = done + changes, same + (not changes)
        if done:
            messages.success(request, f"{self._counted(done)} {operation.done} {order.choice}".rstrip() + ".")
        if same:
            messages.info(request, f"{self._counted(same)} had nothing to change.")
        for text in refused[:REFUSALS_SHOWN]:
            messages.error(request, text)
        if len(refused) > REFUSALS_SHOWN:
            messages.error(request, f"{len(refused) - REFUSALS_SHOWN} more were refused.")

    def _counted(self, number: int) -> str:
        meta = self.model._meta
        return f"{number} {meta.verbose_name if number == 1 else meta.verbose_name_plural}"


class OperatedAdmin(Operated, ReadOnlyAdmin):
    """Rows that nobody edits, and that operators act upon through services."""

    compressed_fields = False  # labels above their values leave room for several on a line
