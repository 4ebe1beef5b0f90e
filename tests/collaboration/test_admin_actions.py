"""What operators do from the admin: through the services, confirmed, audited, and by nobody who may only look."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway import operating
from bduf_realtime.gateway.models import Connection, Instance
from bduf_realtime.rooms import log
from collaboration import services
from collaboration.models import Invitation, Participant, Session
from tests.collaboration.conftest import Team, events_of
from tests.operators import REASON, act, entries, page, staff, told
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(staff("olga", "view", "change"))
    return client


@pytest.fixture
def onlooker(client: Client) -> Client:
    client.force_login(staff("otto", "view"))
    return client


def types(room: str) -> list[str]:
    return [event["type"] for event in events_of(room)]


@pytest.fixture
def place(team: Team) -> Participant:
    """A participant who is in the session."""
    there = {"present": True, "admission": "admitted", "joined_at": timezone.now()}
    return Participant.objects.create(session=team.session, user=team.participant, **there)


@pytest.fixture
def connection(team: Team) -> Connection:
    instance = Instance.objects.create(host="blade", pid=17, expires_at="2999-01-01T00:00Z")
    return Connection.objects.create(id=uuid.uuid4(), user=team.participant, instance=instance)


# --- sessions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "before", "status", "change", "word"),
    [
        ("pause", "active", "paused", "paused", "1 session paused."),
        ("resume", "paused", "active", "resumed", "1 session resumed."),
        ("end", "active", "ended", "ended", "1 session ended."),
        ("end", "paused", "ended", "ended", "1 session ended."),
    ],
)
def test_an_operator_pauses_resumes_and_ends_sessions(
    operator: Client, team: Team, operation: str, before: str, status: str, change: str, word: str
) -> None:
    Session.objects.update(status=before)
    answer = act(operator, operation, team.session)
    team.session.refresh_from_db()
    assert (answer.status_code, team.session.status, told(answer)) == (302, status, [word])
    assert types(f"session:{team.session.pk}")[-1] == f"collaboration:session:{change}"
    assert types(f"project:{team.project.pk}")[-1] == f"collaboration:session:{change}"
    [entry] = entries(f"collaboration:session:{operation}")
    assert (entry.actor_name, entry.target) == ("olga", f"session:{team.session.pk}")
    assert entry.details["reason"] == REASON


def test_an_event_names_the_operator_as_its_author(operator: Client, team: Team) -> None:
    act(operator, "pause", team.session)
    assert events_of(f"session:{team.session.pk}")[-1]["by"]["name"] == "olga"


def test_many_sessions_are_acted_upon_and_refusals_keep_nobody_from_it(operator: Client, team: Team) -> None:
    paused, ended, last = (services.session_create(project=team.project, by=team.owner, name=n) for n in "pel")
    services.session_pause(session=paused.pk, by=team.owner)
    services.session_end(session=ended.pk, by=team.owner)
    answer = act(operator, "pause", team.session, paused, ended, last)
    assert told(answer) == [
        "2 sessions paused.",
        "1 session had nothing to change.",
        "e: The session has ended.",
    ]
    assert set(Session.objects.values_list("status", flat=True)) == {"paused", "ended"}
    assert len(entries("collaboration:session:pause")) == 2


def test_no_more_are_chosen_than_one_request_can_carry_out(
    operator: Client, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "AT_ONCE", 1)
    other = services.session_create(project=team.project, by=team.owner, name="other")
    answer = act(operator, "pause", team.session, other)
    assert told(answer) == ["Choose up to 1 at once; nothing was done."]
    assert not entries("collaboration:session:pause")


def test_many_refusals_are_counted_rather_than_listed(
    operator: Client, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "REFUSALS_SHOWN", 1)
    Session.objects.update(status="ended")
    other = services.session_create(project=team.project, by=team.owner, name="other")
    services.session_end(session=other.pk, by=team.owner)
    assert told(act(operator, "pause", team.session, other))[-1] == "1 more were refused."


# --- asking first ------------------------------------------------------------------------------------------------


def test_the_list_asks_before_anything_is_done(operator: Client, team: Team) -> None:
    answer = act(operator, "end", team.session, confirmed=False)
    shown = answer.content.decode()
    assert answer.status_code == 200
    for expected in ("Kick-off, active, 0 present", "over for good", 'name="reason"', f'value="{team.session.pk}"'):
        assert expected in shown, expected
    team.session.refresh_from_db()
    assert team.session.status == "active"


def test_the_page_of_a_row_offers_what_would_change_it(operator: Client, team: Team) -> None:
    url = page(Session, team.session.pk, "change")

    def offered() -> set[str]:
        shown = operator.get(url).content.decode()
        return {verb for verb in ("pause", "resume", "end") if page(Session, team.session.pk, verb) in shown}

    assert offered() == {"pause", "end"}
    services.session_pause(session=team.session.pk, by=team.owner)
    assert offered() == {"resume", "end"}
    services.session_end(session=team.session.pk, by=team.owner)
    assert offered() == set()


def test_the_button_of_a_row_leads_to_the_question_and_its_form_back_to_the_row(operator: Client, team: Team) -> None:
    url = page(Session, team.session.pk, "pause")
    assert "Kick-off" in operator.get(url).content.decode()
    answer = operator.post(url, {"confirmed": "pause", "reason": REASON})
    assert answer.headers["Location"] == page(Session, team.session.pk, "change")
    team.session.refresh_from_db()
    assert team.session.status == "paused"
    assert entries("collaboration:session:pause")[0].details == {"reason": REASON}


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
def test_no_other_method_than_post_changes_anything(operator: Client, team: Team, method: str) -> None:
    before = log.read(f"session:{team.session.pk}", after=0, limit=10).position
    for verb in ("pause", "end"):
        getattr(operator, method)(page(Session, team.session.pk, verb) + "?confirmed=" + verb)
        getattr(operator, method)(page(Session) + f"?action={verb}&_selected_action={team.session.pk}&confirmed={verb}")
    team.session.refresh_from_db()
    assert team.session.status == "active"
    assert log.read(f"session:{team.session.pk}", after=0, limit=10).position == before


def test_a_post_that_confirms_another_operation_only_asks(operator: Client, team: Team) -> None:
    assert operator.post(page(Session, team.session.pk, "end"), {"confirmed": "pause"}).status_code == 200
    team.session.refresh_from_db()
    assert team.session.status == "active"


def test_a_form_from_elsewhere_is_refused(team: Team) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("olga", "view", "change"))
    assert act(client, "end", team.session).status_code == 403
    assert client.post(page(Session, team.session.pk, "end"), {"confirmed": "end"}).status_code == 403
    team.session.refresh_from_db()
    assert team.session.status == "active"


def test_what_is_gone_or_was_never_there_is_not_found(operator: Client) -> None:
    assert operator.get(page(Session, uuid.uuid4(), "end")).status_code == 404
    assert operator.get(page(Session, "nonsense", "end")).status_code == 404


def test_a_reason_that_is_too_long_is_asked_for_again(operator: Client, team: Team) -> None:
    answer = operator.post(page(Session, team.session.pk, "end"), {"confirmed": "end", "reason": "x" * 501})
    assert "at most 500 characters" in answer.content.decode()
    assert not entries("collaboration:session:end")


def test_what_an_operator_says_is_escaped(operator: Client, team: Team) -> None:
    Session.objects.update(name="<b>bold</b>", status="ended")
    answer = operator.post(
        page(Session, team.session.pk, "end"), {"confirmed": "end", "reason": "<i>why</i>"}, follow=True
    )
    shown = answer.content.decode()
    assert "<b>bold</b>" not in shown
    assert "&lt;b&gt;bold&lt;/b&gt;: The session has ended." in shown


# --- participants ------------------------------------------------------------------------------------------------


def test_an_operator_changes_a_role(operator: Client, team: Team, place: Participant) -> None:
    answer = act(operator, "role", place, choice="moderator")
    place.refresh_from_db()
    assert (place.role, told(answer)) == ("moderator", ["1 participant given the role moderator."])
    event = events_of(f"session:{team.session.pk}")[-1]
    assert event["type"] == "collaboration:participant:updated"
    assert event["data"]["participant"]["role"] == "moderator"
    [entry] = entries("collaboration:participant:role")
    assert (entry.details["role"], entry.details["reason"]) == ("moderator", REASON)


def test_a_role_that_does_not_exist_is_asked_for_again(operator: Client, place: Participant) -> None:
    for wrong, told_so in (("emperor", "not one of the available choices"), ("", "This field is required")):
        answer = act(operator, "role", place, choice=wrong)
        assert answer.status_code == 200
        assert told_so in answer.content.decode()
    assert not entries("collaboration:participant:role")


def test_the_last_owner_stays_one(operator: Client, team: Team) -> None:
    owner = Participant.objects.get(user=team.owner)
    answer = act(operator, "role", owner, choice="observer")
    assert told(answer) == ["owner in Kick-off: A session keeps one owner; name another one first."]


def test_an_operator_removes_and_admits_again(operator: Client, team: Team, place: Participant) -> None:
    act(operator, "remove", place)
    place.refresh_from_db()
    assert (place.admission, place.present) == ("removed", False)
    assert types(f"session:{team.session.pk}")[-1] == "collaboration:participant:removed"
    act(operator, "admit", place)
    place.refresh_from_db()
    assert place.admission == "admitted"
    assert types(f"session:{team.session.pk}")[-1] == "collaboration:participant:updated"
    for verb in ("remove", "admit"):
        [entry] = entries(f"collaboration:participant:{verb}")
        assert (entry.target, entry.details["reason"]) == (f"user:{team.participant.pk}", REASON)


def test_an_operator_turns_away_whoever_waits_and_nobody_else(operator: Client, team: Team, place: Participant) -> None:
    asked = {"admission": "waiting", "asked_at": timezone.now()}
    waiting = Participant.objects.create(session=team.session, user=team.observer, **asked)
    answer = act(operator, "deny", waiting, place)
    waiting.refresh_from_db()
    assert waiting.admission == "denied"
    assert told(answer) == ["1 participant turned away.", f"{place}: That user does not wait to be let in."]
    assert len(entries("collaboration:participant:deny")) == 1


# --- invitations -------------------------------------------------------------------------------------------------


def test_an_operator_takes_an_invitation_back(operator: Client, team: Team) -> None:
    row, secret = services.invitation_create(session=team.session.pk, by=team.owner)
    assert told(act(operator, "revoke", row, reason="leaked")) == ["1 invitation revoked."]
    row.refresh_from_db()
    assert row.revoked_at is not None
    entry = entries("collaboration:invitation:revoke")[0]
    assert (entry.actor_name, entry.details["reason"]) == ("olga", "leaked")
    shown = operator.get(page(Invitation)).content.decode()
    assert "revoked" in shown
    assert secret not in shown


# --- who may only look -------------------------------------------------------------------------------------------


def test_who_may_only_look_sees_pages_without_actions(onlooker: Client, team: Team, place: Participant) -> None:
    for row in (team.session, place, team.participant):
        shown = onlooker.get(page(type(row), row.pk, "change")).content.decode()
        listed = onlooker.get(page(type(row)))
        assert listed.status_code == 200
        assert listed.context["action_form"] is None
        for verb in ("pause", "end", "remove", "role", "disable", "disconnect"):
            assert page(type(row), row.pk, verb) not in shown


def test_what_who_may_only_look_posts_does_nothing(
    onlooker: Client, team: Team, place: Participant, connection: Connection
) -> None:
    invitation, _ = services.invitation_create(session=team.session.pk, by=team.owner)
    before = AuditEntry.objects.count()
    attempts: list[tuple[Model, list[str]]] = [
        (team.session, ["pause", "resume", "end"]),
        (place, ["role", "admit", "deny", "remove"]),
        (connection, ["disconnect"]),
        (team.participant, ["disconnect", "sign_out", "disable", "enable"]),
        (invitation, ["revoke"]),
    ]
    for row, verbs in attempts:
        for verb in verbs:
            act(onlooker, verb, row, choice="moderator")
            url = page(type(row), row.pk, verb)
            assert onlooker.get(url).status_code == 403
            assert onlooker.post(url, {"confirmed": verb, "choice": "moderator"}).status_code == 403
    assert AuditEntry.objects.count() == before
    team.session.refresh_from_db()
    place.refresh_from_db()
    connection.refresh_from_db()
    assert (team.session.status, place.role, place.present, connection.cut_at) == ("active", None, True, None)


def test_the_right_to_act_on_one_kind_is_none_for_another(client: Client, team: Team, place: Participant) -> None:
    clerk = person("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="change_participant"))
    client.force_login(clerk)
    act(client, "remove", place)
    assert client.post(page(Session, team.session.pk, "end"), {"confirmed": "end"}).status_code == 403
    place.refresh_from_db()
    team.session.refresh_from_db()
    assert (place.admission, team.session.status) == ("removed", "active")
