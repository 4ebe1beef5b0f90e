"""Bodies of HTTP calls: bounded before anybody reads them, and whole when somebody does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import settings

from bduf_realtime.gateway.intake import BoundedBodies

LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class Call:
    """One HTTP call through the wrapper; what is behind it reads the body and says how long it was."""

    def __init__(self, chunks: AsyncIterator[bytes], length: str | None = None) -> None:
        self.chunks = chunks
        self.headers = [(b"host", b"localhost")] + ([(b"content-length", length.encode())] if length else [])
        self.sent: list[Any] = []
        self.taken = 0
        self.seen: dict[str, Any] = {}

    async def receive(self) -> Any:
        async for chunk in self.chunks:
            self.taken += len(chunk)
            return {"type": "http.request", "body": chunk, "more_body": True}
        if self.seen:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, event: Any) -> None:
        self.sent.append(event)

    async def behind(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen = {"headers": dict(scope["headers"]), "first": await receive()}
        self.seen["then"] = (await receive())["type"]

    async def make(self) -> None:
        scope = {"type": "http", "headers": self.headers, "path": "/api/v1/projects/", "method": "POST"}
        await BoundedBodies(self.behind)(scope, self.receive, self.send)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536


async def test_a_body_in_chunks_arrives_whole_and_with_its_length() -> None:
    call = Call(chunks(b'{"na', b'me":', b'"x"}'))
    await call.make()
    assert call.seen["first"] == {"type": "http.request", "body": b'{"name":"x"}', "more_body": False}
    assert call.seen["headers"][b"content-length"] == b"12"
    assert call.seen["then"] == "http.disconnect"


async def test_a_length_that_was_said_stays_as_it_was() -> None:
    call = Call(chunks(b"abc"), "3")
    await call.make()
    assert call.seen["headers"][b"content-length"] == b"3"
    nothing = Call(chunks())
    await nothing.make()
    assert b"content-length" not in nothing.seen["headers"]


async def test_a_body_as_long_as_allowed_passes_and_a_byte_more_does_not() -> None:
    call = Call(chunks(b"x" * LIMIT))
    await call.make()
    assert len(call.seen["first"]["body"]) == LIMIT
    call = Call(chunks(b"x" * LIMIT, b"x"))
    await call.make()
    assert (call.seen, call.sent[0]["status"]) == ({}, 413)


async def test_an_endless_body_is_read_no_further_than_the_limit() -> None:
    call = Call(endless())
    await call.make()
    assert LIMIT < call.taken <= LIMIT + 65_536
    start, body = call.sent
    assert start["status"] == 413
    headers = dict(start["headers"])
    assert (headers[b"connection"], headers[b"cache-control"]) == (b"close", b"no-store")
    assert int(headers[b"content-length"]) == len(body["body"])
    answer = json.loads(body["body"])
    assert (answer["code"], answer["details"]) == ("quota.exceeded", {"limit": LIMIT})


@pytest.mark.parametrize("length", [str(LIMIT + 1), "104857600", "9" * 400])
async def test_a_body_that_says_it_is_too_long_is_not_read_at_all(length: str) -> None:
    call = Call(endless(), length)
    await call.make()
    assert (call.taken, call.sent[0]["status"]) == (0, 413)


@pytest.mark.parametrize("length", ["5", "-1", "x", ""])
async def test_a_length_that_is_not_true_lets_nobody_past_the_limit(length: str) -> None:
    call = Call(endless(), length)
    await call.make()
    assert call.sent[0]["status"] == 413
    assert call.seen == {}


async def test_a_caller_who_is_gone_before_the_end_is_not_answered() -> None:
    call = Call(chunks(b"half"))

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": call.headers}
    await BoundedBodies(call.behind)(scope, gone, call.send)
    assert (call.seen, call.sent) == ({}, [])
