import uuid

import pytest
from django.db import transaction
from django.test import Client

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditChain, AuditEntry
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.audit.services import Actor, audit_record


@pytest.fixture
def root(client: Client, project: uuid.UUID) -> Client:
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def test_entries_are_listed_searched_and_filtered(root: Client, project: uuid.UUID) -> None:
    assert "session:5" in root.get("/admin/audit/auditentry/").content.decode()
    searched = root.get("/admin/audit/auditentry/", {"q": str(project), "door": "socket"})
    assert searched.status_code == 200
    assert searched.context["cl"].result_count == 100
    assert root.get("/admin/audit/auditentry/", {"door": "rest"}).context["cl"].result_count == 0


def test_an_entry_is_shown_without_a_way_to_change_it(root: Client, project: uuid.UUID) -> None:
    entry = entries_for(project).get(seq=5)
    page = root.get(f"/admin/audit/auditentry/{entry.pk}/change/")
    assert page.status_code == 200
    assert entry.hash in page.content.decode()
    assert 'name="_save"' not in page.content.decode()


@pytest.mark.parametrize("model", ["auditentry", "auditchain"])
def test_nobody_adds_changes_or_deletes(root: Client, model: str) -> None:
    row = AuditEntry.objects.earliest("at") if model == "auditentry" else AuditChain.objects.earliest("name")
    assert root.get(f"/admin/audit/{model}/").status_code == 200
    assert root.get(f"/admin/audit/{model}/add/").status_code == 403
    assert root.post(f"/admin/audit/{model}/{row.pk}/change/", {"target": "x"}).status_code == 403
    assert root.post(f"/admin/audit/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    root.post(f"/admin/audit/{model}/", chosen)
    assert type(row).objects.filter(pk=row.pk).exists()


def test_names_are_escaped(root: Client, project: uuid.UUID) -> None:
    actor = Actor(id="1", name="<script>x</script>", kind="human")
    with transaction.atomic():
        audit_record(project=project, action="a:b", actor=actor)
    assert "<script>x</script>" not in root.get("/admin/audit/auditentry/").content.decode()


def test_staff_without_the_permission_see_nothing(client: Client, project: uuid.UUID) -> None:
    client.force_login(User.objects.create_user("staff", password="x", is_staff=True))
    assert client.get("/admin/audit/auditentry/").status_code == 403
