"""Signing in under attack: guesses all look alike and are soon too many, and a page's session opens no side door."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from bduf_realtime.gateway.conf import Conf
from tests.hostile.conftest import LOGINS_PER_MINUTE
from tests.hostile.target import Target
from tests.hostile.wire import Answer, Header
from tests.live import Live

pytestmark = pytest.mark.live

PASSWORD = "correct horse battery staple"
SIGN_IN = "/api/v1/auth/token/"
SOCKET_TOKEN = "/api/v1/auth/socket-token/"
CSRF = "c" * 32
SCRIPT = f"""
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from bduf_realtime.accounts.models import User
ada = User.objects.create_user("ada", password={PASSWORD!r})
User.objects.create_user("gone", password={PASSWORD!r}, is_active=False)
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY] = str(ada.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[HASH_SESSION_KEY] = ada.get_session_auth_hash()
session.create()
print(ada.pk, session.session_key)
"""


@dataclass
class Ada:
    """Somebody who signs in with a password, and a page she is logged in on."""

    id: str
    session: str

    def page(self, *headers: Header, csrf: str = CSRF) -> list[Header]:
        """What her browser sends along."""
        cookie = f"sessionid={self.session}; csrftoken={CSRF}"
        return [("Cookie", cookie), *([("X-CSRFToken", csrf)] if csrf else []), *headers]


@pytest.fixture(scope="module")
def ada(strictly_limited: Live) -> Ada:
    return Ada(*strictly_limited.deployment.shell(SCRIPT).split())


def sign_in(target: Target, username: str, password: str, *headers: Header, source: str) -> Answer:
    body = {"username": username, "password": password}
    return target.http("POST", SIGN_IN, headers, body, source=source)


def processor_time(target: Target) -> float:
    """Seconds of processor time that the server has used."""
    fields = Path(f"/proc/{target.server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_twenty_guesses_a_minute_are_the_limit_out_of_the_box() -> None:
    assert Conf().rate_login == "20/min"


def test_guesses_all_look_alike_and_are_soon_too_many(strict: Target, ada: Ada) -> None:
    here, elsewhere, home = "127.0.0.1", "127.0.0.2", "127.0.0.3"
    # Who exists, who does not and who is disabled cannot be told apart, neither by the answer nor by its price.
    answers, prices = [], []
    for name, password in (("ada", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD)):
        before = processor_time(strict)
        answers.append(sign_in(strict, name, password, source=here))
        prices.append(processor_time(strict) - before)
    assert len(answers) == LOGINS_PER_MINUTE
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}
    assert json.loads(answers[0].body)["code"] == "auth.invalid"
    assert min(prices) > max(prices) / 3
    # This address has had its tries, whatever it says its address is, even with the right password.
    for headers in ([], [("X-Forwarded-For", "203.0.113.7")]):
        answer = sign_in(strict, "ada", PASSWORD, *headers, source=here)
        assert (answer.status, json.loads(answer.body)["code"]) == (429, "rate.limited")
        assert 0 < int(answer.headers["retry-after"]) <= 60
    # So has the account, whatever address it is tried from and however it is spelled.
    for name in ("ada", "ADA"):
        assert sign_in(strict, name, PASSWORD, source=elsewhere).status == 429
    # Others are not locked out.
    assert sign_in(strict, "somebody", "wrong", source=home).status == 401
    for secret in ("wrong", PASSWORD):
        assert secret not in strict.log


def test_nonsense_for_a_login_is_refused(strict: Target) -> None:
    nonsense = [[], "ada", {"username": "eve"}, {"username": {"$ne": ""}, "password": [""]}, {"username": "\0"}]
    for number, body in enumerate(nonsense):
        answer = strict.http("POST", SIGN_IN, body=body, source=f"127.0.0.{10 + number}")
        assert answer.status == 400
        assert json.loads(answer.body)["code"].startswith("msg.")


def test_a_pages_session_is_traded_for_a_short_lived_token(strict: Target, ada: Ada) -> None:
    answer = strict.http("POST", SOCKET_TOKEN, ada.page(), {})
    assert answer.status == 200, answer
    assert answer.headers["cache-control"] == "no-store"
    traded = json.loads(answer.body)
    left = datetime.fromisoformat(traded["expires_at"]).timestamp() - time.time()
    assert 0 < left <= Conf().socket_token_lifetime + 1
    connected = strict.accepted(token=traded["token"]).expect("connected")
    assert connected["data"]["user"]["id"] == ada.id


def test_a_pages_session_is_not_traded_for_another_page(strict: Target, ada: Ada) -> None:
    foreign = ("Origin", "https://evil.example")
    attempts = {
        "no session": [],
        "another's session": [("Cookie", f"sessionid={'0' * 32}; csrftoken={CSRF}"), ("X-CSRFToken", CSRF)],
        "no CSRF token": ada.page(csrf=""),
        "a wrong CSRF token": ada.page(csrf="d" * 32),
        "a foreign page": ada.page(foreign),
        "an access token": [("Authorization", f"Bearer {strict.person().token}")],
    }
    for why, headers in attempts.items():
        answer = strict.http("POST", SOCKET_TOKEN, headers, {})
        assert answer.status in (401, 403), why
        assert "token" not in json.loads(answer.body), why
    assert strict.http("GET", SOCKET_TOKEN, ada.page()).status == 405


def test_a_pages_session_opens_no_socket_by_itself(strict: Target, ada: Ada) -> None:
    own, foreign = f"http://127.0.0.1:{strict.port}", "https://evil.example"
    assert strict.refusal(headers=ada.page()).status == 403
    assert strict.refusal(headers=ada.page(("Origin", foreign))).status == 403
    wire = strict.accepted(headers=ada.page(("Origin", own)))
    wire.send({"type": "room:join", "id": "1", "data": {"room": f"user:{ada.id}"}})
    ending = wire.ending()
    assert (ending.codes, ending.code) == (["auth.invalid"], 4400)
