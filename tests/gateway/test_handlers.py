"""The table of commands."""

from __future__ import annotations

from typing import Any

import pytest

from bduf_realtime.gateway.handlers import Nothing, handles, table
from bduf_realtime.routing import ClientConsumer


class Reading:
    @handles("thing:read")
    async def thing_read(self, message: Nothing, request: Any) -> int:
        """Reads a thing.

        And says more of it.
        """
        return 1


class Writing:
    @handles("thing:write", rate="message")
    def thing_write(self, message: Nothing, request: Any) -> None: ...

    def thing_forget(self, message: Nothing, request: Any) -> None: ...


class Both(Reading, Writing):
    pass


def test_a_consumer_has_its_own_handlers_and_those_of_its_bases() -> None:
    assert set(table(Both)) == {"thing:read", "thing:write"}


def test_a_handler_knows_its_payload_its_rate_its_answer_and_whether_it_is_a_barrier() -> None:
    found = table(Both)
    read, write = found["thing:read"], found["thing:write"]
    assert (read.shape, read.barrier, read.rate, read.answers, read.summary) == (
        Nothing,
        True,
        None,
        int,
        "Reads a thing.",
    )
    assert (write.barrier, write.rate, write.summary) == (False, "message", "")


def test_two_handlers_of_one_type_are_a_mistake() -> None:
    class Twice(Both):
        @handles("thing:read")
        def another(self, message: Nothing, request: Any) -> None: ...

    with pytest.raises(TypeError, match="thing:read"):
        table(Twice)


def test_the_sockets_table_is_made_when_the_class_is() -> None:
    assert ClientConsumer.handlers == table(ClientConsumer)
    assert {"hello", "ping", "room:join", "collaboration:message:send"} <= set(ClientConsumer.handlers)


@pytest.mark.parametrize(
    "type_",
    ["__init__", "_private", "room_join", "dispatch", "close", "websocket.disconnect", "layer.room", "handlers"],
)
def test_no_method_is_reachable_by_its_name(type_: str) -> None:
    assert type_ not in ClientConsumer.handlers
