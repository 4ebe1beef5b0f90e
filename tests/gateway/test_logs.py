"""Logs: one JSON line an event, no credential in any of them, two lines a connection."""

from __future__ import annotations

import json
import logging
from io import StringIO
from typing import Any

import pytest
import structlog
from daphne.access import AccessLogGenerator

from bduf_realtime.gateway import logs
from tests.live import Live
from tests.servers import eventually

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl"


@pytest.fixture(scope="module")
def formatter() -> logging.Formatter:
    """What the server's own handler writes with."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    (ours,) = [f for f in formatters if isinstance(f, logs._Redacting)]
    return ours


def written(formatter: logging.Formatter, message: Any, *args: Any, name: str = "some.library", **more: Any) -> str:
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, args, more.get("exc_info"))
    assert logs._brief(record)
    text = formatter.format(record)
    assert "\n" not in text
    return text


def test_a_librarys_record_is_one_json_line(formatter: logging.Formatter) -> None:
    line = json.loads(written(formatter, "hello %s", "world\r\n{}"))
    assert (line["event"], line["level"], line["logger"]) == ("hello world\r\n{}", "warning", "some.library")
    assert line["timestamp"].endswith("Z")


def test_an_exception_stays_on_its_line(formatter: logging.Formatter) -> None:
    try:
        raise ValueError(f"failed with Bearer {JWT}")
    except ValueError as error:
        line = json.loads(written(formatter, "oh", exc_info=(ValueError, error, error.__traceback__)))
    assert "ValueError: failed with Bearer [redacted]" in line["exception"]


@pytest.mark.parametrize("name", ["django.security.DisallowedHost", "django.security.csrf"])
def test_what_any_client_can_cause_comes_without_a_traceback(formatter: logging.Formatter, name: str) -> None:
    error = ValueError("x")
    line = json.loads(written(formatter, "Invalid HTTP_HOST header", name=name, exc_info=(ValueError, error, None)))
    assert "exception" not in line


@pytest.mark.parametrize(
    "text",
    [
        f"GET /ws/?token={JWT}",
        "GET /ws/?access_token=opaque-secret&v=1",
        f"got {JWT}",
        "Authorization: Bearer opaque-secret",
        "protocols bduf.v1, bearer.opaque-secret",
        f"x{JWT}",
        f"('{JWT}',)",
    ],
)
def test_a_credential_is_blotted_out_wherever_it_stands(formatter: logging.Formatter, text: str) -> None:
    for line in (written(formatter, text), written(formatter, "%s", text)):
        assert "[redacted]" in line
        assert "secret" not in line
        assert JWT.split(".")[1] not in line
    event = logs.redact(None, "info", {"event": text, "n": 1})
    assert "[redacted]" in event["event"]
    assert event["n"] == 1


def test_other_text_is_left_alone(formatter: logging.Formatter) -> None:
    text = "session:0f8fad5b token count 5, see https://example.org/?page=2"
    assert json.loads(written(formatter, text))["event"] == text


def test_daphnes_own_access_log_is_redacted_too() -> None:
    stream = StringIO()
    request = {"client": "127.0.0.1:1", "path": f"/?token={JWT}", "method": "GET", "status": 200, "size": 5}
    AccessLogGenerator(stream)("http", "complete", request)
    assert '"GET /?token=[redacted]" 200 5' in stream.getvalue()


def test_the_servers_events_go_the_same_way(caplog: pytest.LogCaptureFixture) -> None:
    structlog.get_logger("bduf_realtime.test").warning("something_happened", token_holder=f"Bearer {JWT}")
    (record,) = caplog.records
    assert isinstance(record.msg, dict)
    assert record.msg["event"] == "something_happened"
    assert JWT not in str(record.msg)


@pytest.mark.live
async def test_a_connection_gets_two_lines_whatever_it_sends_and_no_secret_is_in_them(live: Live) -> None:
    ada = live.person()
    session = live.session()
    async with live.client(ada) as client:
        connection = client.info["connection"]
        await client.join(f"session:{session}")
        for number in range(5):
            await client.ask("collaboration:message:send", {"session": session, "body": f"whisper {number}"})
    assert live.rest("GET", f"me/?token={ada.token}")[0] == 401
    (server,) = live.deployment.servers

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in server.log_text().splitlines() if connection in line]

    await eventually(lambda: len(lines()) >= 2)
    opened, closed = lines()
    assert (opened["event"], closed["event"]) == ("connection_opened", "connection_closed")
    assert (closed["code"], closed["messages_in"]) == (1000, 7)
    log = server.log_text()
    assert ada.token not in log
    assert ada.token.split(".")[2] not in log
    assert "whisper" not in log
