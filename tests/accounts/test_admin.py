"""The account pages of the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
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


# --- rights are given by superusers only ---------------------------------------------------------------------------


@pytest.fixture
def clerk(client: Client) -> Client:
    """Staff who may do everything with accounts that Django gives leave to."""
    user = person("clerk", is_staff=True, password="x")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))
    client.force_login(user)
    return client


def test_staff_who_change_accounts_make_nobody_a_superuser_or_staff(clerk: Client) -> None:
    user = person("ada")
    page = f"/admin/accounts/user/{user.pk}/change/"
    rights = Permission.objects.get(codename="delete_user").pk
    form = {"username": "ada", "kind": "human", "name": "Ada", "is_staff": "on", "is_superuser": "on"}
    assert clerk.post(page, {**form, "user_permissions": [rights]}).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.is_staff, user.is_superuser, user.user_permissions.count()) == ("Ada", False, False, 0)
    assert 'name="is_superuser"' not in clerk.get(page).content.decode()


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}], ids=["staff", "superuser"])
def test_staff_take_over_no_account_that_has_rights(clerk: Client, rights: dict[str, bool]) -> None:
    target = person("boss", password="boss-secret-9", **rights)
    pages = f"/admin/accounts/user/{target.pk}"
    assert clerk.get(f"{pages}/change/").status_code == 200
    assert clerk.post(f"{pages}/change/", {"username": "mine", "kind": "human"}).status_code == 403
    passwords = {"password1": "tower-7-bridge", "password2": "tower-7-bridge", "usable_password": "true"}
    assert clerk.post(f"{pages}/password/", passwords).status_code == 403
    assert clerk.post(f"{pages}/delete/", {"post": "yes"}).status_code == 403
    clerk.post("/admin/accounts/user/", {"action": "delete_selected", "_selected_action": [target.pk], "post": "yes"})
    target.refresh_from_db()
    assert target.username == "boss"
    assert target.check_password("boss-secret-9")


def test_staff_raise_themselves_no_more_than_others(clerk: Client) -> None:
    own = User.objects.get(username="clerk")
    form = {"username": "clerk", "kind": "human", "is_superuser": "on", "is_staff": "on"}
    assert clerk.post(f"/admin/accounts/user/{own.pk}/change/", form).status_code == 403
    own.refresh_from_db()
    assert not own.is_superuser


def test_superusers_give_rights(root: Client) -> None:
    user = person("ada")
    right = Permission.objects.get(codename="view_user")
    form = {"username": "ada", "kind": "human", "is_staff": "on", "user_permissions": [right.pk]}
    assert root.post(f"/admin/accounts/user/{user.pk}/change/", form).status_code == 302
    user.refresh_from_db()
    assert user.is_staff
    assert user.has_perm("accounts.view_user")


def test_guests_are_shown_as_guests_and_filtered(root: Client) -> None:
    person("guest-1", name="Visitor (guest)", is_guest=True)
    answer = root.get("/admin/accounts/user/", {"is_guest__exact": "1"})
    assert answer.context["cl"].result_count == 1
    assert "guest" in answer.content.decode()
