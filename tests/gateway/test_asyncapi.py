"""The socket contract as a document: whole, resolvable, and made of what is in the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from bduf_realtime.gateway.asyncapi import WHOLE, document
from bduf_realtime.gateway.errors import CODES, Close
from bduf_realtime.gateway.messages import NOTICES
from bduf_realtime.routing import EVENTS, ClientConsumer
from collaboration.messages import EPHEMERAL


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return document()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(spec: dict[str, Any], reference: str) -> Any:
    node: Any = spec
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_command_and_event_is_in_it_with_a_description(spec: dict[str, Any]) -> None:
    messages = spec["components"]["messages"]
    named = {message.get("name", key): message for key, message in messages.items()}
    for type_ in [*ClientConsumer.handlers, *EVENTS, *EPHEMERAL, *NOTICES, *WHOLE]:
        assert named[type_]["description"], type_


def test_commands_are_received_and_events_are_sent(spec: dict[str, Any]) -> None:
    operations = spec["operations"]
    assert len(operations["command"]["messages"]) == len(ClientConsumer.handlers)
    assert len(operations["event"]["messages"]) == len([*EVENTS, *EPHEMERAL, *NOTICES, *WHOLE])


def test_every_reference_leads_somewhere(spec: dict[str, Any]) -> None:
    found = list(references(spec))
    assert len(found) > 50
    for reference in found:
        assert resolve(spec, reference) is not None, reference


def test_payloads_are_as_strict_as_the_reading_of_frames(spec: dict[str, Any]) -> None:
    payload = spec["components"]["messages"]["room.join"]["payload"]
    assert payload["additionalProperties"] is False
    assert payload["required"] == ["type", "data"]
    assert payload["properties"]["type"] == {"const": "room:join"}
    shape = resolve(spec, payload["properties"]["data"]["$ref"])
    assert shape["additionalProperties"] is False
    assert shape["required"] == ["room"]
    assert spec["components"]["messages"]["ping"]["payload"]["required"] == ["type"]


def test_events_have_a_number_unless_they_are_ephemeral(spec: dict[str, Any]) -> None:
    messages = {message["name"]: message["payload"] for message in spec["components"]["messages"].values()}
    assert all("allOf" in messages[type_] for type_ in EVENTS if type_ not in ClientConsumer.handlers)
    for type_ in EPHEMERAL:
        assert set(messages[type_]["properties"]) == {"type", "room", "at", "by", "data"}
        assert messages[type_]["required"] == ["type", "room", "data"]


def test_what_belongs_to_no_room_has_a_type_and_data(spec: dict[str, Any]) -> None:
    operation = spec["operations"]["event"]["messages"]
    sent = [resolve(spec, resolve(spec, message["$ref"])["$ref"]) for message in operation]
    notices = {message["name"]: message["payload"] for message in sent if message["name"] in NOTICES}
    assert notices.keys() == NOTICES.keys()
    for type_, shape in NOTICES.items():
        assert notices[type_]["required"] == ["type", "data"]
        assert notices[type_]["properties"]["data"]["$ref"].endswith(f"/{shape.__name__}")


def test_error_and_close_codes_are_listed(spec: dict[str, Any]) -> None:
    assert set(spec["x-error-codes"]) == set(CODES)
    assert {int(code) for code in spec["x-close-codes"]} == set(Close)


def test_it_is_the_same_every_time_and_json(spec: dict[str, Any]) -> None:
    assert json.dumps(spec) == json.dumps(document())


def test_anybody_may_read_it(client: Client) -> None:
    response = client.get("/api/v1/asyncapi.json")
    assert response.status_code == 200
    assert response.json()["asyncapi"] == "3.0.0"
