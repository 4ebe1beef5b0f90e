"""The door: which handshakes are let in (A1-A4, A16-A20), and what a credential means."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import Identity, PreciseAccessToken, TokenRefused
from bduf_realtime.gateway.auth import (
    PROTOCOL,
    Handshake,
    HandshakeRefused,
    authenticate_many,
    judge,
    read_handshake,
    refusal,
)
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.models import Connection, Instance
from tests.people import person

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln"


def scope(*headers: tuple[str, str], query: str = "", host: str = "localhost:8000", **extra: Any) -> dict[str, Any]:
    named = [("host", host), *headers] if host else list(headers)
    return {
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named],
        "query_string": query.encode("latin-1"),
        "scheme": "ws",
        "client": ("127.0.0.1", 5000),
        **extra,
    }


def read(*headers: tuple[str, str], **options: Any) -> Handshake:
    return read_handshake(scope(*headers, **options))


def refused(*headers: tuple[str, str], **options: Any) -> str:
    with pytest.raises(HandshakeRefused) as error:
        read(*headers, **options)
    return str(error.value.args[0])


# --- credentials of a handshake ----------------------------------------------------------------------------------


def test_a_handshake_without_a_credential_may_say_hello_first() -> None:
    assert read(("user-agent", "x" * 300)) == Handshake(None, None, True, "127.0.0.1", "x" * 255)


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc "])
def test_the_authorization_header_carries_a_token(header: str) -> None:
    assert read(("authorization", header)).credential == "abc"


def test_another_authorization_scheme_is_judged_as_a_token_and_not_passed_over() -> None:
    assert read(("authorization", "Basic abc")).credential == "Basic abc"
    assert read(("authorization", "")).credential == ""


@pytest.mark.parametrize(
    ("offered", "credential", "chosen", "supported"),
    [
        ("bduf.v1, bearer.abc", "abc", "bduf.v1", True),
        ("bearer.abc,bduf.v1", "abc", "bduf.v1", True),
        ("bearer.abc", "abc", None, True),
        ("bduf.v99, bearer.abc", "abc", "bduf.v99", False),
        ("bduf.v99, bduf.v1", None, "bduf.v1", True),
        (" , ,", None, None, True),
    ],
)
def test_the_subprotocols_carry_a_token_and_the_version(
    offered: str, credential: str | None, chosen: str | None, supported: bool
) -> None:
    handshake = read(("sec-websocket-protocol", offered))
    assert (handshake.credential, handshake.subprotocol, handshake.supported) == (credential, chosen, supported)


def test_subprotocols_may_come_in_several_headers() -> None:
    handshake = read(("Sec-WebSocket-Protocol", PROTOCOL), ("sec-websocket-protocol", "bearer.abc"))
    assert (handshake.credential, handshake.subprotocol) == ("abc", PROTOCOL)


def test_the_header_goes_before_the_subprotocol() -> None:
    assert read(("authorization", "Bearer one"), ("sec-websocket-protocol", "bearer.two")).credential == "one"


@pytest.mark.parametrize(
    "query",
    [
        *["token=x", "access_token=x", "a=1&TOKEN=x", "auth_token=x", "jwt=x", "authorization=x", "bearer=x", "token"],
        *["%74oken=x", "socketToken=x", f"a={JWT}", f"a=%65{JWT[1:]}", "id_token=x"],
    ],
)
def test_a_token_in_the_url_is_refused(query: str) -> None:
    assert refused(query=query) == "token_in_url"


@pytest.mark.parametrize("query", ["", "v=1", "room=token", "tokens=1&page=2", "a=eyJ"])
def test_another_query_is_of_no_interest(query: str) -> None:
    assert read(query=query).credential is None


def test_a_cookie_is_no_credential() -> None:
    cookie = ("cookie", "sessionid=abc")
    assert refused(cookie) == "cookie"
    assert read(cookie, ("authorization", "Bearer abc")).credential == "abc"
    assert read(cookie, ("origin", "http://localhost:8000")).credential is None


# --- origin and host ---------------------------------------------------------------------------------------------


def test_a_page_of_this_very_server_may_connect() -> None:
    assert read(("origin", "http://localhost:8000")).supported
    assert read(("origin", "https://localhost:8000"), scheme="wss").supported


@pytest.mark.parametrize(
    "origin",
    [
        *["https://evil.example", "null", "", "http://localhost", "http://localhost:80", "https://localhost:8000"],
        *["http://LOCALHOST:8000", "http://localhost:8000.", "http://localhost.:8000", "http://localhost:8000/"],
        *["http://localhost:8000@evil.example", "http://evil.example@localhost:8000", "file://", "localhost:8000"],
    ],
)
def test_a_page_of_anywhere_else_is_refused(origin: str) -> None:
    assert refused(("origin", origin), ("authorization", "Bearer abc")) == "origin"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("https://app.example.com.evil.io", False),
        ("https://evilapp.example.com", False),
        ("http://app.example.com", False),
        ("https://app.example.com:444", False),
        ("https://app@evil.example", False),
        ("https://APP.example.com", False),
        ("http://localhost:8000", False),
    ],
)
def test_listed_origins_are_matched_exactly(settings: Any, origin: str, allowed: bool) -> None:
    settings.ALLOWED_ORIGINS = ["https://app.example.com"]
    if allowed:
        assert read(("origin", origin)).supported
    else:
        assert refused(("origin", origin)) == "origin"


def test_a_wildcard_allows_any_origin(settings: Any) -> None:
    settings.ALLOWED_ORIGINS = ["*"]
    assert read(("origin", "https://evil.example")).supported


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1.evil.example", "localhost:8000@evil", "[::2]", "a b"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    assert refused(host=host) == "host"


def test_a_header_given_twice_is_refused() -> None:
    assert refused(("host", "localhost")) == "two_host_headers"
    origin = ("origin", "http://localhost:8000")
    assert refused(origin, origin) == "two_origin_headers"
    assert refused(("authorization", "Bearer a"), ("authorization", "Bearer b")) == "duplicate_header"


def test_an_oversized_header_is_refused() -> None:
    assert refused(("x-filler", "x" * 16_385)) == "header_too_large"
    assert read(("x-filler", "x" * 16_384)).supported


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "10.0.0.1", "127.0.0.1"),
        (1, "10.0.0.1", "10.0.0.1"),
        (1, "6.6.6.6, 10.0.0.1", "10.0.0.1"),
        (2, "6.6.6.6, 10.0.0.1, 10.0.0.2", "10.0.0.1"),
        (3, "10.0.0.1", "10.0.0.1"),
        (1, " , ", "127.0.0.1"),
        (1, "x" * 100, "x" * 64),
    ],
)
def test_a_forwarded_address_counts_as_far_as_proxies_are_trusted(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    assert read(("x-forwarded-for", forwarded)).address == address
    assert read(("X_Forwarded_For", forwarded)).address == "127.0.0.1"


def test_a_socket_file_has_no_address() -> None:
    assert read(client=None).address == ""


# --- what a credential means -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("why", "code", "close"),
    [
        ("invalid", "auth.invalid", 4401),
        ("expired", "auth.expired", 4401),
        ("revoked", "auth.revoked", 4401),
        ("disabled", "auth.invalid", 4423),
    ],
)
def test_a_refused_token_has_a_code_and_a_close_code(why: str, code: str, close: int) -> None:
    error = refusal(TokenRefused(why, "Because."))
    assert (error.code, error.message, error.close) == (code, "Because.", close)


@pytest.mark.django_db
def test_one_token_is_judged() -> None:
    user = person()
    assert judge(str(PreciseAccessToken.for_user(user))).user_id == str(user.pk)
    with pytest.raises(RealtimeError, match=r"auth\.invalid"):
        judge("x")


def codes(outcomes: list[Identity | RealtimeError]) -> list[tuple[str, int | None] | str]:
    return [(o.code, o.close) if isinstance(o, RealtimeError) else o.user_id for o in outcomes]


@pytest.mark.django_db
def test_many_credentials_are_judged_in_three_queries_each_for_itself(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ada, grace, off = person(), person(), person()
    User.objects.filter(pk=off.pk).update(is_active=False)
    raws = [str(PreciseAccessToken.for_user(user)) for user in (ada, off, grace, ada)]
    with django_assert_num_queries(3):
        outcomes = authenticate_many(["x", *raws], limit=5)
    assert codes(outcomes) == [
        ("auth.invalid", 4401),
        str(ada.pk),
        ("auth.invalid", 4423),
        str(grace.pk),
        str(ada.pk),
    ]


@pytest.mark.django_db
def test_a_users_connections_are_counted_where_their_instance_lives_and_they_are_open() -> None:
    ada, grace = person(), person()
    now = timezone.now()
    alive = Instance.objects.create(host="h", pid=1, expires_at=now + timedelta(minutes=1))
    dead = Instance.objects.create(host="h", pid=2, expires_at=now - timedelta(minutes=1))

    def connect(user: User, instance: Instance, **fields: Any) -> None:
        Connection.objects.create(id=uuid.uuid4(), user=user, instance=instance, **fields)

    raw = str(PreciseAccessToken.for_user(ada))
    connect(ada, dead)
    connect(ada, alive, closed_at=now)
    connect(grace, alive)
    connect(ada, alive)
    assert codes(authenticate_many([raw], limit=2)) == [str(ada.pk)]
    connect(ada, alive)
    assert codes(authenticate_many([raw], limit=2)) == [("quota.exceeded", 4412)]
