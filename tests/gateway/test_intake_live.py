"""Bodies at the real servers: in chunks, too long, and never ending."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.live import Live

pytestmark = pytest.mark.live
MIB = 1_048_576
PATH = "/api/v1/auth/token/"
JSON = {"Content-Type": "application/json"}


def posted(live: Live, body: Any, headers: dict[str, str]) -> tuple[int, str]:
    """The answer to a body that may be refused before all of it has been sent."""
    at = urlsplit(live.url)
    with closing(http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # the answer came first, and is there to be read
            connection.request("POST", PATH, body, JSON | headers, encode_chunked="Transfer-Encoding" in headers)
        with connection.getresponse() as response:
            return response.status, json.loads(response.read())["code"]


def test_a_body_in_chunks_is_read_like_any_other(live: Live) -> None:
    body = json.dumps({"username": "nobody", "password": "x"}).encode()
    chunks = [body[:5], body[5:9], body[9:]]
    assert posted(live, iter(chunks), {"Transfer-Encoding": "chunked"}) == (401, "auth.invalid")


def test_a_body_deeper_than_anybody_needs_is_refused(live: Live) -> None:
    assert posted(live, b"[" * MIB, {}) == (400, "msg.too_deep")


@pytest.mark.parametrize("way", ["its length said", "in chunks"])
def test_a_hundred_megabytes_are_refused_and_take_up_no_memory(live: Live, way: str) -> None:
    server = live.deployment.servers[0]
    before = server.rss_bytes()

    def megabytes() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * MIB

    headers = {"Content-Length": str(100 * MIB)} if way == "its length said" else {"Transfer-Encoding": "chunked"}
    # What is not read of the body any more may cost the client the answer.
    with suppress(ConnectionResetError, http.client.ResponseNotReady):
        assert posted(live, megabytes(), headers) == (413, "quota.exceeded")
    assert server.rss_bytes() - before < 20 * MIB
    assert live.rest("GET", "asyncapi.json")[0] == 200
