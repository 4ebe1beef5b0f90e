"""The account pages of the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bduf_realtime.accounts.models import RevokedToken, User
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def test_users_are_listed_searched_and_filtered_by_kind(root: Client) -> None:
    person("ada", name="Ada Lovelace")
    person("scribe", kind="agent")
    assert root.get("/admin/accounts/user/", {"q": "Lovelace"}).context["cl"].result_count == 1
    assert root.get("/admin/accounts/user/", {"kind__exact": "agent"}).context["cl"].result_count == 1


def test_a_user_is_added_and_signs_in(root: Client) -> None:
    assert root.get("/admin/accounts/user/add/").status_code == 200
    form = {
        "username": "ci",
        "name": "CI",
        "kind": "service",
        "password1": "tower-7-bridge",
        "password2": "tower-7-bridge",
    }
    assert root.post("/admin/accounts/user/add/", form).status_code == 302
    added = User.objects.get(username="ci")
    assert (added.kind, added.check_password("tower-7-bridge")) == ("service", True)


def test_a_new_password_set_there_takes_tokens_back(root: Client) -> None:
    user = person(password="old")
    page = f"/admin/accounts/user/{user.pk}/password/"
    assert root.get(page).status_code == 200
    form = {"password1": "tower-7-bridge", "password2": "tower-7-bridge", "usable_password": "true"}
    assert root.post(page, form).status_code == 302
    user.refresh_from_db()
    assert user.check_password("tower-7-bridge")
    assert user.tokens_valid_after is not None


def test_a_person_who_acts_for_another_is_refused_in_the_form(root: Client) -> None:
    ada, grace = person("ada"), person("grace")
    page = f"/admin/accounts/user/{ada.pk}/change/"
    assert root.get(page).status_code == 200
    answer = root.post(page, {"username": "ada", "kind": "human", "acts_for": str(grace.pk), "is_active": "on"})
    assert answer.status_code == 200
    assert "only_agents_act_for_others" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.acts_for is None


def test_revoked_tokens_are_shown_and_neither_added_nor_changed(root: Client) -> None:
    row = RevokedToken.objects.create(jti="abc", user=person(), expires_at=timezone.now() + timedelta(hours=1))
    assert "abc" in root.get("/admin/accounts/revokedtoken/").content.decode()
    assert root.get("/admin/accounts/revokedtoken/add/").status_code == 403
    assert root.post(f"/admin/accounts/revokedtoken/{row.pk}/change/", {"jti": "x"}).status_code == 403


def test_who_is_not_staff_is_sent_to_the_sign_in_page(client: Client) -> None:
    client.force_login(person())
    for page in ("/admin/", "/admin/accounts/user/"):
        assert client.get(page).headers["Location"].startswith("/admin/login/")
