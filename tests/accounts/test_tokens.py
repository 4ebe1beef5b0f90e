"""The reading of access tokens: every forgery, every absurd time, and what takes a token back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as configured
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import RevokedToken, User
from bduf_realtime.accounts.tokens import (
    PreciseAccessToken,
    PreciseRefreshToken,
    TokenRefused,
    identify,
    read_access_token,
    refusals,
    socket_token,
)
from tests.people import identity_of, person


def ascii_start(value: object) -> str:
    """Names a test after the start of its value."""
    return ascii(value)[:30]


NOW = 1_800_000_000.0
USER = uuid.uuid4()
SOON = NOW + 900


def claims(**changes: Any) -> dict[str, Any]:
    """Claims as they should be, with these changes; None leaves one out."""
    good = {"token_type": "access", "user_id": str(USER), "jti": "abc", "iat": NOW - 10, "exp": SOON}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), configured.SIMPLE_JWT["SIGNING_KEY"], "HS256", headers)


def handmade(header: dict[str, Any], payload: str, key: bytes | None = None) -> str:
    """A token that no library would make: any header, any payload, HMAC-SHA256 whatever the header says."""
    parts = [base64.urlsafe_b64encode(p.encode()).rstrip(b"=") for p in (json.dumps(header), payload)]
    signed = b".".join(parts)
    signature = hmac.digest(key, signed, hashlib.sha256) if key is not None else b""
    return b".".join([signed, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def signed(payload: str) -> str:
    return handmade({"alg": "HS256", "typ": "JWT"}, payload, configured.SIMPLE_JWT["SIGNING_KEY"].encode())


def refusal_of(raw: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        read_access_token(raw, NOW)
    assert refused.value.message
    return refused.value.code


def test_a_good_token_tells_its_user_id_and_times() -> None:
    read = read_access_token(token(), NOW)
    assert (read.user_id, read.jti, read.issued_at, read.expires_at) == (USER, "abc", NOW - 10, SOON)


def test_the_clock_is_asked_where_none_is_given() -> None:
    with pytest.raises(TokenRefused, match="expired"):
        read_access_token(token(iat=1_000.0, exp=1_900.0))


# --- A5: who chooses the algorithm and the key -------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["none", "NONE", "None", "nOnE", "", "RS256", "ES256", "HS512"])
def test_an_algorithm_that_is_not_ours_is_refused(algorithm: str) -> None:
    payload = json.dumps(claims())
    key = configured.SIMPLE_JWT["SIGNING_KEY"].encode()
    assert refusal_of(handmade({"alg": algorithm, "typ": "JWT"}, payload)) == "invalid"
    assert refusal_of(handmade({"alg": algorithm, "typ": "JWT"}, payload, key)) == "invalid"


def test_a_public_key_is_no_shared_secret() -> None:
    public = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
    assert refusal_of(handmade({"alg": "HS256", "typ": "JWT"}, json.dumps(claims()), public)) == "invalid"


@pytest.mark.parametrize(
    "hint",
    [
        {"kid": "../../../../dev/null"},
        {"jku": "http://127.0.0.1:9/keys.json"},
        {"x5u": "http://127.0.0.1:9/cert.pem"},
        {"jwk": {"kty": "oct", "k": "YXR0YWNrZXIta2V5LWF0dGFja2VyLWtleS1hdHRhY2tlcg"}},
    ],
)
def test_a_key_named_by_the_token_is_never_used(hint: dict[str, Any]) -> None:
    header = {"alg": "HS256", "typ": "JWT", **hint}
    for key in (b"", b"attacker-key-attacker-key-attacker"):
        assert refusal_of(handmade(header, json.dumps(claims()), key)) == "invalid"
    assert read_access_token(token(headers=hint), NOW).user_id == USER


@pytest.mark.parametrize("extension", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": "no"}, {"b64": 1}])
def test_a_critical_extension_is_refused(extension: dict[str, Any]) -> None:
    header = {"alg": "HS256", "typ": "JWT", **extension}
    key = configured.SIMPLE_JWT["SIGNING_KEY"].encode()
    assert refusal_of(handmade(header, json.dumps(claims()), key)) == "invalid"


@pytest.mark.parametrize(
    "raw", ["", ".", "..", "a.b.c", "eyJ", "x" * 8000, "é.é.é", "\ud800.a.b", "bearer x"], ids=ascii_start
)
def test_what_is_no_token_is_refused(raw: str) -> None:
    assert refusal_of(raw) == "invalid"
    assert refusal_of(f"{token()}{raw}.") == "invalid"


def test_a_changed_payload_or_signature_is_refused() -> None:
    head, payload, signature = token().split(".")
    assert refusal_of(f"{head}.{payload}.{signature[:-4]}AAAA") == "invalid"
    other = token(user_id=str(uuid.uuid4())).split(".")[1]
    assert refusal_of(f"{head}.{other}.{signature}") == "invalid"


# --- A6: times ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exp",
    ['"1900000000"', "1" + "0" * 400, "1" + "0" * 5000, "NaN", "Infinity", "-1", "true", "[]", "{}", "null", "1e400"],
    ids=ascii_start,
)
def test_an_expiry_that_is_no_time_is_refused(exp: str) -> None:
    payload = json.dumps(claims(exp=None))[:-1] + f', "exp": {exp}}}'
    assert refusal_of(signed(payload)) == "invalid"


def test_a_token_without_an_expiry_is_refused() -> None:
    assert refusal_of(token(exp=None)) == "invalid"


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("value", ['"x"', "1" + "0" * 400, "NaN", "-1", "true"], ids=ascii_start)
def test_other_times_must_be_times_too(name: str, value: str) -> None:
    payload = json.dumps(claims(**{name: None}))[:-1] + f', "{name}": {value}}}'
    assert refusal_of(signed(payload)) == "invalid"


def test_an_expired_token_is_told_so() -> None:
    assert refusal_of(token(exp=NOW)) == "expired"
    assert refusal_of(token(exp=NOW - 5, iat=NOW - 100)) == "expired"
    assert read_access_token(token(exp=NOW + 0.5), NOW).expires_at == NOW + 0.5


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_of_the_future_is_refused_beyond_the_leeway(name: str) -> None:
    leeway = configured.TOKEN_LEEWAY
    assert refusal_of(token(**{name: NOW + 3600, "exp": NOW + 3700})) == "invalid"
    assert refusal_of(token(**{name: NOW + leeway + 1})) == "invalid"
    assert read_access_token(token(**{name: NOW + leeway}), NOW).jti == "abc"


def test_a_token_that_lives_too_long_is_refused() -> None:
    longest = configured.TOKEN_MAX_LIFETIME
    ten_years = 10 * 365 * 86_400
    assert refusal_of(token(exp=NOW + ten_years)) == "invalid"
    assert refusal_of(token(exp=NOW + ten_years, iat=None)) == "invalid"
    assert refusal_of(token(iat=NOW - ten_years, exp=SOON)) == "invalid"
    assert read_access_token(token(iat=NOW, exp=NOW + longest), NOW).expires_at == NOW + longest
    assert read_access_token(token(iat=None), NOW).issued_at is None


# --- A7: what the token is for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "refresh"},
        {"token_type": "mcp"},
        {"token_type": None},
        {"user_id": None},
        {"user_id": "1"},
        {"user_id": "nobody"},
        {"user_id": ["a"]},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 256},
    ],
    ids=ascii_start,
)
def test_a_token_for_something_else_or_somebody_unnamed_is_refused(changes: dict[str, Any]) -> None:
    assert refusal_of(token(**changes)) == "invalid"


def test_a_token_of_another_deployment_is_refused() -> None:
    foreign = jwt.encode(claims(), "another-deployments-key-that-is-long-enough", "HS256")
    assert refusal_of(foreign) == "invalid"


def test_audience_and_issuer_are_checked_where_they_are_configured(settings: Any) -> None:
    settings.SIMPLE_JWT = {**configured.SIMPLE_JWT, "AUDIENCE": "bduf", "ISSUER": "https://id.example"}
    assert read_access_token(token(aud="bduf", iss="https://id.example"), NOW).jti == "abc"
    for wrong in (
        {},
        {"aud": "bduf"},
        {"iss": "https://id.example"},
        {"aud": "other", "iss": "https://id.example"},
        {"aud": "bduf", "iss": "https://evil.example"},
    ):
        assert refusal_of(token(**wrong)) == "invalid"


def test_an_audience_is_of_no_interest_where_none_is_configured() -> None:
    assert read_access_token(token(aud="whoever"), NOW).jti == "abc"


# --- the tokens issued here --------------------------------------------------------------------------------------


def test_issued_tokens_say_when_to_the_microsecond() -> None:
    user = User(username="ada")
    for issued in (PreciseAccessToken.for_user(user), PreciseRefreshToken().access_token):
        assert isinstance(issued["iat"], float)
        assert issued["iat"] == pytest.approx(timezone.now().timestamp(), abs=60)


def test_a_socket_token_is_an_access_token_that_lives_shortly() -> None:
    user = User(username="ada")
    issued = socket_token(user)
    read = read_access_token(str(issued))
    assert read.user_id == user.pk
    assert read.issued_at is not None
    assert read.expires_at - read.issued_at == pytest.approx(configured.SOCKET_TOKEN_LIFETIME, abs=2)


# --- A8, A9: whose token it is, and whether it was taken back ----------------------------------------------------


def identity_refused(raw: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        identify(read_access_token(raw))
    return refused.value.code


@pytest.mark.django_db
def test_an_identity_says_who_speaks_and_for_whom() -> None:
    ada = person(name="Ada Lovelace", is_staff=True)
    scribe = person("scribe", kind="agent", acts_for=ada)
    assert identity_of(ada).name == "Ada Lovelace"
    assert identity_of(ada).is_staff
    assert identity_of(ada).acts_for is None
    agent = identity_of(scribe)
    assert (agent.name, agent.kind, agent.acts_for) == ("scribe", "agent", str(ada.pk))


@pytest.mark.django_db
def test_the_token_of_a_deleted_or_disabled_user_is_refused() -> None:
    user = person()
    raw = str(PreciseAccessToken.for_user(user))
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert identity_refused(raw) == "disabled"
    user.delete()
    assert identity_refused(raw) == "invalid"


@pytest.mark.django_db
def test_a_token_taken_back_is_refused_and_no_other() -> None:
    user = person()
    lost, kept = PreciseAccessToken.for_user(user), PreciseAccessToken.for_user(user)
    RevokedToken.objects.create(jti=lost["jti"], user=user, expires_at=timezone.now() + timedelta(hours=1))
    assert identity_refused(str(lost)) == "revoked"
    assert identify(read_access_token(str(kept))).user_id == str(user.pk)


@pytest.mark.django_db
def test_tokens_issued_before_the_users_mark_are_refused_even_within_the_same_second() -> None:
    user = person()
    before = PreciseAccessToken.for_user(user)
    user.tokens_valid_after = timezone.now()
    user.save()
    after = PreciseAccessToken.for_user(user)
    assert identity_refused(str(before)) == "revoked"
    assert identify(read_access_token(str(after))).jti == after["jti"]
    assert identity_refused(token(user_id=str(user.pk), iat=None, exp=timezone.now().timestamp() + 60)) == "revoked"


@pytest.mark.django_db
def test_many_identities_are_judged_in_two_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    users = [person() for _ in range(6)]
    good, gone, disabled, signed_out, dateless, revoked = people = [identity_of(user) for user in users]
    people[4] = replace(dateless, issued_at=None)
    users[1].delete()
    User.objects.filter(pk=users[2].pk).update(is_active=False)
    later = timezone.now()
    User.objects.filter(pk__in=[users[3].pk, users[4].pk]).update(tokens_valid_after=later)
    RevokedToken.objects.create(jti=revoked.jti, user=users[5], expires_at=later + timedelta(hours=1))
    with django_assert_num_queries(2):
        found = refusals(people)
    assert {jti: refused.code for jti, refused in found.items()} == {
        gone.jti: "invalid",
        disabled.jti: "disabled",
        signed_out.jti: "revoked",
        dateless.jti: "revoked",
        revoked.jti: "revoked",
    }
    assert good.jti not in found


@pytest.mark.django_db
def test_a_mark_of_the_past_takes_no_later_token_back() -> None:
    user = person(tokens_valid_after=timezone.now() - timedelta(hours=1))
    assert refusals([identity_of(user)]) == {}
