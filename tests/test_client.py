"""The client against a real websocket server that plays the protocol line by line."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bduf_realtime.client import UNSENT_FRAMES, Client, ConnectionClosedError, Position, RequestError

Message = dict[str, Any]
Part = Callable[["Peer"], Coroutine[Any, Any, None]]
ROOM = "session:1"


class Peer:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    @property
    def request(self) -> Request:
        assert self.socket.request is not None
        return self.socket.request

    async def receive(self, type: str) -> Message:
        async with asyncio.timeout(2):
            message = json.loads(await self.socket.recv())
        assert message["type"] == type, message
        return message

    async def send(self, *messages: Message) -> None:
        """Send one frame, an array when it holds several messages."""
        await self.socket.send(json.dumps(messages[0] if len(messages) == 1 else messages))

    async def welcome(self, **info: Any) -> Message:
        hello = await self.receive("hello")
        await self.send(ack(hello), {"type": "connected", "data": {"protocol": 1, **info}})
        return hello

    async def admit(self, **answer: Any) -> Message:
        """Answer the next join."""
        join = await self.receive("room:join")
        await self.send(joined(join, **answer))
        return join

    async def drop(self) -> None:
        """Break the connection without a close frame."""
        self.socket.transport.abort()

    async def close(self, code: int, reason: str = "") -> None:
        await self.socket.close(code, reason)


def ack(frame: Message, **fields: Any) -> Message:
    return {"type": "ack", "id": frame["id"], "data": {}} | fields


def logged(frame: Message, seq: int, epoch: str = "e1", room: str = ROOM) -> Message:
    """The ack of a command that became entry `seq` of a room's log."""
    return ack(frame, room=room, epoch=epoch, seq=seq)


def refusal(frame: Message, code: str, **fields: Any) -> Message:
    return {
        "type": "error",
        "id": frame["id"],
        "code": code,
        "message": "No.",
        "retryable": False,
        "retry_after_ms": None,
        "details": {},
    } | fields


def busy(frame: Message, code: str = "storage.busy", after: int | None = 1) -> Message:
    return refusal(frame, code, retryable=True, retry_after_ms=after)


def joined(join: Message, seq: int = 0, recovered: str = "none", epoch: str = "e1", **fields: Any) -> Message:
    return ack(join, data={"room": join["data"]["room"], "epoch": epoch, "seq": seq, "recovered": recovered} | fields)


def event(seq: int, epoch: str = "e1", room: str = ROOM, type: str = "said") -> Message:
    return {"type": type, "room": room, "epoch": epoch, "seq": seq, "data": {"n": seq}}


class Stage:
    """A server on which successive connections play successive parts; what fails in a part fails the test."""

    def __init__(self) -> None:
        self.waiting: list[Part] = []
        self.played: list[asyncio.Task[None]] = []
        self.servers: list[Server] = []

    async def play(self, *parts: Part, **options: Any) -> str:
        """Listen, and return the URL."""
        self.waiting += parts
        server = await listen(self.handle, "127.0.0.1", 0, close_timeout=0.1, **options)
        self.servers.append(server)
        return url_of(server)

    async def handle(self, socket: ServerConnection) -> None:
        part = self.waiting.pop(0) if self.waiting else unexpected
        task = asyncio.create_task(part(Peer(socket)))
        self.played.append(task)
        await asyncio.wait([task])
        if task.exception() is not None:
            await socket.close(4400, "the part failed")
        await socket.wait_closed()

    async def end(self) -> None:
        for server in self.servers:
            server.close()
            await server.wait_closed()
        for task in self.played:
            task.result()
        assert not self.waiting, "a connection that never came"


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    stage, complaints = Stage(), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: complaints.append(context))
    yield stage
    await stage.end()
    assert not complaints, "a task or future failed unseen"


def client(url: str | list[str], token: Any = "jwt", **options: Any) -> Client:
    return Client(url, token, **{"backoff": (0.001, 0.01), "ask_timeout": 2.0, **options})


def url_of(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/"


async def unused_url() -> str:
    async with await listen(unexpected, "127.0.0.1", 0) as server:
        return url_of(server)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the client has no hook for every test's condition
            await asyncio.sleep(0.001)


async def collect(c: Client, types: list[str]) -> None:
    async for message in c.events():
        types.append(message["type"])


def seqs(c: Client) -> list[int]:
    """The positions of the unread events."""
    return [event["seq"] for event in c._events if "seq" in event]


async def settled(c: Client) -> None:
    """Wait until the client has read everything the server sent so far."""
    await c.ping()


async def unexpected(peer: object) -> None:
    raise AssertionError("an unexpected connection")


async def welcome(peer: Peer) -> None:
    await peer.welcome()


async def answer_work(peer: Peer) -> None:
    await peer.welcome()
    await peer.send(ack(await peer.receive("work")))


async def welcome_and_answer_pings(peer: Peer) -> None:
    await peer.welcome()
    await answer_pings(peer)


async def answer_pings(peer: Peer) -> None:
    """Answer every ping until the client goes."""
    with suppress(ConnectionClosed):
        async for frame in peer.socket:
            message = json.loads(frame)
            assert message["type"] == "ping", message
            await peer.send({"type": "pong", "id": message["id"], "data": {"server_time": "…"}})


class TestConnecting:
    async def test_hello_declares_the_client_and_connected_fills_info(self, stage: Stage) -> None:
        hellos = []

        async def part(peer: Peer) -> None:
            hellos.append(await peer.welcome(connection="c1"))

        url = await stage.play(part)
        async with client(url, name="web", version="1.4.0", instance="i1") as c:
            assert c.state == "connected"
            assert c.info == {"protocol": 1, "connection": "c1"}
        assert hellos[0]["id"]
        assert hellos[0]["data"] == {
            "client": {"name": "web", "version": "1.4.0", "instance": "i1"},
            "capabilities": ["batch"],
        }

    async def test_connected_may_come_before_the_answer_to_hello(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.send({"type": "connected", "data": {"protocol": 1}})
            await peer.send(ack(await peer.receive("hello")))
            await peer.send(ack(await peer.receive("work"), data={"done": True}))

        async with client(await stage.play(part)) as c:
            assert (await c.ask("work")).data == {"done": True}

    async def test_the_token_travels_in_the_authorization_header(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            assert peer.request.headers["Authorization"] == "Bearer jwt"
            assert "token" not in (await peer.welcome())["data"]

        async with client(await stage.play(part), auth="header"):
            pass

    async def test_the_token_travels_as_a_subprotocol(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            assert peer.request.headers["Sec-WebSocket-Protocol"] == "bduf.v1, bearer.jwt"
            assert "Authorization" not in peer.request.headers
            assert "token" not in (await peer.welcome())["data"]

        async with client(await stage.play(part, subprotocols=["bduf.v1"]), auth="subprotocol"):
            pass

    async def test_the_token_travels_in_hello(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            assert "Authorization" not in peer.request.headers
            assert (await peer.welcome())["data"]["token"] == "jwt"

        async with client(await stage.play(part), auth="hello"):
            pass

    async def test_origin_and_headers_are_sent(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            assert peer.request.headers["Origin"] == "https://app.example"
            assert peer.request.headers["X-Trace"] == "t1"
            await peer.welcome()

        url = await stage.play(part)
        async with client(url, origin="https://app.example", headers={"X-Trace": "t1"}):
            pass

    async def test_a_refused_token_raises_and_is_not_tried_again(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.send({"type": "error", "code": "auth.invalid", "message": "No."})
            await peer.close(4401, "auth.invalid")

        c = client(await stage.play(part))
        with pytest.raises(ConnectionClosedError) as caught:
            await c.connect()
        assert (caught.value.code, caught.value.reason) == (4401, "auth.invalid")
        assert c.closed == (4401, "auth.invalid")
        assert c.state == "closed"

    async def test_a_refused_hello_raises(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.send(refusal(await peer.receive("hello"), "msg.bad_value"))

        c = client(await stage.play(part))
        with pytest.raises(ConnectionClosedError, match=r"4400 msg\.bad_value"):
            await c.connect()

    async def test_a_temporarily_refused_hello_is_tried_again(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.send(busy(await peer.receive("hello")))

        async with client(await stage.play(part, welcome)) as c:
            assert c.stats.connections == 2

    async def test_http_403_raises_and_is_not_tried_again(self, stage: Stage) -> None:
        def forbid(socket: ServerConnection, request: Request) -> Response:
            return socket.respond(403, "no")

        c = client(await stage.play(process_request=forbid))
        with pytest.raises(ConnectionClosedError, match="4403 HTTP 403"):
            await c.connect()

    async def test_http_403_is_tried_again_where_one_was_let_in_before(self, stage: Stage) -> None:
        statuses = iter([None, 403])

        def limit(socket: ServerConnection, request: Request) -> Response | None:
            status = next(statuses, None)
            return socket.respond(status, "too many") if status else None

        async def part(peer: Peer) -> None:
            await welcome(peer)
            await peer.drop()

        async with client(await stage.play(part, welcome, process_request=limit)) as c:
            await until(lambda: c.stats.connections == 2 and c.state == "connected")

    async def test_http_503_is_tried_again(self, stage: Stage) -> None:
        refusals = iter([503, 503])

        def drain(socket: ServerConnection, request: Request) -> Response | None:
            status = next(refusals, None)
            return socket.respond(status, "draining") if status else None

        async with client(await stage.play(welcome, process_request=drain)) as c:
            assert c.state == "connected"

    async def test_connecting_to_nobody_times_out_and_says_why(self) -> None:
        c = client(await unused_url(), ask_timeout=0.1)
        with pytest.raises(TimeoutError, match=r"not connected in 0\.1 s: .*Connect call failed"):
            await c.connect()
        assert c.state == "closed"

    async def test_without_reconnect_each_url_is_tried_once(self) -> None:
        c = client([await unused_url(), await unused_url()], reconnect=False)
        with pytest.raises(ConnectionClosedError, match="Connect call failed"):
            await c.connect()

    async def test_a_bad_url_raises(self) -> None:
        with pytest.raises(Exception, match="scheme isn't ws or wss"):
            await client("http://127.0.0.1/").connect()

    async def test_a_failed_url_is_rotated_to_the_next(self, stage: Stage) -> None:
        async with client([await unused_url(), await stage.play(welcome)]) as c:
            assert c.state == "connected"

    async def test_a_closed_client_can_connect_again(self, stage: Stage) -> None:
        c = client(await stage.play(welcome, answer_work))
        await c.connect()
        await c.close()
        assert c.closed == (1000, "")
        with pytest.raises(ConnectionClosedError):
            await c.ask("work")
        async with c:
            await c.ask("work")


class TestAsking:
    async def test_an_ack_is_returned_with_its_position(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            assert work["data"] == {"x": 1}
            await peer.send(logged(work, 7) | {"data": {"y": 2}})

        async with client(await stage.play(part)) as c:
            answer = await c.ask("work", {"x": 1})
        assert (answer.data, answer.room, answer.epoch, answer.seq) == ({"y": 2}, ROOM, "e1", 7)

    async def test_an_error_is_raised_with_its_fields(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            await peer.send(refusal(work, "doc.conflict", retryable=True, details={"k": 1}))

        async with client(await stage.play(part)) as c:
            with pytest.raises(RequestError, match=r"doc\.conflict: No\.") as caught:
                await c.ask("work")
        error = caught.value
        assert (error.code, error.message, error.retryable) == ("doc.conflict", "No.", True)
        assert (error.retry_after_ms, error.details) == (None, {"k": 1})

    async def test_answers_in_another_order_and_in_one_batch_reach_their_asks(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            works = [await peer.receive("work") for _ in range(3)]
            await peer.send(*[ack(work, data=work["data"]) for work in reversed(works)])

        async with client(await stage.play(part)) as c:
            answers = await asyncio.gather(*[c.ask("work", {"n": n}) for n in range(3)])
        assert [answer.data["n"] for answer in answers] == [0, 1, 2]

    async def test_ids_differ_between_clients_of_one_instance(self, stage: Stage) -> None:
        ids = []

        async def part(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            ids.append(work["id"])
            await peer.send(ack(work))

        url = await stage.play(part, part)
        for _ in range(2):
            async with client(url, instance="i1") as c:
                await c.ask("work")
        assert ids[0] != ids[1]

    async def test_silence_times_out_and_a_late_answer_is_ignored(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            await peer.receive("more")
            await peer.send(ack(work), refusal(work, "internal"))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            with pytest.raises(TimeoutError, match=r"no answer to work within 0\.05 s"):
                await c.ask("work", timeout=0.05)
            c.tell("more")
            await settled(c)
            assert c._pending == {}

    @pytest.mark.parametrize("code", ["rate.limited", "storage.busy", "storage.unavailable", "server.draining"])
    async def test_a_temporary_error_is_resent_with_the_same_id(self, stage: Stage, code: str) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            first = await peer.receive("work")
            await peer.send(busy(first, code, after=20))
            second = await peer.receive("work")
            await peer.send(busy(second, code, after=None))
            third = await peer.receive("work")
            assert first == second == third
            await peer.send(ack(third))

        async with client(await stage.play(part)) as c:
            started = asyncio.get_running_loop().time()
            await c.ask("work", {"x": 1})
            assert asyncio.get_running_loop().time() - started >= 0.02
            assert c.stats.retries == 2

    async def test_retrying_ends_at_the_timeout_and_names_the_error(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            with suppress(ConnectionClosed):
                while True:
                    await peer.send(busy(await peer.receive("work")))

        async with client(await stage.play(part)) as c:
            with pytest.raises(TimeoutError) as caught:
                await c.ask("work", timeout=0.05)
            assert isinstance(caught.value.__cause__, RequestError)
            assert caught.value.__cause__.code == "storage.busy"

    async def test_a_temporary_error_is_raised_when_retrying_is_off(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(busy(await peer.receive("work")))

        async with client(await stage.play(part)) as c:
            with pytest.raises(RequestError, match=r"storage\.busy"):
                await c.ask("work", retry=False)

    async def test_an_error_that_is_said_not_to_be_retryable_is_raised(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(refusal(await peer.receive("work"), "storage.unavailable"))

        async with client(await stage.play(part)) as c:
            with pytest.raises(RequestError, match=r"storage\.unavailable"):
                await c.ask("work")

    async def test_only_the_first_of_two_answers_counts(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            await peer.send(refusal(work, "internal"), refusal(work, "perm.denied"), ack(work))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            with pytest.raises(RequestError, match="internal"):
                await c.ask("work")
            await settled(c)

    async def test_an_id_cannot_wait_twice(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            await peer.receive("more")
            await peer.send(ack(work))

        async with client(await stage.play(part)) as c:
            first = asyncio.create_task(c.ask("work", id="same"))
            await asyncio.sleep(0)
            with pytest.raises(ValueError, match="same"):
                await c.ask("work", id="same")
            c.tell("more")
            assert (await first).id == "same"

    async def test_what_was_told_before_closing_arrives(self, stage: Stage) -> None:
        heard = asyncio.Event()

        async def part(peer: Peer) -> None:
            await peer.welcome()
            for n in range(50):
                assert await peer.receive("move") == {"type": "move", "data": {"n": n, "pad": pad}}
            heard.set()

        pad = "x" * 50_000
        async with client(await stage.play(part)) as c:
            assert [c.tell("move", {"n": n, "pad": pad}) for n in range(50)] == [True] * 50
        async with asyncio.timeout(1):
            await heard.wait()
        assert not c.tell("move")

    async def test_tell_drops_what_the_connection_cannot_take(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            for _ in range(UNSENT_FRAMES):
                await peer.receive("move")

        async with client(await stage.play(part)) as c:
            told = [c.tell("move") for _ in range(UNSENT_FRAMES + 5)]
        assert told == [True] * UNSENT_FRAMES + [False] * 5

    async def test_closing_fails_what_is_unanswered(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("work")

        async with client(await stage.play(part)) as c:
            asks = [asyncio.create_task(call) for call in (c.ask("work"), c.expect("said"))]
            await asyncio.sleep(0.01)
        for failure in await asyncio.gather(*asks, return_exceptions=True):
            assert isinstance(failure, ConnectionClosedError)
            assert failure.code == 1000


class TestHeartbeat:
    async def test_a_ping_is_answered_with_its_id(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send({"type": "ping", "id": "p1"}, {"type": "ping"})
            assert await peer.receive("pong") == {"type": "pong", "id": "p1"}
            assert await peer.receive("pong") == {"type": "pong"}
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await settled(c)
            assert not c._events

    async def test_ping_returns_the_round_trip_time(self, stage: Stage) -> None:
        async with client(await stage.play(welcome_and_answer_pings)) as c:
            assert 0 < await c.ping() < 1

    async def test_ping_raises_when_the_connection_drops(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("ping")
            await peer.drop()

        async with client(await stage.play(part, welcome)) as c:
            with pytest.raises(ConnectionClosedError):
                await c.ping()
            await until(lambda: c.stats.connections == 2 and c.state == "connected")

    async def test_an_expiring_token_is_refreshed_in_place(self, stage: Stage) -> None:
        tokens = iter(["first", "second"])

        async def fresh() -> str:
            return next(tokens)

        async def part(peer: Peer) -> None:
            assert peer.request.headers["Authorization"] == "Bearer first"
            await peer.welcome()
            await peer.send({"type": "auth:expiring", "data": {}})
            refresh = await peer.receive("auth:refresh")
            assert refresh["data"] == {"token": "second"}
            await peer.send(ack(refresh))
            await answer_pings(peer)

        async with client(await stage.play(part), fresh) as c:
            await c.expect("auth:expiring")
            await until(lambda: c._refresher is not None and c._refresher.done())
            assert c.stats.connections == 1


class TestReconnecting:
    async def test_an_unanswered_ask_is_resent_with_the_same_frame(self, stage: Stage) -> None:
        sent = []

        async def first(peer: Peer) -> None:
            await peer.welcome()
            sent.append(await peer.receive("work"))
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            sent.append(await peer.receive("work"))
            await peer.send(ack(sent[1], data={"ok": True}))

        async with client(await stage.play(first, second)) as c:
            assert (await c.ask("work", {"x": 1})).data == {"ok": True}
        assert sent[0] == sent[1]

    async def test_instance_stays_and_states_are_reported(self, stage: Stage) -> None:
        states: list[str] = []
        instances = []

        async def first(peer: Peer) -> None:
            instances.append((await peer.welcome())["data"]["client"]["instance"])
            await peer.receive("go")
            await peer.close(4503, "server.draining;retry_ms=30")

        async def second(peer: Peer) -> None:
            instances.append((await peer.welcome())["data"]["client"]["instance"])
            await peer.send(ack(await peer.receive("work")))

        async with client(await stage.play(first, second), on_state=states.append) as c:
            c.tell("go")
            await until(lambda: c.state == "reconnecting")
            assert not c.tell("lost")
            await c.ask("work")
        assert states == ["connected", "reconnecting", "connected", "closed"]
        assert instances[0] == instances[1] == c.instance

    async def test_rooms_are_joined_again_before_asks_are_resent_in_order(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=3)
            await peer.send(event(4))
            await peer.receive("one")
            await peer.receive("two")
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            join = await peer.receive("room:join")
            assert join["data"] == {"room": ROOM, "since": {"epoch": "e1", "seq": 4}}
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await peer.socket.recv()
            await peer.send(joined(join, seq=6, recovered="full"))
            await peer.send(event(5), event(6))
            for kind in ("one", "two"):
                await peer.send(ack(await peer.receive(kind)))

        async with client(await stage.play(first, second)) as c:
            await c.join(ROOM)
            await asyncio.gather(c.ask("one"), c.ask("two"))
            assert seqs(c) == [4, 5, 6]
            assert c.position(ROOM) == Position("e1", 6)
            assert (c.stats.gaps, c.stats.duplicates) == (0, 0)

    async def test_an_ask_made_while_rooms_are_joined_again_waits_for_them(self, stage: Stage) -> None:
        rejoining = asyncio.Event()

        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            join = await peer.receive("room:join")
            rejoining.set()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await peer.socket.recv()
            await peer.send(joined(join, seq=1, recovered="full"))
            await peer.send(ack(await peer.receive("work")))

        async with client(await stage.play(first, second)) as c:
            await c.join(ROOM)
            await rejoining.wait()
            await c.ask("work")

    async def test_an_ask_that_waits_to_be_retried_is_resent_once_after_a_drop(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(busy(await peer.receive("work"), after=30))
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.06):
                    await peer.socket.recv()
            await peer.send(ack(work))

        async with client(await stage.play(first, second)) as c:
            await c.ask("work")

    async def test_joins_use_a_new_id_on_each_connection(self, stage: Stage) -> None:
        ids = []

        async def first(peer: Peer) -> None:
            await peer.welcome()
            ids.append((await peer.receive("room:join"))["id"])
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            ids.append((await peer.admit(seq=9))["id"])

        async with client(await stage.play(first, second)) as c:
            assert (await c.join(ROOM)).data["seq"] == 9
        assert ids[0] != ids[1]

    async def test_retry_ms_in_the_close_reason_is_waited_for(self, stage: Stage) -> None:
        times: list[float] = []

        async def first(peer: Peer) -> None:
            await peer.welcome()
            times.append(asyncio.get_running_loop().time())
            await peer.close(4503, "server.draining;retry_ms=60")

        async def second(peer: Peer) -> None:
            times.append(asyncio.get_running_loop().time())
            await peer.welcome()
            await peer.send(ack(await peer.receive("work")))

        async with client(await stage.play(first, second)) as c:
            await c.ask("work")
        assert 0.06 <= times[1] - times[0] < 0.5

    async def test_backoff_doubles_up_to_its_cap_with_full_jitter(self) -> None:
        c = Client("ws://unused", "jwt", backoff=(0.2, 10.0))
        for failures, bound in [(0, 0.2), (1, 0.4), (4, 3.2), (6, 10.0), (5000, 10.0)]:
            delays = [c._delay(failures) for _ in range(200)]
            assert min(delays) < 0.2 * bound
            assert 0.8 * bound < max(delays) <= bound

    @pytest.mark.parametrize("code", [4400, 4403, 4410, 4423])
    async def test_44xx_stops_and_fails_what_is_unanswered(self, stage: Stage, code: int) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("work")
            await peer.close(code, "gone")

        async with client(await stage.play(part)) as c:
            with pytest.raises(ConnectionClosedError) as caught:
                await c.ask("work")
            assert (caught.value.code, caught.value.reason) == (code, "gone")
            assert c.closed == (code, "gone")
            assert c.state == "closed"

    @pytest.mark.parametrize("code", [1000, 1001, 1012, 4500, 4509, 4510, 4511, 4529])
    async def test_other_closes_reconnect(self, stage: Stage, code: int) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("work")
            await peer.close(code)

        async with client(await stage.play(first, answer_work)) as c:
            await c.ask("work")

    async def test_4401_is_retried_once_with_a_fresh_token(self, stage: Stage) -> None:
        tokens = iter(["old", "new"])

        async def first(peer: Peer) -> None:
            assert peer.request.headers["Authorization"] == "Bearer old"
            await peer.close(4401, "auth.expired")

        async def second(peer: Peer) -> None:
            assert peer.request.headers["Authorization"] == "Bearer new"
            await peer.welcome()

        async with client(await stage.play(first, second), lambda: next(tokens)) as c:
            assert c.state == "connected"

    async def test_4401_twice_stops(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.close(4401, "auth.revoked")

        c = client(await stage.play(part, part), lambda: "jwt")
        with pytest.raises(ConnectionClosedError, match=r"4401 auth\.revoked"):
            await c.connect()

    async def test_a_token_source_that_is_down_is_asked_again(self, stage: Stage) -> None:
        answers = iter([ConnectionRefusedError("no token service"), "jwt"])

        async def fresh() -> str:
            answer = next(answers)
            if isinstance(answer, str):
                return answer
            raise answer

        async with client(await stage.play(welcome), fresh) as c:
            assert c.state == "connected"

    async def test_without_reconnect_a_drop_is_final(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("work")
            await peer.drop()

        async with client(await stage.play(part), reconnect=False) as c:
            with pytest.raises(ConnectionClosedError):
                await c.ask("work")
            assert c.closed is not None
            assert c.closed[0] == 1006

    async def test_text_that_is_not_a_message_reconnects(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("work")
            await peer.socket.send("{nonsense")

        async with client(await stage.play(first, answer_work)) as c:
            await c.ask("work")

    async def test_a_callback_that_raises_ends_the_client_and_close_raises_it(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("work")
            await peer.send(event(1))

        def fail(event: Message) -> None:
            raise LookupError("consumer bug")

        c = await client(await stage.play(part), on_event=fail).connect()
        with pytest.raises(ConnectionClosedError):
            await c.ask("work")
        with pytest.raises(LookupError, match="consumer bug"):
            await c.close()


class TestRooms:
    async def test_a_joined_room_advances_by_events_and_own_acks(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            join = await peer.admit(seq=40, state={"a": 1})
            assert join["data"] == {"room": ROOM}
            work = await peer.receive("work")
            await peer.send(event(41), logged(work, 42), event(43))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            answer = await c.join(ROOM)
            assert answer.data["state"] == {"a": 1}
            assert c.position(ROOM) == ("e1", 40)
            await c.ask("work")
            await settled(c)
            assert c.position(ROOM) == ("e1", 43)
            assert seqs(c) == [41, 43]
            assert (c.stats.gaps, c.stats.duplicates) == (0, 0)

    async def test_joining_since_a_position_replays_what_was_missed(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            join = await peer.receive("room:join")
            assert join["data"]["since"] == {"epoch": "e1", "seq": 5}
            await peer.send(joined(join, seq=7, recovered="full"), event(6), event(7), event(8))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await c.join(ROOM, since=("e1", 5))
            await settled(c)
            assert seqs(c) == [6, 7, 8]
            assert not c.stats.gaps

    async def test_a_refused_join_raises_and_is_not_repeated(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(refusal(await peer.receive("room:join"), "room.not_found"))
            await peer.receive("work")
            await peer.drop()

        async with client(await stage.play(first, answer_work)) as c:
            with pytest.raises(RequestError, match=r"room\.not_found"):
                await c.join(ROOM)
            assert c.position(ROOM) is None
            await c.ask("work")

    async def test_a_temporarily_refused_join_is_tried_again(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(busy(await peer.receive("room:join")))
            await peer.admit(seq=1)

        async with client(await stage.play(part)) as c:
            assert (await c.join(ROOM)).data["seq"] == 1

    async def test_a_join_that_times_out_forgets_the_room(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            join = await peer.receive("room:join")
            assert (await peer.receive("room:leave"))["data"] == {"room": ROOM}
            await peer.send(joined(join, seq=4))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            with pytest.raises(TimeoutError):
                await c.join(ROOM, timeout=0.02)
            await settled(c)
            assert c.position(ROOM) is None

    async def test_two_joins_at_once_share_one_answer(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            one, two = await asyncio.gather(c.join(ROOM), c.join(ROOM))
            assert one == two
            await settled(c)

    async def test_joining_another_room_resends_nothing(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            work = await peer.receive("work")
            await peer.admit(seq=1)
            await peer.receive("more")
            await peer.send(ack(work))

        async with client(await stage.play(part)) as c:
            work = asyncio.create_task(c.ask("work"))
            await asyncio.sleep(0)
            await c.join(ROOM)
            c.tell("more")
            await work

    async def test_a_newer_join_outdates_one_in_flight(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.send(event(3))
            healing = await peer.receive("room:join")
            await peer.send({"type": "healing"})
            fresh = await peer.receive("room:join")
            assert fresh["data"] == {"room": ROOM}
            await peer.send(joined(healing, seq=3, recovered="full"), event(2), event(3))
            await peer.send(joined(fresh, seq=4, state={"a": 1}), event(5))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await c.join(ROOM)
            await c.expect("healing")
            assert (await c.join(ROOM)).data["state"] == {"a": 1}
            await settled(c)
            assert seqs(c) == [5]
            assert (c.stats.gaps, c.stats.duplicates) == (1, 0)

    async def test_a_left_room_is_not_joined_again(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.send(ack(await peer.receive("room:leave")))
            await peer.receive("work")
            await peer.drop()

        async with client(await stage.play(first, answer_work)) as c:
            await c.join(ROOM)
            await c.leave(ROOM)
            await c.ask("work")

    async def test_leaving_while_the_connection_drops_succeeds(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.receive("room:leave")
            await peer.drop()

        async with client(await stage.play(first, welcome_and_answer_pings)) as c:
            await c.join(ROOM)
            await c.leave(ROOM)
            await c.leave(ROOM)
            await until(lambda: c.state == "connected")
            await settled(c)

    async def test_duplicates_are_dropped_and_counted(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.send(event(2), event(2), event(1), event(3))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await c.join(ROOM)
            await settled(c)
            assert seqs(c) == [2, 3]
            assert c.stats.duplicates == 2

    async def test_a_gap_is_counted_and_healed_in_order(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.send(event(2), event(4))
            join = await peer.receive("room:join")
            assert join["data"]["since"] == {"epoch": "e1", "seq": 2}
            await peer.send(event(5))
            await peer.send(joined(join, seq=5, recovered="full"))
            await peer.send(event(3), event(4), event(5), event(6))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await c.join(ROOM)
            await c.expect("said", room=ROOM)
            await until(lambda: len(c._events) >= 4)
            assert seqs(c) == [3, 4, 5, 6]
            assert (c.stats.gaps, c.stats.duplicates) == (1, 0)

    async def test_an_event_that_overtakes_its_join_is_held(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            join = await peer.receive("room:join")
            await peer.send(event(6), event(9))
            await peer.send(joined(join, seq=8, recovered="full"), event(6), event(7))
            await peer.send(event(8), event(10))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await c.join(ROOM, since=("e1", 5))
            await settled(c)
            assert seqs(c) == [6, 7, 8, 9, 10]
            assert (c.stats.gaps, c.stats.duplicates) == (0, 0)

    async def test_what_was_held_is_forgotten_with_its_connection(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("room:join")
            await peer.send(event(7))
            await peer.close(4500)

        async def second(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=6, recovered="full")
            await peer.send(event(6), event(7))
            await answer_pings(peer)

        async with client(await stage.play(first, second)) as c:
            await c.join(ROOM, since=("e1", 5))
            await settled(c)
            assert seqs(c) == [6, 7]
            assert c.stats.duplicates == 0

    async def test_a_snapshot_is_announced_in_order(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.send(event(2))
            await peer.receive("work")
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=3, epoch="e2", recovered="snapshot", state={"a": 1})
            await peer.send(event(4, epoch="e2"))
            await peer.send(ack(await peer.receive("work")))

        async with client(await stage.play(first, second)) as c:
            await c.join(ROOM)
            await c.ask("work")
            assert [event["type"] for event in c._events] == ["said", "client:snapshot", "said"]
            snapshot = await c.expect("client:snapshot", room=ROOM)
            assert snapshot["data"]["state"] == {"a": 1}
            assert seqs(c) == [2, 4]
            assert c.position(ROOM) == ("e2", 4)

    async def test_another_epoch_joins_again(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=5)
            await peer.send(event(1, epoch="e2"), event(2, epoch="e2"))
            join = await peer.receive("room:join")
            assert join["data"]["since"] == {"epoch": "e1", "seq": 5}
            await peer.send(joined(join, seq=1, epoch="e2", recovered="snapshot"))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await c.join(ROOM)
            await c.expect("client:snapshot")
            assert seqs(c) == [2]
            assert c.position(ROOM) == ("e2", 2)

    async def test_a_room_that_cannot_be_joined_again_is_announced(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.receive("work")
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(refusal(await peer.receive("room:join"), "room.not_found"))
            await peer.send(ack(await peer.receive("work")))

        async with client(await stage.play(first, second)) as c:
            await c.join(ROOM)
            await c.ask("work")
            left = await c.expect("client:left", room=ROOM)
            assert left["data"] == {"code": "room.not_found", "message": "No."}
            assert c.position(ROOM) is None

    async def test_an_own_command_replayed_after_a_drop_is_no_duplicate(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.receive("work")
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=2, recovered="full")
            await peer.send(event(2))
            await peer.send(logged(await peer.receive("work"), 2), event(3))
            await answer_pings(peer)

        async with client(await stage.play(first, second)) as c:
            await c.join(ROOM)
            assert (await c.ask("work")).seq == 2
            await settled(c)
            assert seqs(c) == [2, 3]
            assert (c.stats.gaps, c.stats.duplicates) == (0, 0)

    async def test_the_answer_to_a_resent_command_may_overtake_its_event(self, stage: Stage) -> None:
        async def first(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1)
            await peer.receive("near")
            await peer.receive("far")
            await peer.drop()

        async def second(peer: Peer) -> None:
            await peer.welcome()
            await peer.admit(seq=1, recovered="full")
            near, far = await peer.receive("near"), await peer.receive("far")
            await peer.send(logged(near, 2), logged(far, 4), event(2), event(3), event(4), event(5))
            await answer_pings(peer)

        async with client(await stage.play(first, second)) as c:
            await c.join(ROOM)
            await asyncio.gather(c.ask("near"), c.ask("far"))
            await settled(c)
            assert seqs(c) == [3, 4, 5]
            assert (c.stats.gaps, c.stats.duplicates) == (0, 0)

    async def test_a_join_that_appends_to_the_log_advances_by_its_own_ack(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            join = await peer.receive("room:join")
            await peer.send(joined(join, seq=4) | {"room": ROOM, "epoch": "e1", "seq": 5})
            await peer.send(event(6))
            await answer_pings(peer)

        async with client(await stage.play(part)) as c:
            await c.join(ROOM)
            await settled(c)
            assert seqs(c) == [6]
            assert not c.stats.gaps


class TestEvents:
    async def test_expect_takes_its_type_and_leaves_the_others(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(*[{"type": kind, "room": room} for kind in "ab" for room in "xy"])

        async with client(await stage.play(part)) as c:
            assert await c.expect("b", room="y") == {"type": "b", "room": "y"}
            assert await c.expect("a") == {"type": "a", "room": "x"}
            with pytest.raises(TimeoutError, match=r"no c within 0.02 s; unread: a, b"):
                await c.expect("c", timeout=0.02)
            assert len(c._events) == 2

    async def test_several_expect_at_once(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.receive("go")
            for kind in "cba":
                await peer.send({"type": kind})

        async with client(await stage.play(part)) as c:
            waiting = [asyncio.create_task(c.expect(kind)) for kind in "abc"]
            await asyncio.sleep(0)
            c.tell("go")
            assert [event["type"] for event in await asyncio.gather(*waiting)] == ["a", "b", "c"]

    async def test_events_end_when_the_client_closes(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send({"type": "a"}, {"type": "b"})

        c = await client(await stage.play(part)).connect()
        seen = []
        async for message in c.events():
            seen.append(message["type"])
            if len(seen) == 2:
                await c.close()
        assert seen == ["a", "b"]

    async def test_events_raise_when_the_server_ends_it(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send({"type": "a"})
            await peer.close(4403, "perm.denied")

        seen: list[str] = []
        async with client(await stage.play(part)) as c:
            with pytest.raises(ConnectionClosedError, match="4403"):
                await collect(c, seen)
        assert seen == ["a"]

    async def test_errors_without_an_id_are_events(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            for extra in ({}, {"id": None}):
                await peer.send({"type": "error", "code": "cursor.invalid"} | extra)

        async with client(await stage.play(part)) as c:
            for _ in range(2):
                assert (await c.expect("error"))["code"] == "cursor.invalid"

    async def test_the_oldest_unread_events_are_dropped_and_counted(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send(*[event(n) for n in range(5)])
            await answer_pings(peer)

        async with client(await stage.play(part), max_events=3) as c:
            await settled(c)
            assert seqs(c) == [2, 3, 4]
            assert c.stats.overflowed == 2

    async def test_a_callback_takes_events_instead_of_the_queue(self, stage: Stage) -> None:
        async def part(peer: Peer) -> None:
            await peer.welcome()
            await peer.send({"type": "a"}, {"type": "b"})
            await answer_pings(peer)

        seen: list[Message] = []
        async with client(await stage.play(part), on_event=seen.append) as c:
            await settled(c)
            assert [event["type"] for event in seen] == ["a", "b"]
            assert not c._events


class FaultyRoom:
    """A server of one room that commits by the book, but whose connections break and lose events."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.log: list[str] = []
        self.answers: dict[tuple[str, str], int] = {}
        self.members: dict[ServerConnection, asyncio.Queue[str]] = {}

    async def handle(self, socket: ServerConnection) -> None:
        outgoing: asyncio.Queue[str] = asyncio.Queue()
        writer = asyncio.create_task(self.write(socket, outgoing))
        instance = ""
        try:
            async for raw in socket:
                frame = json.loads(raw)
                if frame["type"] == "hello":
                    instance = frame["data"]["client"]["instance"]
                    self.put(outgoing, {"type": "connected", "data": {}})
                elif frame["type"] == "room:join":
                    self.join(socket, frame, outgoing)
                else:
                    self.say(socket, instance, frame, outgoing)
        except ConnectionClosed:
            pass
        finally:
            self.members.pop(socket, None)
            writer.cancel()

    async def write(self, socket: ServerConnection, outgoing: asyncio.Queue[str]) -> None:
        with suppress(ConnectionClosed):
            while True:
                await socket.send(await outgoing.get())

    def put(self, outgoing: asyncio.Queue[str], *messages: Message) -> None:
        outgoing.put_nowait(json.dumps(messages))

    def join(self, socket: ServerConnection, frame: Message, outgoing: asyncio.Queue[str]) -> None:
        since = frame["data"].get("since")
        head = len(self.log)
        answer = joined(frame, seq=head, recovered="full" if since else "none")
        missed = range(since["seq"] + 1, head + 1) if since else ()
        self.put(outgoing, answer, *[event(seq) for seq in missed])
        self.members[socket] = outgoing

    def say(self, socket: ServerConnection, instance: str, frame: Message, outgoing: asyncio.Queue[str]) -> None:
        if self.chance.random() < 0.1:
            self.put(outgoing, busy(frame))
            return
        if self.chance.random() < 0.05:
            socket.transport.abort()
            return
        key = (instance, frame["id"])
        if key not in self.answers:
            self.log.append(frame["data"]["body"])
            self.answers[key] = len(self.log)
            for member, queue in self.members.items():
                if member is not socket and self.chance.random() < 0.95:
                    self.put(queue, event(len(self.log)))
        if self.chance.random() < 0.05:
            socket.transport.abort()
            return
        self.put(outgoing, logged(frame, self.answers[key]))


async def test_nothing_is_lost_or_doubled_over_a_faulty_server() -> None:
    room = FaultyRoom(random.Random(20))
    async with await listen(room.handle, "127.0.0.1", 0, close_timeout=0.1) as server:
        url = url_of(server)
        seen: list[list[int]] = [[], [], []]
        clients = [
            await client(url, on_event=lambda event, n=n: seen[n].append(event["seq"])).connect() for n in range(3)
        ]
        await asyncio.gather(*[c.join(ROOM) for c in clients])

        async def talk(c: Client, name: str) -> list[int | None]:
            return [(await c.ask("say", {"body": f"{name}{n}"})).seq for n in range(100)]

        answered = await asyncio.gather(*[talk(c, name) for c, name in zip(clients, "abc", strict=True)])
        last = [await c.ask("say", {"body": "end"}) for c in clients]
        final = len(room.log)
        for c in clients:
            await c.join(ROOM, since=c.position(ROOM))
        await until(lambda: all(c.position(ROOM) == ("e1", final) for c in clients))
        for c in clients:
            await c.close()

    assert sorted(room.log) == sorted([f"{name}{n}" for name in "abc" for n in range(100)] + ["end"] * 3)
    for events, acks, end in zip(seen, answered, last, strict=True):
        assert events == sorted(set(events))
        assert set(events) | set(acks) | {end.seq} == set(range(1, final + 1))
    assert sum(c.stats.connections for c in clients) > 3
    assert sum(c.stats.gaps for c in clients) > 0
    assert sum(c.stats.retries for c in clients) > 0
    assert sum(c.stats.duplicates for c in clients) == 0


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=20)


def test_importing_the_client_does_not_import_django() -> None:
    check = "import sys, bduf_realtime.client; sys.exit('django' in sys.modules)"
    assert run("-c", check).returncode == 0


async def test_the_command_line_prints_events_as_json_lines(stage: Stage) -> None:
    async def part(peer: Peer) -> None:
        await peer.welcome()
        await peer.admit(seq=1)
        await peer.send(event(2))
        await peer.close(4410, "session.ended")

    url = await stage.play(part)
    module = ("-m", "bduf_realtime.client", "--url", url, "--token", "jwt", "--join", ROOM)
    result = await asyncio.to_thread(run, *module)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["connected", "client:joined", "said"]
    assert lines[2] == event(2)
    assert "4410 session.ended" in result.stderr
