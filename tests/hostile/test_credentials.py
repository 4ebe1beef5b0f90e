"""Credentials made to deceive: each is refused with its code at every door, and nothing about it is written down."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.hostile.conftest import AUDIENCE, ISSUER
from tests.hostile.forgery import Literal, claims_of, encoded, forged, signed, unsigned, written
from tests.hostile.target import Target
from tests.servers.commands import SECRET_KEY

pytestmark = pytest.mark.live

HOUR = 3_600
YEAR = 365 * 24 * HOUR


def public_key() -> bytes:
    """A public key such as an attacker could know, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def with_header(**fields: Any) -> Callable[[str], str]:
    return lambda token: forged(token, header=fields)


def with_claims(**claims: Any) -> Callable[[str], str]:
    return lambda token: forged(token, claims)


def without(*names: str) -> Callable[[str], str]:
    return lambda token: forged(token, without=names)


def at(name: str, seconds: float) -> Callable[[str], str]:
    """Sets one of the token's times, relative to now."""
    return lambda token: forged(token, {name: time.time() + seconds})


def with_other_body(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{encoded(written(claims_of(token) | {'is_staff': True}))}.{signature}"


INVALID: dict[str, Callable[[str], str]] = {
    # No token at all
    "empty": lambda token: "",
    "one part": lambda token: "nonsense",
    "two dots": lambda token: "..",
    "four parts": lambda token: f"{token}.{token}",
    "spaces": lambda token: token.replace(".", " . "),
    "binary": lambda token: "\x80\xff.\x80.\xff",
    "8 KB": lambda token: "eyJ" + "A" * 7_000,
    "a list": lambda token: signed(encoded(b"[]"), encoded(b"[]"), SECRET_KEY.encode()),
    "deep JSON": lambda token: signed(encoded(b"{}"), encoded(b"[" * 2_000 + b"]" * 2_000), SECRET_KEY.encode()),
    # The signature
    "another key": lambda token: forged(token, key=b"another key, as long as the one of this server"),
    "the empty key": lambda token: forged(token, key=b""),
    "a changed body": with_other_body,
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "alg none": lambda token: unsigned(token, "none"),
    "alg NONE": lambda token: unsigned(token, "NONE"),
    "alg nOnE": lambda token: unsigned(token, "nOnE"),
    "alg HS512": lambda token: forged(token, header={"alg": "HS512"}, digest="sha512"),
    "alg RS256": with_header(alg="RS256"),
    "alg number": with_header(alg=256),
    "no alg": with_header(alg=None),
    "a public key as secret": lambda token: forged(token, key=public_key()),
    "kid into the file system": lambda token: forged(token, header={"kid": "../../../../dev/null"}, key=b""),
    "kid as SQL": lambda token: forged(token, header={"kid": "' UNION SELECT ''--"}, key=b""),
    "an own jwk": lambda token: forged(token, header={"jwk": {"kty": "oct", "k": encoded(b"k" * 64)}}, key=b"k" * 64),
    "crit": with_header(crit=["exp"]),
    "an unknown crit": with_header(crit=["x-unknown"]),
    "b64 false": with_header(b64=False),
    "b64 false, crit": with_header(b64=False, crit=["b64"]),
    # The times
    "no exp": without("exp"),
    "exp as text": with_claims(exp="4102444800"),
    "exp true": with_claims(exp=True),
    "exp null": with_claims(exp=None),
    "exp a list": with_claims(exp=[4102444800]),
    "exp 10**400": with_claims(exp=10**400),
    "exp 1e400": with_claims(exp=Literal("1e400")),
    "exp of 5,000 digits": with_claims(exp=Literal("9" * 5_000)),
    "exp NaN": with_claims(exp=Literal("NaN")),
    "exp Infinity": with_claims(exp=Literal("Infinity")),
    "exp -1": with_claims(exp=-1),
    "nbf in an hour": at("nbf", HOUR),
    "nbf as text": with_claims(nbf="soon"),
    "iat in an hour": at("iat", HOUR),
    "iat NaN": with_claims(iat=Literal("NaN")),
    "ten years": at("exp", 10 * YEAR),
    "ten years since 1970": lambda token: forged(token, {"iat": 0}),
    # What it is for
    "a refresh token": with_claims(token_type="refresh"),
    "another type": with_claims(token_type="mcp"),
    "no type": without("token_type"),
    "no id": without("jti"),
    "an empty id": with_claims(jti=""),
    "a number as id": with_claims(jti=7),
    "an id of 1 KB": with_claims(jti="x" * 1_000),
    # Whose it is
    "nobody's": without("user_id"),
    "an unknown user's": with_claims(user_id="00000000-0000-4000-8000-000000000000"),
    "a user by number": with_claims(user_id=1),
    "a user by SQL": with_claims(user_id="' OR 1=1 --"),
    "a user by list": with_claims(user_id=["00000000-0000-4000-8000-000000000000"]),
    "a user by path": with_claims(user_id="../admin"),
}


@pytest.mark.parametrize("forge", INVALID.values(), ids=INVALID.keys())
def test_a_forged_token_opens_no_door(forge: Callable[[str], str], target: Target) -> None:
    token = forge(target.person().token)
    # As a header
    ending = target.accepted(headers=[("Authorization", f"Bearer {token}".encode("latin-1"))]).ending()
    assert (ending.codes, ending.code) == (["auth.invalid"], 4401)
    # Over REST
    answer = target.http("GET", "/api/v1/me/", [("Authorization", f"Bearer {token}".encode("latin-1"))])
    assert answer.status == 401
    assert b'"auth.invalid"' in answer.body
    # As the first frame, where an empty one does not pass for a token
    wire = target.accepted()
    wire.send({"type": "hello", "data": {"token": token}})
    ending = wire.ending()
    if token:
        assert (ending.codes, ending.code) == (["auth.invalid"], 4401)
    else:
        assert (ending.codes, ending.code) == (["msg.bad_value"], 4400)
    assert [event["user"] for event in target.events("connection_opened")] == [target.bystander]
    assert token not in target.log or len(token) < 10


@pytest.mark.parametrize("forge", [at("exp", -1), at("exp", -HOUR), with_claims(exp=0)])
def test_an_expired_token_is_told_so(forge: Callable[[str], str], target: Target) -> None:
    token = forge(target.person().token)
    ending = target.accepted(token=token).ending()
    assert (ending.codes, ending.code) == (["auth.expired"], 4401)
    wire = target.accepted()
    wire.send({"type": "hello", "id": "1", "data": {"token": token}})
    ending = wire.ending()
    assert (ending.codes, ending.code) == (["auth.expired"], 4401)
    answer = target.http("GET", "/api/v1/me/", [("Authorization", f"Bearer {token}")])
    assert answer.status == 401
    assert b'"auth.expired"' in answer.body


@pytest.mark.parametrize("forge", [at("iat", 15), at("nbf", 15), without("iat"), with_header(kid="any")])
def test_an_odd_but_honest_token_is_taken(forge: Callable[[str], str], target: Target) -> None:
    person = target.person()
    token = forge(forged(person.token, {"exp": int(time.time()) + HOUR}))
    assert target.accepted(token=token).expect("connected")["data"]["user"]["id"] == person.id


def test_a_header_that_points_elsewhere_is_never_followed(target: Target, tmp_path: Path) -> None:
    key = encoded(b"k" * 64)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/keys.json"
        for header in ({"jku": url}, {"x5u": url}, {"jku": url, "kid": url}, {"kid": str(tmp_path / key)}):
            ending = target.accepted(token=forged(target.person().token, header=header, key=b"k" * 64)).ending()
            assert (ending.codes, ending.code) == (["auth.invalid"], 4401)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@pytest.mark.parametrize(
    "forge",
    [
        with_claims(aud="another-service"),
        with_claims(aud=[]),
        with_claims(aud=None),
        with_claims(aud={"bduf": 1}),
        without("aud"),
        with_claims(iss="https://evil.example"),
        with_claims(iss=[ISSUER]),
        without("iss"),
    ],
)
def test_a_token_for_somebody_else_or_of_somebody_else_is_refused(forge: Callable[[str], str], strict: Target) -> None:
    ending = strict.accepted(token=forge(strict.person().token)).ending()
    assert (ending.codes, ending.code) == (["auth.invalid"], 4401)


def test_a_token_for_several_services_is_taken(strict: Target) -> None:
    assert strict.authenticated(forged(strict.person().token, {"aud": ["another-service", AUDIENCE]}))


def test_a_scheme_that_is_not_bearer_authenticates_nobody(target: Target) -> None:
    token = target.person().token
    for value in (f"Basic {token}", f"Token {token}", f"Bearer{token}", f"Bearer  {token} x", f"Bearer Bearer {token}"):
        assert target.accepted(headers=[("Authorization", value)]).ending().code == 4401
