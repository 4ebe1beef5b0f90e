"""Every page of the admin: it loads for staff who may see it, refuses everybody else, and changes nothing."""

from __future__ import annotations

import uuid
import zlib

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.messages import ApprovalRequest, Subject
from approvals.policy import Policy, Stage, Who
from approvals.services import approval_request, policy_create
from bduf_realtime.accounts.models import User
from bduf_realtime.audit.admin import ReadOnlyAdmin
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.rooms.models import Room
from collaboration import services
from collaboration.models import (
    Document,
    DocumentField,
    DocumentVersion,
    Invitation,
    Membership,
    Participant,
    Project,
    Session,
)
from notifications.models import Preferences
from tests.collaboration.conftest import Team
from tests.operators import page
from tests.people import person

pytestmark = pytest.mark.django_db

OURS = ("accounts", "audit", "rooms", "gateway", "notifications", "collaboration", "approvals")
SHOWN = [model for model in apps.get_models() if model._meta.app_label in OURS and model in admin.site._registry]
READ_ONLY = [model for model in SHOWN if isinstance(admin.site._registry[model], ReadOnlyAdmin)]


def name(value: object) -> str:
    return value._meta.label_lower if isinstance(value, type) and issubclass(value, Model) else str(value)


@pytest.fixture
def rows(team: Team) -> Connection:
    """Something to show on every page: the owner is in the session with one connection."""
    instance = Instance.objects.create(host="blade", pid=17, expires_at="2999-01-01T00:00Z")
    connection = Connection.objects.create(
        **{"id": uuid.uuid4(), "user": team.owner, "instance": instance, "address": "192.0.2.7", "client": "sdk 1.2"},
        **{"round_trip_ms": 12.34, "messages_in": 5, "bytes_in": 2048, "messages_out": 70, "bytes_out": 3_145_728},
        queue_bytes=900,
    )
    room = f"session:{team.session.pk}"
    Attendance.objects.create(connection=connection.pk, instance=instance, room=room, user=str(team.owner.pk))
    Participant.objects.filter(user=team.owner).update(present=True, joined_at=timezone.now())
    services.invitation_create(session=team.session.pk, by=team.owner, role="observer", max_uses=5)
    document = services.document_create(session=team.session.pk, by=team.owner, title="Plan", content={"a": 1})
    services.version_create(document=document.pk, title="First", by=team.owner)
    rules = Policy([Stage(Who(role="moderator"))])
    policy_create(project=team.project.pk, name="Releases", rules=rules, is_default=True, by=team.owner)
    approval_request(message=ApprovalRequest(team.project.pk, "Ship it", subject=Subject(document.pk)), by=team.owner)
    Preferences.objects.create(user=team.owner, kinds={"*": ["in_app"]})
    return connection


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


# --- what the pages show -----------------------------------------------------------------------------------------


def text(client: Client, url: str, **query: object) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200, (url, answer.status_code)
    return str(answer.content.decode())


def test_a_session_shows_who_is_in_it_by_which_connections(root: Client, team: Team, rows: Connection) -> None:
    shown = text(root, page(Session, team.session.pk, "change"))
    for expected in (
        *["Kick-off", "Orchestrator", "blade:17", "192.0.2.7", "sdk 1.2", "12.3 ms", str(rows.pk)[:8]],
        *["2.0\xa0KB", "3.0\xa0MB", "900\xa0bytes", "Max participants", "0 of 5"],
        page(Connection, rows.pk, "change"),
        page(Project, team.project.pk, "change"),
        page(User, team.owner.pk, "change"),
    ):
        assert expected in shown, expected
    assert text(root, page(Session, team.session.pk, "tables")).count("blade:17") == 1


def test_a_session_says_how_far_its_log_goes(root: Client, team: Team) -> None:
    Room.objects.filter(name=f"session:{team.session.pk}").update(head=1_234, floor=1_000)
    shown = text(root, page(Session, team.session.pk, "change"))
    assert "1,234" in shown
    assert "235, from 1,000 on" in shown
    assert "1,234" in text(root, page(Session))


def test_a_connection_shows_the_rooms_it_is_in(root: Client, team: Team, rows: Connection) -> None:
    Room.objects.filter(name=f"session:{team.session.pk}").update(head=77)
    shown = text(root, page(Connection, rows.pk, "change"))
    for expected in ("5 messages", "70 messages", "12.3 ms", page(Session, team.session.pk, "change"), ">77<"):
        assert expected in shown, expected


def test_a_project_shows_its_members_and_sessions(root: Client, team: Team) -> None:
    shown = text(root, page(Project, team.project.pk, "change"))
    for expected in ("moderator", "observer", page(Session, team.session.pk, "change")):
        assert expected in shown
    assert page(User, team.moderator.pk, "change") in shown


def test_a_participant_has_the_role_of_the_project_unless_given_another(root: Client, team: Team) -> None:
    place = Participant.objects.create(session=team.session, user=team.observer)
    assert "observer" in text(root, page(Participant, place.pk, "change"))
    services.participant_role(session=team.session.pk, user=team.observer.pk, role="moderator", by=team.owner)
    assert "moderator" in text(root, page(Participant, place.pk, "change"))


@pytest.mark.usefixtures("rows")
def test_pages_are_found_by_id(root: Client, team: Team) -> None:
    found = {
        Project: [team.project.pk, team.owner.pk],
        Session: [team.session.pk, team.project.pk, str(team.session.pk).upper(), team.session.pk.hex],
        Participant: [team.session.pk, team.owner.pk, team.project.pk],
        Membership: [team.project.pk, team.owner.pk],
        Invitation: [team.session.pk, team.project.pk],
        Document: [team.session.pk, team.project.pk, team.owner.pk],
        DocumentVersion: [Document.objects.get().pk, team.project.pk],
        Connection: [team.owner.pk],
        Attendance: [Connection.objects.get().pk],
        User: [team.owner.pk],
        AuditEntry: [team.session.pk, team.project.pk, team.owner.pk],
    }
    for model, keys in found.items():
        for key in keys:
            answer = root.get(page(model), {"q": str(key)})
            assert answer.context["cl"].result_count, (model, key)
        assert not root.get(page(model), {"q": str(uuid.uuid4())}).context["cl"].result_count, model


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("model", "filters"),
    [
        (Session, {"status__exact": "active"}),
        (Participant, {"present__exact": "1", "admission__exact": "admitted", "role__exact": "owner"}),
        (Membership, {"role__exact": "moderator"}),
        (Connection, {"open": "yes", "state__exact": "authenticated"}),
        (AuditEntry, {"door__exact": "rest", "action": "collaboration:session:create", "actor_kind": "human"}),
        (Invitation, {"role__exact": "observer"}),
        (Document, {"deleted": "no", "strategy__exact": "last_write_wins"}),
        (User, {"is_guest__exact": "0", "kind__exact": "human"}),
    ],
    ids=lambda value: value._meta.model_name if isinstance(value, type) else "",
)
def test_lists_are_filtered(root: Client, model: type[Model], filters: dict[str, str]) -> None:
    answer = root.get(page(model), filters)
    assert answer.status_code == 200
    assert 0 < answer.context["cl"].result_count <= model._default_manager.count()


@pytest.mark.usefixtures("rows")
def test_the_digest_of_an_invitation_is_neither_shown_nor_guessed(root: Client) -> None:
    row = Invitation.objects.get()
    for url in (page(Invitation), page(Invitation, row.pk, "change"), page(Session, row.session_id, "change")):
        assert row.digest not in text(root, url)
    assert root.get(page(Invitation), {"digest__startswith": row.digest[:2]}).status_code == 400


def test_an_entry_of_the_trail_links_to_what_it_is_about(root: Client, team: Team) -> None:
    shown = text(root, page(AuditEntry))
    for row in (team.session, team.project, team.moderator):
        assert page(type(row), row.pk, "change") in shown
    Session.objects.filter(pk=team.session.pk).delete()
    shown = text(root, page(AuditEntry))
    assert page(Session, team.session.pk, "change") not in shown
    assert f"session:{team.session.pk}" in shown


def test_the_history_of_a_row_is_its_trail(root: Client, team: Team) -> None:
    answer = root.get(page(Session, team.session.pk, "history"), follow=True)
    assert answer.context["cl"].result_count == 1


@pytest.mark.usefixtures("rows")
def test_names_are_escaped_on_every_page(root: Client, team: Team) -> None:
    evil, raw = "<script>alert(1)</script>", "<script>alert"
    Project.objects.update(name=evil)
    Session.objects.update(name=evil, tags=[evil])
    Document.objects.update(title=evil)
    DocumentField.objects.update(key=evil, value=f'"{evil}"')
    DocumentVersion.objects.update(title=evil, author=evil, content=zlib.compress(f'{{"a":"{evil}"}}'.encode()))
    User.objects.update(name=evil)
    Connection.objects.update(client=evil, user_agent=evil, address=evil, timezone=evil)
    Instance.objects.update(host=evil)
    Room.objects.filter(name=f"project:{team.project.pk}").update(name=evil)
    urls = ["/admin/", "/admin/now/", *(page(model) for model in SHOWN)]
    for model in SHOWN:
        if (row := model._default_manager.first()) is not None:
            urls.append(page(model, row.pk, "change"))
    urls += [page(Session, team.session.pk, verb) for verb in ("tables", "end", "pause")]
    for url in urls:
        assert raw not in text(root, url), url


# --- the first page ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("rows")
def test_the_first_page_counts_what_is_going_on(root: Client, team: Team) -> None:
    services.session_pause(session=services.session_create(project=team.project, by=team.owner).pk, by=team.owner)
    cards = {card["title"]: card["value"] for card in root.get("/admin/").context["cards"]}
    assert cards["Active sessions"] == 1
    assert cards["Participants present"] == 1
    assert cards["Connections"] == cards["Users connected"] == 1
    assert cards["Documents"] == "1"
    assert cards["Messages out"] == "70"
    shown = text(root, "/admin/now/")
    for expected in ("1 paused", "Kick-off", "Orchestrator", "blade:17", "collaboration:session:pause", "Loop lag"):
        assert expected in shown, expected
    assert "<html" not in shown


def test_the_first_page_shows_no_more_than_the_visitor_may_see(client: Client, team: Team) -> None:
    clerk = person(is_staff=True)
    client.force_login(clerk)
    shown = text(client, "/admin/") + text(client, "/admin/now/")
    assert "Kick-off" not in shown
    assert "was not given anything to see" in shown
    clerk.user_permissions.add(
        Permission.objects.get(
            codename="view_session", content_type__model="session", content_type__app_label="collaboration"
        )
    )
    shown = text(client, "/admin/now/")
    assert "Kick-off" in shown
    for hidden in ("Audit trail", "Connections</span>", "Instances", "Loop lag", "Participants present"):
        assert hidden not in shown, hidden


def test_the_charts_are_for_those_who_may_see_server_processes(root: Client) -> None:
    shown = text(root, "/admin/")
    for expected in ('data-samples="/api/v1/status/samples/"', "/static/gateway/charts.js", "unfold/js/chart/chart.js"):
        assert expected in shown, expected
    assert root.get("/api/v1/status/samples/").status_code == 200  # with the cookie of the page
    clerk = person(is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_project"))
    root.force_login(clerk)
    assert "charts.js" not in text(root, "/admin/")


def test_the_fragment_is_for_staff_only(client: Client, team: Team) -> None:
    for url in ("/admin/now/", page(Session, team.session.pk, "tables")):
        assert client.get(url).headers["Location"].startswith("/admin/login/")
    client.force_login(person())
    assert client.get("/admin/now/").status_code == 302
    client.force_login(person(is_staff=True))
    assert client.get(page(Session, team.session.pk, "tables")).status_code == 404


def test_who_signs_in_arrives_at_the_first_page(client: Client) -> None:
    User.objects.create_superuser("root", password="tower-7-bridge")
    answer = client.post("/admin/login/", {"username": "root", "password": "tower-7-bridge"})
    assert answer.headers["Location"] == "/admin/"


# --- how much it costs -------------------------------------------------------------------------------------------


def crowd(team: Team, number: int) -> None:
    """Sessions, people, connections and invitations, and with them entries in the trail and rooms."""
    instance = Instance.objects.create(host="other", pid=number, expires_at="2999-01-01T00:00Z")
    for _ in range(number):
        user = person()
        services.project_member_set(project=team.project, user=user, role="participant", by=team.owner)
        session = services.session_create(project=services.project_create(name="p", by=user), by=user, name="s")
        row = Connection.objects.create(id=uuid.uuid4(), user=user, instance=instance)
        for room in (f"session:{session.pk}", f"session:{team.session.pk}"):
            Attendance.objects.create(connection=row.pk, instance=instance, room=room, user=str(user.pk))
        Participant.objects.create(session=team.session, user=user, present=True, joined_at=timezone.now())
        services.invitation_create(session=team.session.pk, by=team.owner)
        document = services.document_create(session=team.session.pk, by=team.owner, title="Plan", strategy="merge")
        services.version_create(document=document.pk, title="First", by=user)
        Attendance.objects.create(
            connection=row.pk, instance=instance, room=f"document:{document.pk}", user=str(user.pk)
        )


@pytest.mark.usefixtures("rows")
def test_no_page_asks_the_database_more_often_when_there_is_more_to_show(root: Client, team: Team) -> None:
    urls = [
        *["/admin/", "/admin/now/", page(Session, team.session.pk, "change"), page(Session, team.session.pk, "tables")],
        *[page(Project, team.project.pk, "change"), page(User, team.owner.pk, "change")],
        *[page(Connection, Connection.objects.get().pk, "change"), *(page(model) for model in SHOWN)],
    ]
    crowd(team, 2)
    few = {url: queries(root, url) for url in urls}
    crowd(team, 6)
    many = {url: queries(root, url) for url in urls}
    assert many == few
    assert max(few.values()) <= 40, few


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200, url
    return len(captured)
