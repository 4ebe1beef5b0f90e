"""Structured logs: one JSON line an event, no payloads, no tokens, two lines a connection."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from typing import Any

import structlog
from daphne.access import AccessLogGenerator

from bduf_realtime.gateway.conf import ConfigurationError, conf

# The token's run of characters is taken whole, from its beginning: searching inside would cost quadratic time.
_SECRET = re.compile(
    r"(?<![\w-])(?=[\w-]*?eyJ)[\w-]++\.[\w-]+\.[\w-]*|(?<=token=)[^&\s\"']+|(?<=[Bb]earer[ .])[\w.~+/=-]+"
)


def redact(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Second wall behind tokens-never-in-URLs: blots out whatever looks like a credential."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _SECRET.sub("[redacted]", value)
    return event


class _Redacting(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return _SECRET.sub("[redacted]", super().format(record))


def _brief(record: logging.LogRecord) -> bool:
    """Leaves out tracebacks that any client can cause at will: they tell nothing, and fill the disk."""
    if record.name.startswith("django.security.") or record.msg == "Invalid UTF-8 sequence received from client.":
        record.exc_info = None
    return True


def _redact_access_log() -> None:
    """daphne prints the URL of every HTTP request past the logging, query string included."""
    write = AccessLogGenerator.write_entry

    def write_redacted(log: AccessLogGenerator, host: Any, date: Any, request: str, **details: Any) -> None:
        write(log, host, date, _SECRET.sub("[redacted]", request), **details)

    AccessLogGenerator.write_entry = write_redacted


def configure() -> None:
    """Sends structlog and the standard library's logs through one pipe to standard error; raises ConfigurationError."""
    level = logging.getLevelNamesMapping().get(conf.log_level.upper())
    if level is None:
        raise ConfigurationError(f"BDUF_LOG_LEVEL={conf.log_level!r}: there is no such level.")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if conf.log_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Redacting(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    handler.addFilter(_brief)
    _redact_access_log()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Servers say more about each connection than the two lines it gets from us.
    for noisy in (
        "daphne",
        "asyncio",
        "django.channels.server",
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
    ):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
