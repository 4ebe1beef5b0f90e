"""Saying who one is, once in the handshake or a first frame, and later with newer tokens (A10-A12, A20)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import PreciseAccessToken
from bduf_realtime.gateway import process as processes
from bduf_realtime.gateway import storage
from bduf_realtime.gateway.conf import Conf
from tests.people import person
from tests.servers import eventually
from tests.sockets import PATIENCE, Peer, alive, code_of, connected, token_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sockets")]

Tune = Callable[..., Conf]


@pytest.fixture
def ada() -> User:
    return person("ada", name="Ada")


# --- saying who one is -------------------------------------------------------------------------------------------


async def test_a_token_in_the_handshake_is_answered_with_who_one_is(ada: User) -> None:
    peer = Peer(token_of(ada))
    assert await peer.open()
    data = (await peer.receive())["data"]
    assert data["user"] == {"id": str(ada.pk), "name": "Ada", "kind": "human"}
    assert (data["protocol"], data["capabilities"], data["limits"]["message_bytes"]) == (1, [], 65_536)


async def test_a_hello_introduces_the_client(ada: User) -> None:
    peer = Peer()
    assert await peer.open()
    client = {"name": "web", "version": "1.4.0", "instance": "tab-1"}
    hello = {"token": token_of(ada), "client": client, "capabilities": ["batch", "magic"], "timezone": "Europe/Paris"}
    await peer.send("hello", hello, "1")
    assert (await peer.receive())["data"]["capabilities"] == ["batch"]
    assert (await peer.receive()) == {"type": "ack", "id": "1", "data": {"capabilities": ["batch"]}}
    assert await code_of(peer, "hello") == "msg.bad_envelope"
    await alive(peer)


@pytest.mark.parametrize(
    ("frame", "code", "close"),
    [
        ({"type": "ping", "id": "1"}, "auth.invalid", 4400),
        ({"type": "hello", "id": "1"}, "auth.invalid", 4401),
        ({"type": "hello", "id": "1", "data": {"token": ""}}, "msg.bad_value", 4400),
        ({"type": "hello", "id": "1", "data": {"tokn": "x"}}, "msg.unknown_field", 4400),
        ({"type": "hello", "id": "1", "user": 1}, "msg.unknown_field", 4400),
        ({"type": "hello", "id": None, "data": {"token": "x"}}, "auth.invalid", 4401),
    ],
)
async def test_a_first_frame_that_is_no_good_hello_ends_the_connection(frame: Any, code: str, close: int) -> None:
    peer = Peer()
    assert await peer.open()
    await peer.text(json.dumps(frame))
    error = await peer.receive()
    assert (error["type"], error["code"], error["id"]) == ("error", code, frame["id"])
    assert (await peer.closed())[0] == close


async def test_another_subprotocol_version_is_answered_with_the_one_there_is(ada: User) -> None:
    peer = Peer(token_of(ada), sec_websocket_protocol="bduf.v99")
    assert await peer.open()
    assert await peer.closed() == (4406, "unsupported;supported=bduf.v1")


async def test_a_socket_at_another_path_is_refused(ada: User) -> None:
    assert not await Peer(token_of(ada), path="/ws/nowhere/").open()


async def test_a_peer_that_is_gone_before_the_handshake_is_over_is_forgotten(ada: User) -> None:
    peer = Peer(token_of(ada))
    await peer.communicator.send_input({"type": "websocket.disconnect", "code": 1006})
    await peer.communicator.wait(timeout=PATIENCE)
    assert processes.current() is None


# --- swapping the token ------------------------------------------------------------------------------------------


async def test_a_newer_token_of_the_same_user_is_taken(ada: User) -> None:
    peer = await connected(ada)
    answer = await peer.ask("auth:refresh", {"token": token_of(ada)})
    assert answer["data"]["token_expires_at"].endswith("Z")


async def test_another_identity_is_refused_and_the_third_time_ends_it(ada: User) -> None:
    peer, grace = await connected(ada), await storage.call(person)
    older = PreciseAccessToken.for_user(ada)
    older["iat"] -= 60
    assert await code_of(peer, "auth:refresh", {"token": token_of(grace)}) == "auth.identity_change"
    assert await code_of(peer, "auth:refresh", {"token": str(older)}) == "auth.identity_change"
    await alive(peer)
    assert await code_of(peer, "auth:refresh", {"token": "x"}) == "auth.invalid"
    assert (await peer.closed())[0] == 4401


async def test_after_its_expiry_a_token_is_good_for_nothing_but_a_newer_one(ada: User, tune: Tune) -> None:
    tune(token_expiry_grace=60.0)
    short = PreciseAccessToken.for_user(ada)
    short["exp"] = timezone.now().timestamp() + 0.3
    peer = Peer(str(short))
    assert await peer.open()
    await peer.expect("connected")
    await peer.expect("auth:expiring")

    async def refused() -> bool:
        return await code_of(peer, "room:leave", {"room": "x"}) == "auth.expired"

    await eventually(refused)
    await alive(peer)
    assert (await peer.ask("hello", {"token": token_of(ada)}))["code"] == "auth.expired"
    assert (await peer.ask("auth:refresh", {"token": token_of(ada)}))["type"] == "ack"
    assert (await peer.ask("hello"))["type"] == "ack"
