"""Signing in and out over REST: tokens, their rotation, and everything that is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import PreciseAccessToken, PreciseRefreshToken, read_access_token
from tests.people import Rest, person

pytestmark = pytest.mark.django_db
nobody = Rest


def sign_in(username: str, password: str, **extra: Any) -> tuple[int, Any]:
    return nobody().post("auth/token/", {"username": username, "password": password, **extra})


def refreshed(refresh: str) -> tuple[int, Any]:
    return nobody().post("auth/token/refresh/", {"refresh": refresh})


def as_bearer(token: str) -> int:
    return Rest(token=token).get("me/")[0]


@pytest.fixture
def ada() -> User:
    return person("ada", password="engine", name="Ada Lovelace", email="ada@example.org")


# --- signing in --------------------------------------------------------------------------------------------------


def test_a_password_is_traded_for_two_tokens(ada: User) -> None:
    status, answer = sign_in("ada", "engine")
    assert (status, set(answer)) == (200, {"access", "refresh"})
    assert read_access_token(answer["access"]).user_id == ada.pk
    assert as_bearer(answer["access"]) == 200
    assert as_bearer(answer["refresh"]) == 401
    ada.refresh_from_db()
    assert ada.last_login is not None


def test_me_says_who_the_caller_is(ada: User) -> None:
    assert Rest(ada).get("me/") == (
        200,
        {
            "id": str(ada.pk),
            "username": "ada",
            "name": "Ada Lovelace",
            "kind": "human",
            "acts_for": None,
            "email": "ada@example.org",
            "is_staff": False,
        },
    )
    agent = person(kind="agent", acts_for=ada)
    assert Rest(agent).get("me/")[1]["acts_for"] == str(ada.pk)


def test_an_unknown_user_a_wrong_password_and_a_disabled_account_get_the_same_answer(ada: User) -> None:
    person("off", password="engine", is_active=False)
    wrong, unknown, disabled = sign_in("ada", "wrong"), sign_in("nobody", "engine"), sign_in("off", "engine")
    assert wrong == unknown == disabled
    assert wrong[0] == 401
    assert wrong[1]["code"] == "auth.invalid"
    assert set(wrong[1]) == {"code", "message", "details"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "msg.missing_field"),
        ({"username": "ada"}, "msg.missing_field"),
        ({"username": "ada", "password": ""}, "msg.bad_value"),
        ({"username": "a\0", "password": "x"}, "msg.bad_text"),
        ([], "msg.bad_value"),
        ("ada", "msg.bad_value"),
    ],
)
def test_a_sign_in_without_its_fields_is_refused(body: Any, code: str) -> None:
    status, answer = nobody().post("auth/token/", body)
    assert (status, answer["code"]) == (400, code)


def test_a_lone_surrogate_as_username_is_refused() -> None:
    client = Client(raise_request_exception=False)
    body = '{"username": "\\ud800", "password": "x"}'
    answer = client.post("/api/v1/auth/token/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "msg.bad_text"


def test_wrong_passwords_are_limited_per_account_wherever_they_come_from(ada: User) -> None:
    for number in range(20):
        client = Rest(REMOTE_ADDR=f"10.0.0.{number}")
        assert client.post("auth/token/", {"username": "ADA", "password": "wrong"})[0] == 401
    response = Rest(REMOTE_ADDR="10.0.1.1").client.post(
        "/api/v1/auth/token/", {"username": "ada", "password": "engine"}, format="json"
    )
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 60
    answer = response.json()
    assert answer["code"] == "rate.limited"
    assert 0 < answer["details"]["retry_after_ms"] <= 60_000
    assert Rest(REMOTE_ADDR="10.0.1.1").post("auth/token/", {"username": "grace", "password": "x"})[0] == 401


def test_wrong_passwords_are_limited_per_address_whatever_the_account() -> None:
    for number in range(20):
        assert sign_in(f"guess{number}", "wrong")[0] == 401
    assert sign_in("guess20", "wrong")[0] == 429
    assert Rest(REMOTE_ADDR="10.0.0.1").post("auth/token/", {"username": "x", "password": "y"})[0] == 401


def test_a_forwarded_address_counts_only_behind_a_trusted_proxy() -> None:
    for number in range(20):
        Rest(HTTP_X_FORWARDED_FOR=f"10.0.0.{number}").post(
            "auth/token/", {"username": f"guess{number}", "password": "x"}
        )
    forged = Rest(HTTP_X_FORWARDED_FOR="10.0.9.9")
    assert forged.post("auth/token/", {"username": "guess", "password": "x"})[0] == 429


# --- refreshing --------------------------------------------------------------------------------------------------


def test_a_refresh_token_is_rotated_and_the_old_one_is_dead(ada: User) -> None:
    first = str(PreciseRefreshToken.for_user(ada))
    status, answer = refreshed(first)
    assert (status, set(answer)) == (200, {"access", "refresh"})
    assert as_bearer(answer["access"]) == 200
    assert refreshed(first)[0] == 401
    assert refreshed(answer["refresh"])[0] == 200
    assert refreshed(answer["refresh"])[0] == 401


def test_a_refreshed_access_token_is_as_young_as_it_looks(ada: User) -> None:
    refresh = PreciseRefreshToken.for_user(ada)
    access = refreshed(str(refresh))[1]["access"]
    assert (read_access_token(access).issued_at or 0) > refresh["iat"]


def test_a_new_password_takes_access_and_refresh_tokens_back(ada: User) -> None:
    answer = sign_in("ada", "engine")[1]
    ada.set_password("difference")
    ada.save()
    assert Rest(token=answer["access"]).get("me/")[1]["code"] == "auth.revoked"
    status, refused = refreshed(answer["refresh"])
    assert (status, refused["code"]) == (401, "auth.invalid")
    again = sign_in("ada", "difference")[1]
    assert as_bearer(again["access"]) == 200
    assert refreshed(again["refresh"])[0] == 200


def test_a_disabled_user_cannot_refresh(ada: User) -> None:
    refresh = str(PreciseRefreshToken.for_user(ada))
    User.objects.filter(pk=ada.pk).update(is_active=False)
    status, answer = refreshed(refresh)
    assert (status, answer["code"]) == (401, "auth.invalid")


def test_a_deleted_user_cannot_refresh(ada: User) -> None:
    refresh = str(PreciseRefreshToken.for_user(ada))
    ada.delete()
    status, answer = refreshed(refresh)
    assert (status, answer["code"]) == (401, "auth.invalid")


def test_what_is_no_refresh_token_is_not_refreshed(ada: User) -> None:
    for raw in ("x", "a.b.c", str(PreciseAccessToken.for_user(ada))):
        status, answer = refreshed(raw)
        assert (status, answer["code"]) == (401, "auth.invalid")
    assert refreshed("")[0] == 400


# --- the bearer at every door ------------------------------------------------------------------------------------


def test_a_bearer_that_is_not_accepted_is_told_why_and_how(ada: User) -> None:
    response = Rest(token="a.b.c").client.get("/api/v1/me/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json() == {"code": "auth.invalid", "message": "The token is not valid.", "details": {}}
    expired = PreciseAccessToken.for_user(ada)
    expired["exp"] = expired["iat"] - 1
    assert Rest(token=str(expired)).get("me/")[1]["code"] == "auth.expired"
    User.objects.filter(pk=ada.pk).update(is_active=False)
    status, answer = Rest(ada).get("me/")
    assert (status, answer["code"]) == (401, "auth.invalid")
    assert "disabled" in answer["message"]


def test_nobody_gets_nowhere() -> None:
    for path in ("me/", "projects/", "sessions/"):
        status, answer = nobody().get(path)
        assert (status, answer["code"]) == (401, "auth.invalid")


def test_another_scheme_is_no_bearer(ada: User) -> None:
    caller = Rest()
    caller.client.credentials(HTTP_AUTHORIZATION=f"Token {PreciseAccessToken.for_user(ada)}")
    assert caller.get("me/")[0] == 401


# --- socket tokens -----------------------------------------------------------------------------------------------


def test_a_page_trades_its_session_and_csrf_token_for_a_socket_token(ada: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    page = "/api/v1/auth/socket-token/"
    browser.get("/admin/login/")  # any page with a form brings the cookie
    secret = browser.cookies["csrftoken"].value
    assert browser.post(page, content_type="application/json").status_code == 403
    response = browser.post(page, content_type="application/json", headers={"X-CSRFToken": secret})
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"token", "expires_at"}
    assert answer["expires_at"].endswith("Z")
    assert read_access_token(answer["token"]).user_id == ada.pk
    assert as_bearer(answer["token"]) == 200


def test_a_page_signs_in_and_out_with_its_csrf_token(ada: User) -> None:
    ada.set_password("tower-7-bridge")
    ada.save()
    browser = Client(enforce_csrf_checks=True)
    said = {"username": ada.username, "password": "tower-7-bridge"}
    kind: dict[str, Any] = {"content_type": "application/json"}
    assert browser.post("/api/v1/auth/page/", said, **kind).status_code == 403
    browser.get("/")
    kind["headers"] = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    wrong = browser.post("/api/v1/auth/page/", said | {"password": "x"}, **kind)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "auth.invalid")
    assert browser.post("/api/v1/auth/page/", said, **kind).status_code == 204
    assert browser.get("/api/v1/me/").json()["username"] == ada.username
    assert 'data-signed-in="yes"' in browser.get("/").content.decode()
    kind["headers"] = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert browser.delete("/api/v1/auth/page/", **kind).status_code == 204
    assert browser.get("/api/v1/me/").status_code == 401


def test_a_socket_token_needs_a_session_not_a_bearer(ada: User) -> None:
    for caller in (Rest(ada), nobody()):
        status, answer = caller.post("auth/socket-token/")
        assert (status, answer["code"]) == (401, "auth.invalid")


def test_a_session_is_not_enough_to_change_anything_without_the_csrf_token(ada: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    response = browser.post("/api/v1/projects/", {"name": "x"}, content_type="application/json")
    assert response.status_code == 403
    assert response.json()["code"] == "perm.denied"


# --- signing out -------------------------------------------------------------------------------------------------


def test_signing_out_takes_the_callers_token_back_alone(ada: User) -> None:
    here, elsewhere = Rest(ada), Rest(ada)
    assert here.post("auth/sign-out/") == (204, None)
    assert here.get("me/")[1]["code"] == "auth.revoked"
    assert elsewhere.get("me/")[0] == 200


def test_signing_out_everywhere_takes_all_back(ada: User) -> None:
    here, elsewhere = Rest(ada), Rest(ada)
    refresh = str(PreciseRefreshToken.for_user(ada))
    assert here.post("auth/sign-out/", {"everywhere": True}) == (204, None)
    assert here.get("me/")[1]["code"] == elsewhere.get("me/")[1]["code"] == "auth.revoked"
    assert refreshed(refresh)[0] == 401


def test_signing_out_everywhere_ends_the_sessions_of_pages(ada: User) -> None:
    browser = Client()
    browser.force_login(ada)
    assert browser.post("/api/v1/auth/socket-token/").status_code == 200
    assert Rest(ada).post("auth/sign-out/", {"everywhere": True})[0] == 204
    assert browser.post("/api/v1/auth/socket-token/").status_code == 401


def test_a_page_that_signs_out_by_its_session_has_no_token_to_take_back(ada: User) -> None:
    browser = Client()
    browser.force_login(ada)
    token = Rest(ada)
    assert browser.post("/api/v1/auth/sign-out/", content_type="application/json").status_code == 204
    assert token.get("me/")[0] == 200


@pytest.mark.parametrize("body", [{"everywhere": "maybe"}, {"everywhere": None}, [], "everywhere", 1], ids=str)
def test_what_does_not_say_whether_to_sign_out_everywhere_signs_nobody_out(ada: User, body: Any) -> None:
    caller = Rest(ada)
    status, answer = caller.post("auth/sign-out/", body)
    assert (status, answer["code"]) == (400, "msg.bad_value")
    assert caller.get("me/")[0] == 200
