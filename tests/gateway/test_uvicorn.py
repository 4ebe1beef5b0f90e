"""uvicorn's WebSocket protocol as we run it: messages arrive whole and in order, however they were cut on their way."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import uvicorn

from bduf_realtime.gateway.uvicorn import MUCH, PLAIN_BYTES, READ_AHEAD, Protocol
from tests.hostile.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.servers import MS, eventually

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LARGEST = 200_000


class Echo:
    """A connection to an application that sends back what it gets, once it may.

    What comes in is given to the protocol in pieces of the test's choice; what goes out comes over TCP.
    """

    protocol: Protocol
    answers: asyncio.StreamReader

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.may.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await self.may.wait()
            await send({**message, "type": "websocket.send"})

    async def frame(self) -> tuple[int, bytes]:
        """Reads one frame: opcode and payload."""
        async with asyncio.timeout(10_000 * MS):
            first, size = await self.answers.readexactly(2)
            assert first & 0x80
            if size == 126:
                (size,) = struct.unpack("!H", await self.answers.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.answers.readexactly(8))
            return first & 0x0F, await self.answers.readexactly(size)

    async def closed(self) -> int:
        """Reads the close frame, which comes next; returns its code."""
        opcode, payload = await self.frame()
        assert opcode == CLOSE
        return int.from_bytes(payload[:2], "big")


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    application = Echo()
    config = uvicorn.Config(
        application, port=0, ws=Protocol, ws_max_size=LARGEST, ws_ping_interval=None, lifespan="off", log_config=None
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    application.answers, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE)
    await application.answers.readuntil(b"\r\n\r\n")
    (connection,) = server.server_state.connections
    assert isinstance(connection, Protocol)
    application.protocol = connection
    yield application
    writer.close()
    await server.shutdown()


def conversation(chance: random.Random) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Some frames of every kind and length, and what an echo answers."""
    sent, answers = b"", []
    for size in (0, 1, 125, 126, 300, PLAIN_BYTES - 1, PLAIN_BYTES, PLAIN_BYTES + 1, 150_000):
        opcode = chance.choice((TEXT, BINARY))
        payload = ("é" * size).encode()[:size] if opcode == TEXT and size % 2 == 0 else bytes(size)
        sent += frame(payload, opcode)
        answers.append((opcode, payload))
    sent += frame(b"in ", fin=False) + frame(b"three ", CONTINUATION, fin=False)
    sent += frame(b"are you there?", PING) + frame(b"pieces", CONTINUATION) + frame(b"and one")
    return sent, [*answers, (TEXT, b"in three pieces"), (TEXT, b"and one")]


@pytest.mark.parametrize("seed", range(12))
async def test_wherever_frames_are_cut_the_same_messages_arrive(echo: Echo, seed: int) -> None:
    chance = random.Random(seed)
    sent, expected = conversation(chance)
    # Near the beginning every head is cut somewhere; further on there is more of nothing to cut.
    cuts = chance.sample(range(1, 1_000), chance.randint(0, 200)) + chance.sample(range(1_000, len(sent)), 10)
    for start, stop in pairwise([0, *sorted(cuts), len(sent)]):
        echo.protocol.data_received(sent[start:stop])
        if chance.random() < 0.2:
            await asyncio.sleep(0)
    answers = [await echo.frame() for _ in range(len(expected) + 1)]
    assert (PONG, b"are you there?") in answers
    assert [answer for answer in answers if answer[0] != PONG] == expected


async def test_a_stream_that_comes_byte_by_byte_is_read_all_the_same(echo: Echo) -> None:
    sent = frame(b"one") + frame(bytes(126), BINARY) + frame(b"", PING) + frame(b"t", fin=False) + frame(b"wo", 0)
    for byte in sent:
        echo.protocol.data_received(bytes((byte,)))
    answers = [await echo.frame() for _ in range(4)]
    assert sorted(answers) == sorted([(TEXT, b"one"), (BINARY, bytes(126)), (PONG, b""), (TEXT, b"two")])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (frame(b"\xff\xff"), 1007),
        (frame(b"plain", masked=False), 1002),
        (frame(b"begun", fin=False) + frame(b"another"), 1002),
        (frame(b"", rsv=4), 1002),
        (frame(b"", opcode=3), 1002),
        (frame(b"", length=LARGEST + 1), 1009),
        (frame(b"", length=2**63 - 1), 1009),
    ],
    ids=["bad UTF-8", "unmasked", "within another", "reserved bit", "unknown", "too large", "endless"],
)
async def test_what_is_no_websocket_ends_the_connection_after_what_came_before(
    echo: Echo, wrong: bytes, code: int
) -> None:
    echo.protocol.data_received(frame(b"right"))
    assert await echo.frame() == (TEXT, b"right")
    echo.protocol.data_received(wrong + frame(b"too late"))
    echo.protocol.data_received(frame(b"later still"))
    assert await echo.closed() == code


async def test_nothing_is_heard_after_a_close(echo: Echo) -> None:
    echo.protocol.data_received(frame(struct.pack("!H", 1000), CLOSE) + frame(b"too late"))
    assert await echo.closed() == 1000
    assert await echo.answers.read() == b""


async def test_reading_pauses_while_many_messages_wait_and_goes_on_when_none_does(echo: Echo) -> None:
    echo.may.clear()
    echo.protocol.data_received(frame(b"0"))
    await asyncio.sleep(0)
    echo.protocol.data_received(b"".join(frame(b"%d" % n) for n in range(1, READ_AHEAD + 1)))
    assert not echo.protocol.read_paused
    echo.protocol.data_received(frame(b"and one"))
    assert echo.protocol.read_paused
    echo.may.set()
    answers = [await echo.frame() for _ in range(READ_AHEAD + 2)]
    assert answers == [*((TEXT, b"%d" % n) for n in range(READ_AHEAD + 1)), (TEXT, b"and one")]
    assert not echo.protocol.read_paused


@pytest.mark.parametrize("piece", [frame(b"", PING), frame(b"", CONTINUATION, fin=False)], ids=["pings", "fragments"])
async def test_whoever_sends_much_at_once_lets_others_have_a_turn(echo: Echo, piece: bytes) -> None:
    echo.protocol.data_received(frame(b"", fin=False))
    echo.protocol.data_received(piece * (MUCH // len(piece) + 1))
    assert not echo.protocol.transport.is_reading()
    await eventually(echo.protocol.transport.is_reading)


async def test_what_comes_after_the_close_is_let_go_up_to_the_answer_to_it(echo: Echo) -> None:
    echo.protocol.data_received(frame(b"bye"))
    assert await echo.frame() == (TEXT, b"bye")
    await echo.protocol.send({"type": "websocket.close", "code": 4529})
    echo.protocol.data_received(frame(b"too late") * 20_000)
    assert echo.protocol.queue.get_nowait()["type"] == "websocket.disconnect"
    assert echo.protocol.queue.empty()
    assert await echo.closed() == 4529
    echo.protocol.data_received(frame(struct.pack("!H", 4529), CLOSE))
    assert await echo.answers.read() == b""
