"""The pages of requests and policies: what they show, what operators do from them, and what is wrong in a policy."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import services, sheet
from approvals.models import Approval, Comment, Policy, PolicyVersion
from approvals.services import policies
from approvals.services.rules import rules_read
from bduf_realtime.gateway.errors import RealtimeError
from tests.approvals.asking import ask, decide, stored, told
from tests.approvals.test_sheet import HOSTILE
from tests.collaboration.conftest import Team
from tests.collaboration.writing import create
from tests.operators import REASON, act, entries, page, staff
from tests.operators import told as shown_to
from tests.people import person

pytestmark = pytest.mark.django_db
RULES = {"stages": [{"name": "Review", "who": {"users": ["moderator"]}}]}


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(staff("olga", "view", "change", "add"))
    return client


@pytest.fixture
def onlooker(client: Client) -> Client:
    client.force_login(staff("otto", "view"))
    return client


def text(client: Client, url: str, **query: object) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200, (url, answer.status_code)
    return str(answer.content.decode())


# --- requests ----------------------------------------------------------------------------------------------------


def test_the_list_says_where_every_request_is_and_why(onlooker: Client, team: Team) -> None:
    ask(team, title="Release 2", approvers=["moderator"], due_at="2999-01-01T00:00:00Z")
    decide(ask(team, title="Release 1"), team.owner)
    shown = text(onlooker, page(Approval))
    for expected in (
        *["Release 2", "Release 1", "pending", "approved", "1 of 1", "Approved by owner."],
        "Needs 1 more approval (waiting for moderator).",
    ):
        assert expected in shown, expected
    assert "Release 1" not in text(onlooker, page(Approval), state__exact="pending")
    assert "Release 2" in text(onlooker, page(Approval), q=str(team.project.pk))


def test_a_list_costs_the_same_however_long_it_is(onlooker: Client, team: Team) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as context:
            text(onlooker, page(Approval))
        return len(context)

    document = create(team)
    ask(team, about=document)
    one = cost()
    for number in range(10):
        decide(ask(team, title=f"{number}", about=document, approvers=["owner", "moderator"]), team.owner)
    assert cost() == one


def test_the_page_of_a_request_shows_votes_words_and_timers(onlooker: Client, team: Team) -> None:
    document = create(team, content="One.")
    policy = services.policy_create(project=team.project.pk, name="Releases", rules=rules_read(RULES), by=team.owner)
    asked = ask(team, about=document, policy=str(policy.pk), description="All of it.", payload={"build": 7})
    row = stored(asked)
    decide(asked, team.moderator, comment="Well done.")
    Comment.objects.create(approval=row, author="x", author_name="Ann", body="Why now?", round=1)
    shown = text(onlooker, page(Approval, row.pk, "change"))
    for expected in (
        *["Approved by moderator.", "All of it.", "&quot;build&quot;: 7", "Well done.", "Why now?", "Releases, 1"],
        *["1, Review", asked.content_hash, "Review: 1 approval, from moderator.", "Audit entries"],
        *[page(Policy, policy.pk)[:-1].rpartition("/")[0].replace("policy", "policyversion")],
    ):
        assert expected in shown, expected
    assert text(onlooker, page(Approval, row.pk, "tables")).count("Well done.") == 1


def test_an_operator_reads_the_sheet_of_any_request(onlooker: Client, team: Team) -> None:
    url = page(Approval, stored(ask(team, title="Release 2")).pk, "sheet", "html")
    answer = onlooker.get(url)
    assert (answer.status_code, answer["Content-Security-Policy"]) == (200, sheet.POLICY)
    assert "for otto." in answer.content.decode()
    assert onlooker.get(url.replace("html", "markdown"))["Content-Type"].startswith("text/markdown")
    assert onlooker.get(url.replace("html", "pdf")).status_code == 404
    onlooker.force_login(staff("nobody"))
    assert onlooker.get(url).status_code == 404


@pytest.mark.parametrize(
    ("operation", "state", "event"), [("cancel", "cancelled", "cancelled"), ("bypass", "bypassed", "updated")]
)
def test_an_operator_ends_a_request_and_says_why(
    operator: Client, team: Team, operation: str, state: str, event: str
) -> None:
    asked = ask(team)
    answer = act(operator, operation, stored(asked))
    row = stored(asked)
    assert (row.state, row.reason, shown_to(answer)) == (state, REASON, [f"1 approval {state}."])
    assert told(team)[-1] == event
    [entry] = entries(f"approval:{operation}")
    assert (entry.actor_name, entry.target, entry.details["reason"]) == ("olga", f"approval:{row.pk}", REASON)


@pytest.mark.parametrize("operation", ["cancel", "bypass"])
def test_nothing_is_ended_without_a_reason_or_twice_or_by_onlookers(
    operator: Client, team: Team, operation: str
) -> None:
    asked = ask(team)
    answer = act(operator, operation, stored(asked), reason="  ")
    assert (answer.status_code, "This field is required." in answer.content.decode()) == (200, True)
    assert stored(asked).state == "pending"
    operator.force_login(staff("otto", "view"))
    act(operator, operation, stored(asked))
    assert stored(asked).state == "pending"
    decide(asked, team.owner)
    operator.force_login(staff("oskar", "view", "change"))
    act(operator, operation, stored(asked))
    assert stored(asked).state == "approved"


def test_the_first_page_counts_what_is_pending_for_those_who_may_see_it(onlooker: Client, team: Team) -> None:
    ask(team)
    assert re.search(r"Pending approvals.*?1", text(onlooker, "/admin/"), re.DOTALL)
    onlooker.force_login(person("clerk", is_staff=True))
    assert "Pending approvals" not in text(onlooker, "/admin/")


def test_what_people_wrote_is_text(operator: Client, team: Team) -> None:
    asked = ask(team, title=HOSTILE[0], description=HOSTILE[1], payload=HOSTILE[0])
    Comment.objects.create(approval=stored(asked), author="x", author_name=HOSTILE[1], body=HOSTILE[0], round=1)
    for url in (page(Approval), page(Approval, asked.id, "change"), page(Approval, asked.id, "cancel")):
        shown = text(operator, url)
        assert "&lt;script&gt;" in shown
        assert not any(written in shown for written in HOSTILE[:2])


# --- policies ----------------------------------------------------------------------------------------------------


def submit(client: Client, policy: Policy | None = None, rules: Any = RULES, **fields: Any) -> Any:
    """Sends the form of a policy."""
    written = rules if isinstance(rules, str) else json.dumps(rules)
    url = page(Policy, policy.pk, "change") if policy else page(Policy, "add")
    return client.post(url, {"name": "Releases", "rules": written, "reason": REASON, **fields})


def problems(answer: Any) -> dict[str, list[str]]:
    """What a form says is wrong with it, by field."""
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


@pytest.fixture
def policy(team: Team) -> Policy:
    return services.policy_create(project=team.project.pk, name="Releases", rules=rules_read(RULES), by=team.owner)


def test_an_operator_sets_a_policy_up(operator: Client, team: Team) -> None:
    answer = submit(operator, project=team.project.pk, is_default="on")
    assert answer.status_code == 302, problems(answer)
    [made] = Policy.objects.all()
    assert (made.name, made.is_default, made.versions.get().rules["stages"][0]["who"]["users"]) == (
        *("Releases", True),
        [str(team.moderator.pk)],
    )
    [entry] = entries("approval:policy:create")
    assert (entry.actor_name, entry.details) == ("olga", {"name": "Releases", "default": True, "version": 1})


def test_other_rules_become_a_new_version(operator: Client, team: Team, policy: Policy) -> None:
    changed = {"stages": [{"who": {"role": "owner"}, "need": "all"}]}
    assert submit(operator, policy, changed, name="Other").status_code == 302
    policy.refresh_from_db()
    assert (policy.name, policy.versions.count()) == ("Other", 2)
    [entry] = entries("approval:policy:change")
    assert entry.details == {"name": "Other", "version": 2, "reason": REASON}
    shown = text(operator, page(Policy, policy.pk, "change"))
    for expected in ("approval of all who do not abstain", "1 approval, from moderator", page(PolicyVersion)):
        assert expected in shown.replace("Approval of all", "approval of all"), expected


def test_the_form_begins_with_what_the_policy_says_and_saves_it_unchanged(operator: Client, policy: Policy) -> None:
    form = operator.get(page(Policy, policy.pk, "change")).context["adminform"].form
    assert json.loads(form["rules"].value())["stages"][0]["who"] == {"users": ["moderator"]}
    assert submit(operator, policy, form["rules"].value()).status_code == 302
    assert policy.versions.count() == 1
    assert entries("approval:policy:change") == []


def test_another_default_takes_the_place_of_the_former(operator: Client, team: Team, policy: Policy) -> None:
    services.policy_change(policy=policy.pk, by=team.owner, is_default=True)
    assert submit(operator, project=team.project.pk, name="Second", is_default="on").status_code == 302
    assert list(Policy.objects.filter(is_default=True).values_list("name", flat=True)) == ["Second"]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("{\n  oops", "Line 2, column 3: Expecting property name enclosed in double quotes."),
        ('{"stages": [], "stages": []}', "An object has the same key twice."),
        ([], "Expected `object`, got `array`"),
        ({"stages": []}, "stages: Expected `array` of length >= 1"),
        ({"stages": [{"who": {}, "need": "some"}]}, "stages[0].need: "),
        ({"stages": [{"who": {"users": ["nobody"]}}]}, "stages[0].who.users[0]: nobody cannot decide"),
        ({"stages": [{"who": {"role": "owner"}, "color": 1}]}, "stages[0].color: The command has no such field."),
    ],
)
def test_what_is_wrong_in_the_rules_is_said_where_it_stands(
    operator: Client, team: Team, rules: Any, problem: str
) -> None:
    found = problems(submit(operator, project=team.project.pk, rules=rules))
    assert list(found) == ["rules"]
    assert problem in found["rules"][0]
    assert not Policy.objects.exists()


def test_a_name_that_is_taken_is_said_at_the_name(operator: Client, team: Team, policy: Policy) -> None:
    assert problems(submit(operator, project=team.project.pk)) == {"name": ["There is a policy of that name."]}


def test_what_a_policy_would_say_is_told_without_saving_it(operator: Client, team: Team, policy: Policy) -> None:
    changed = {"stages": [{"who": {"users": ["moderator"]}}], "expires_after": 3_600}
    [said] = problems(submit(operator, policy, changed, preview="on")).values()
    assert said[0].startswith("Nothing is saved yet.")
    assert said[1].startswith("1 approval, from moderator.")
    assert "It expires after 1 hour." in said
    assert policy.versions.count() == 1
    assert entries("approval:policy:change") == []


def test_a_limit_of_the_server_is_said_above_the_form(
    operator: Client, team: Team, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> int:
        raise RealtimeError("quota.exceeded")

    monkeypatch.setattr(policies, "_say", full)
    changed = {"stages": [{"who": {"role": "owner"}}]}
    assert problems(submit(operator, policy, changed)) == {"__all__": ["A limit of this server is reached."]}


def test_an_operator_archives_a_policy_which_is_then_only_looked_at(operator: Client, policy: Policy) -> None:
    assert shown_to(act(operator, "archive", policy)) == ["1 policy archived."]
    policy.refresh_from_db()
    assert policy.archived_at is not None
    assert "Review: 1 approval, from moderator." in text(operator, page(Policy, policy.pk, "change"))
    assert submit(operator, policy).status_code == 403
    assert operator.post(page(Policy, policy.pk, "delete"), {"post": "yes"}).status_code == 403


def test_onlookers_read_policies_and_change_nothing(onlooker: Client, team: Team, policy: Policy) -> None:
    assert "Releases" in text(onlooker, page(Policy))
    assert "1 approval, from moderator." in text(onlooker, page(Policy, policy.pk, "change"))
    version = policy.versions.get()
    assert "1 approval, from moderator." in text(onlooker, page(PolicyVersion, version.pk, "change"))
    assert submit(onlooker, policy).status_code == 403
    assert submit(onlooker, project=team.project.pk).status_code == 403
    assert onlooker.get(page(PolicyVersion, "add")).status_code == 403
