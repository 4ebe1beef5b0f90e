"""What `manage.py check` says of settings that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest

from bduf_realtime.gateway.checks import consistent_settings, inconsistencies
from bduf_realtime.gateway.conf import Conf


@pytest.mark.parametrize(
    ("changes", "id_"),
    [
        ({"heartbeat_timeout": 20.0}, "bduf.E001"),
        ({"instance_lease": 10.0}, "bduf.E002"),
        ({"outbox_ping_bytes": 1_048_576}, "bduf.E003"),
        ({"cursor_tick_ms": 9}, "bduf.E004"),
        ({"database_threads": 0}, "bduf.E005"),
        ({"rate_join": 0.0}, "bduf.E006"),
        ({"rate_handshake": 0.0}, "bduf.E006"),
        ({"rate_login": "20"}, "bduf.E007"),
        ({"rate_login": "many/min"}, "bduf.E007"),
        ({"rate_login": "20/fortnight"}, "bduf.E007"),
        ({"rate_login": "0/min"}, "bduf.E007"),
        ({"outbox_bytes": 17 * 1_048_576}, "bduf.W001"),
    ],
)
def test_a_contradiction_is_found_and_named(changes: dict[str, Any], id_: str) -> None:
    found = inconsistencies(Conf(**changes))
    assert [message.id for message in found] == [id_]
    assert "BDUF_" in found[0].msg


@pytest.mark.parametrize("rate", ["5/s", "20/min", "100/hour", "1000/day", "1/m"])
def test_every_rate_of_the_rest_framework_is_a_login_rate(rate: str) -> None:
    assert inconsistencies(Conf(rate_login=rate)) == []


def test_the_defaults_and_this_servers_settings_are_consistent() -> None:
    assert inconsistencies(Conf()) == []
    assert consistent_settings(None) == []
