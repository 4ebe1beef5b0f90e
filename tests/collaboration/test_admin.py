"""Every page of the admin: it loads for staff who may see it, refuses everybody else, and changes nothing."""

from __future__ import annotations

import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.admin import ReadOnlyAdmin
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from tests.collaboration.conftest import Team
from tests.people import person

pytestmark = pytest.mark.django_db

OURS = ("accounts", "audit", "rooms", "gateway", "collaboration")
SHOWN = [model for model in apps.get_models() if model._meta.app_label in OURS and model in admin.site._registry]
READ_ONLY = [model for model in SHOWN if isinstance(admin.site._registry[model], ReadOnlyAdmin)]


def page(model: type[Model], *parts: object) -> str:
    return "/".join(["/admin", model._meta.app_label, str(model._meta.model_name), *map(str, parts), ""])


def name(value: object) -> str:
    return value._meta.label_lower if isinstance(value, type) and issubclass(value, Model) else str(value)


@pytest.fixture
def rows(team: Team) -> None:
    """Something to show on every page."""
    instance = Instance.objects.create(host="h", pid=1, expires_at="2999-01-01T00:00Z")
    Connection.objects.create(id=uuid.uuid4(), user=team.owner, instance=instance)
    Attendance.objects.create(connection=uuid.uuid4(), instance=instance, room="user:x", user="x")


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def test_every_model_of_people_projects_sessions_and_connections_is_shown() -> None:
    shown = {model._meta.label_lower for model in SHOWN}
    assert {
        "accounts.user",
        "audit.auditentry",
        "collaboration.project",
        "collaboration.session",
        "collaboration.participant",
        "gateway.connection",
        "rooms.room",
    } <= shown


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", SHOWN, ids=name)
def test_staff_see_lists_searches_and_rows(root: Client, model: type[Model]) -> None:
    assert root.get("/admin/").status_code == 200
    assert root.get(page(model)).status_code == 200
    assert root.get(page(model), {"q": "o"}).status_code in (200, 302)
    if (row := model._default_manager.first()) is not None:
        assert root.get(page(model, row.pk, "change")).status_code == 200


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", READ_ONLY, ids=name)
def test_what_services_own_is_changed_by_nobody_here(root: Client, model: type[Model]) -> None:
    row = model._default_manager.earliest("pk")
    assert root.get(page(model, "add")).status_code == 403
    assert root.post(page(model, row.pk, "change"), {}).status_code == 403
    assert root.post(page(model, row.pk, "delete"), {"post": "yes"}).status_code == 403
    root.post(page(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", SHOWN, ids=name)
def test_others_are_refused(client: Client, model: type[Model]) -> None:
    assert client.get(page(model)).headers["Location"].startswith("/admin/login/")
    client.force_login(person())
    assert client.get(page(model)).headers["Location"].startswith("/admin/login/")
    client.force_login(person(is_staff=True))
    assert client.get(page(model)).status_code == 403


def test_staff_see_what_they_were_given_leave_to_see(client: Client, team: Team) -> None:
    clerk = person(is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_project"))
    client.force_login(clerk)
    assert client.get("/admin/collaboration/project/").status_code == 200
    assert client.get("/admin/collaboration/session/").status_code == 403
    assert client.get(f"/admin/collaboration/project/{team.project.pk}/change/").status_code == 200


def test_names_are_escaped(root: Client, team: Team) -> None:
    type(team.project).objects.update(name="<script>alert(1)</script>")
    assert "<script>alert(1)</script>" not in root.get("/admin/collaboration/project/").content.decode()
