"""Policies as JSON, checked where they stand and told in words; and all that they have said."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from approvals import selectors, services
from approvals.models import Approval, Policy, PolicyVersion
from approvals.services.rules import rules_read
from bduf_realtime.accounts.models import User
from bduf_realtime.audit import pages
from bduf_realtime.audit.admin import LinkedAdmin, ReadOnlyAdmin, enter
from bduf_realtime.audit.pages import Listing, Table, column
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.operating import REASON_LENGTH, Operated, Operation, Order
from bduf_realtime.gateway.reading import read_json
from bduf_realtime.rooms.transactions import write

STATES = {"default": "success", "offered": "info", "archived": ""}
EXAMPLE = {"stages": [{"name": "Review", "who": {"role": "participant"}, "need": 1}], "expires_after": 604_800}
SHOWN = 50


def state_of(row: Policy) -> str:
    """Whether requests may be made by a policy, and by themselves are."""
    return "archived" if row.archived_at else "default" if row.is_default else "offered"


def in_words(sentences: Iterable[str]) -> SafeString:
    """What a policy says, sentence by sentence."""
    return format_html_join("", "<p>{}</p>", ((sentence,) for sentence in sentences))


def _summary(sentence: str) -> SafeString:
    return format_html('<span class="op-summary">{}</span>', sentence)


def as_written(policy: Policy) -> Any:
    """What a policy says as people would write it: users by name, and nothing that is not said."""
    rules = selectors.policy_newest(policy).rules
    asked = [stage["who"] for stage in rules["stages"]] + [rules["escalate_to"] or {"users": []}]
    users = User.objects.filter(pk__in=[user for who in asked for user in who["users"]])
    names = {str(user.pk): user.username for user in users}
    for who in asked:
        who["users"] = [names.get(user, user) for user in who["users"]]
    return _without_nothing(rules)


def _without_nothing(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: _without_nothing(v) for k, v in value.items() if v is not None and (k, v) != ("users", [])}


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg] # Django takes none at run time
    """A policy and what it says; the service that will save it looks at all of it first."""

    by: User
    rules = forms.CharField(widget=UnfoldAdminTextareaWidget({"rows": 28, "spellcheck": "false"}), help_text="As JSON.")
    preview = forms.BooleanField(
        label="Only tell what it would say",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Nothing is saved then.",
    )
    reason = forms.CharField(
        required=False,
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Kept in the audit trail.",
    )

    class Meta:
        model = Policy
        fields = ["project", "name", "is_default"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = EXAMPLE if self.instance._state.adding else as_written(self.instance)
        self.initial.setdefault("rules", json.dumps(shown, indent=2, ensure_ascii=False))

    def clean_rules(self) -> Any:
        """The rules as a policy; raises ValidationError that says where they are none."""
        try:
            json.loads(self.cleaned_data["rules"])
            return rules_read(read_json(self.cleaned_data["rules"]))
        except json.JSONDecodeError as error:
            raise ValidationError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
        except RealtimeError as error:
            raise ValidationError(_located(error)) from error

    def clean(self) -> None:
        if self.errors:
            return
        try:
            with transaction.atomic():  # a rehearsal
                words = selectors.policy_infos([self.carry_out()])[0].version.words
                transaction.set_rollback(True)
        except RealtimeError as error:
            field = str(error.details.get("field", "")).partition(".")[0]
            self.add_error(field if field in self.fields else None, _located(error))
        else:
            if self.cleaned_data["preview"]:
                raise ValidationError(["Nothing is saved yet. It would say:", *words])

    def validate_constraints(self) -> None:
        """Leaves to the service what it sees to better: another default takes the place of the former."""

    def carry_out(self) -> Policy:
        """Has the service do what the form says."""
        given = {name: self.cleaned_data[name] for name in ("name", "rules", "is_default")}
        if self.instance._state.adding:
            return services.policy_create(project=self.cleaned_data["project"].pk, by=self.by, door="admin", **given)
        reason = self.cleaned_data["reason"].strip()
        return services.policy_change(policy=self.instance.pk, by=self.by, door="admin", reason=reason, **given)


def _located(error: RealtimeError) -> str:
    """A refusal with the path to what is wrong within the rules."""
    _, _, path = str(error.details.get("field", "")).partition("rules.")
    return f"{path}: {error.message}" if path else error.message


def _archive(row: Policy, order: Order) -> None:
    services.policy_archive(policy=row.pk, by=order.by, door="admin", reason=order.reason)


@admin.register(Policy)
class PolicyAdmin(Operated, LinkedAdmin):
    kind = "policy"
    form = PolicyForm
    list_display = ["called", "project_link", "state", "newest", "says", "created"]
    list_filter = ["is_default", ("archived_at", admin.EmptyFieldListFilter), "created_at"]
    search_fields = ["name", "project__name"]
    search_ids = ["pk", "project"]
    search_help_text = "Name, project, or the id of either."
    ordering = ["-created_at"]
    autocomplete_fields = ["project"]
    readonly_fields = ["id", "words", "state", "created", "project_link", "see_also"]
    compressed_fields = False
    operations = [
        Operation(
            "archive",
            "Archive",
            "archived",
            "It is offered no more; requests that were made by it keep to it.",
            _archive,
            lambda row: row.archived_at is None,
            icon="archive",
            danger=True,
        )
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["project", "name", "is_default", "rules", "preview"]})]
        about = (None, {"fields": [("project_link", "state", "created"), "id", "see_also", "words"]})
        if not self.has_change_permission(request, obj):
            return [about]
        return [about, ("Change", {"fields": ["name", "is_default", "rules", "preview", "reason"]})]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        archived = obj is not None and obj.archived_at is not None
        return not archived and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        form.by = request.user
        return form

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        saved = form.carry_out()
        obj.pk, obj._state.adding = saved.pk, False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # The form's own transaction would hold SQLite's lock while the service waits for the process's other writers.
        with write() if request.method == "POST" else nullcontext():
            return super().changeform_view(request, *args, **kwargs)

    def references(self, row: Policy) -> Iterable[str]:
        return (f"project:{row.project_id}",)

    def prepare(self, request: HttpRequest, rows: Any) -> None:
        super().prepare(request, rows)
        said = {info.id: info.version for info in selectors.policy_infos(rows)}
        for row in rows:
            row.said = said[str(row.pk)]

    def tables(self, request: HttpRequest, row: Policy) -> list[Table]:
        versions = selectors.policy_versions(row)[:SHOWN]
        rows = [
            [
                pages.anchor(pages.page_url(version), version.number),
                version.created_by or pages.NOTHING,
                pages.ago(version.created_at),
                _summary(words.words[0]),
            ]
            for version, words in zip(versions, selectors.version_infos(versions), strict=True)
        ]
        more = pages.anchor(pages.list_url(PolicyVersion, policy__id__exact=row.pk), "All versions")
        return [Table("Versions", ["Version", "By", "Since", "Says first"], rows, "None.", more)]

    @column("Policy", ordering="name")
    def called(self, row: Policy) -> str:
        return row.name

    @column("Project", ordering="project__name")
    def project_link(self, row: Policy) -> SafeString | str:
        return self.link_to(row, f"project:{row.project_id}")

    @column("State", label=STATES)
    def state(self, row: Policy) -> str:
        return state_of(row)

    @column("Version")
    def newest(self, row: Any) -> int:
        return int(row.said.number)

    @column("Says first")
    def says(self, row: Any) -> SafeString:
        return _summary(row.said.words[0])

    @column("In words")
    def words(self, row: Any) -> SafeString:
        return in_words(row.said.words)

    @column("Created", ordering="created_at")
    def created(self, row: Policy) -> SafeString:
        return pages.ago(row.created_at)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    """What policies have said; requests refer to it, and nobody changes it."""

    list_display = ["version", "creator", "created"]
    list_select_related = ["policy", "created_by"]
    search_fields = ["policy__name", "policy__project__name"]
    search_ids = ["policy", "policy__project", "created_by"]
    search_help_text = "Policy, project, or the id of either."
    ordering = ["-created_at"]
    fields = ["version", "creator", "created", "words", "shown"]
    readonly_fields = fields

    def references(self, row: PolicyVersion) -> Iterable[str]:
        return f"user:{row.created_by_id}", f"policy:{row.policy_id}"

    @column("Version")
    def version(self, row: PolicyVersion) -> str:
        return f"{row.policy.name}, version {row.number}"

    @column("By", ordering="created_by")
    def creator(self, row: PolicyVersion) -> SafeString | str:
        return self.link_to(row, f"user:{row.created_by_id}")

    @column("Since", ordering="created_at")
    def created(self, row: PolicyVersion) -> SafeString:
        return pages.at(row.created_at)

    @column("In words")
    def words(self, row: PolicyVersion) -> SafeString:
        return in_words(selectors.version_infos([row])[0].words)

    @column("Rules")
    def shown(self, row: PolicyVersion) -> SafeString:
        return format_html('<pre class="op-text">{}</pre>', json.dumps(row.rules, indent=2, ensure_ascii=False))


enter("policy", Policy)
pages.listings["project"].append(Listing("Policies", Policy, "project"))
pages.listings["policy"].append(Listing("Requests", Approval, "policy_version__policy"))
