"""Operators of the tests that run in this process: their rights, and what they do in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditEntry
from tests.people import person

APPS = ("accounts", "approvals", "audit", "collaboration", "gateway", "rooms")
REASON = "Asked for by the team"


def page(model: type[Model], *parts: object) -> str:
    """The address of a list, or of what belongs to one of its rows."""
    return "/".join(["/admin", model._meta.app_label, str(model._meta.model_name), *map(str, parts), ""])


def staff(name: str, *verbs: str) -> User:
    """Somebody who may do these things with everything there is."""
    user = person(name, is_staff=True)
    rights = Permission.objects.filter(content_type__app_label__in=APPS)
    user.user_permissions.set(right for right in rights if right.codename.partition("_")[0] in verbs)
    return user


def act(client: Client, operation: str, *rows: Model, confirmed: bool = True, **said: str) -> Any:
    """Has an operation done to rows from their list, as the confirmation page would."""
    form = {"action": operation, "_selected_action": [str(row.pk) for row in rows], "reason": REASON, **said}
    if confirmed:
        form["confirmed"] = operation
    return client.post(page(type(rows[0])), form)


def told(answer: Any) -> list[str]:
    """What the next page will tell the operator."""
    return [str(message) for message in get_messages(answer.wsgi_request)]


def entries(action: str) -> list[AuditEntry]:
    """What the trail has of an action that came through the admin."""
    return list(AuditEntry.objects.filter(action=action, door="admin"))
