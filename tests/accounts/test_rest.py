"""Who calls: by token or by a page's session, and nobody for what is neither."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from bduf_realtime.accounts import rest
from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.rest import TokenAuthentication, caller
from tests.people import Rest, person

pytestmark = pytest.mark.django_db


def test_a_token_goes_before_a_session(client: Client) -> None:
    ada, grace = person("ada"), person("grace")
    client.force_login(grace)
    token = Rest(ada).client._credentials["HTTP_AUTHORIZATION"]
    assert client.get("/api/v1/me/").json()["username"] == "grace"
    assert client.get("/api/v1/me/", headers={"authorization": token}).json()["username"] == "ada"
    assert client.get("/api/v1/me/", headers={"authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer  a b", "bearer \xff", "Bearer " + "a" * 60_000])
def test_a_header_that_holds_no_token_is_refused(header: str) -> None:
    response = Rest().client.get("/api/v1/me/", headers={"authorization": header})
    assert (response.status_code, response.json()["code"]) == (401, "auth.invalid")
    assert response["WWW-Authenticate"] == 'Bearer realm="bduf_realtime"'


def test_a_session_that_is_none_is_told_401() -> None:
    response = Rest().client.post("/api/v1/auth/socket-token/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Session")


def test_a_user_who_is_deleted_in_the_middle_of_a_call_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = person("ada")
    token = Rest(ada)
    judge = rest.identify

    def judge_and_delete(claims: Any) -> Any:
        identity = judge(claims)
        User.objects.filter(pk=ada.pk).delete()
        return identity

    monkeypatch.setattr(rest, "identify", judge_and_delete)
    status, answer = token.get("me/")
    assert (status, answer["code"]) == (401, "auth.invalid")


def test_a_call_of_nobody_has_no_caller() -> None:
    class Call:
        user = AnonymousUser()

    with pytest.raises(AssertionError):
        caller(Call())  # type: ignore[arg-type]
    assert TokenAuthentication().authenticate_header(Call()).startswith("Bearer")  # type: ignore[arg-type]
