"""What `manage.py check` says of this server's own settings."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from django.core.checks import CheckMessage, Error, Warning, register

from bduf_realtime.gateway.conf import Conf, conf


@register()
def consistent_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Finds settings that contradict each other."""
    return inconsistencies(conf)


def inconsistencies(conf: Conf) -> list[CheckMessage]:
    """Lists the contradictions in a configuration."""
    found: list[CheckMessage] = []

    def must(holds: bool, number: int, message: str) -> None:
        if not holds:
            found.append(Error(message, id=f"bduf.E{number:03d}"))

    must(
        conf.heartbeat_timeout > conf.heartbeat_interval,
        1,
        "BDUF_HEARTBEAT_TIMEOUT must be longer than BDUF_HEARTBEAT_INTERVAL.",
    )
    must(
        conf.instance_lease > 2 * conf.instance_renewal,
        2,
        "BDUF_INSTANCE_LEASE must be more than twice BDUF_INSTANCE_RENEWAL.",
    )
    must(
        conf.outbox_ping_bytes < conf.outbox_window,
        3,
        "BDUF_OUTBOX_PING_BYTES must be smaller than BDUF_OUTBOX_WINDOW.",
    )
    must(conf.cursor_tick_ms >= 10, 4, "BDUF_CURSOR_TICK_MS must be at least 10.")
    must(conf.database_threads >= 1, 5, "BDUF_DATABASE_THREADS must be at least 1.")
    rates = [value for name, value in msgspec.structs.asdict(conf).items() if name.startswith("rate_")]
    must(all(isinstance(rate, str) or rate > 0 for rate in rates), 6, "Every BDUF_RATE_<NAME> must be more than 0.")
    for number, name in ((7, "rate_login"), (8, "rate_rest"), (9, "rate_invitation")):
        must(
            re.fullmatch(r"[1-9]\d*/[smhd]\w*", getattr(conf, name)) is not None,
            number,
            f"BDUF_{name.upper()} must be a number per period, as 20/min or 100/hour.",
        )
    if conf.outbox_bytes > 16 * 1_048_576:
        found.append(Warning("BDUF_OUTBOX_BYTES is large: slow readers will fill the memory.", id="bduf.W001"))
    return found
