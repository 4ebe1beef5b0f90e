"""AsyncAPI 3 from the handler table, the structs and the error table; what is not in the code is not in it."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import msgspec

from bduf_realtime.gateway.errors import CODES, Close, ErrorFrame
from bduf_realtime.gateway.handlers import Handler, table
from bduf_realtime.gateway.messages import NOTICES, ServerPing
from bduf_realtime.rooms.batch import Submission
from bduf_realtime.rooms.events import Ack, Author, Event

REF = "#/components/schemas/{name}"

Shapes = dict[str, type[msgspec.Struct]]

# What the server sends whose shape is that of the whole frame.
WHOLE: Shapes = {"ack": Ack, "error": ErrorFrame, "ping": ServerPing}

# What each domain adds: the consumer of `/ws/`, and the events it can receive. Filled by `describe`.
_described: dict[str, Any] = {"consumer": None, "events": {}, "ephemeral": {}}


def describe(consumer: type, events: Shapes, ephemeral: Shapes) -> None:
    """Names the consumer whose commands the document shows, and the events: numbered ones, and those without."""
    _described.update(consumer=consumer, events=events, ephemeral=ephemeral)


def document() -> dict[str, Any]:
    """The whole document, in a stable order."""
    handlers = [handler for _, handler in sorted(table(_described["consumer"]).items())]
    events: Shapes = dict(sorted(_described["events"].items()))
    ephemeral: Shapes = dict(sorted(_described["ephemeral"].items()))
    shapes = _shapes(handlers, [*NOTICES.values(), *events.values(), *ephemeral.values()])
    schemas = _schemas(shapes)
    messages: dict[str, Any] = {}
    for handler in handlers:
        message = messages[_key(handler.type)] = {
            "name": handler.type,
            "title": handler.type,
            "summary": handler.summary,
            "description": inspect.getdoc(handler.shape) or "",
            "payload": _envelope(handler),
        }
        for shape in _answers(handler):
            message["x-ack"] = _ref(shape)
    sent: dict[str, tuple[type[msgspec.Struct], dict[str, Any]]] = {
        **{
            type_: (shape, {"allOf": [_ref(Event), {"properties": _typed(type_, shape)}]})
            for type_, shape in events.items()
        },
        **{type_: (shape, _ephemeral(_typed(type_, shape))) for type_, shape in ephemeral.items()},
        **{type_: (shape, _notice(_typed(type_, shape))) for type_, shape in NOTICES.items()},
        **{type_: (shape, _ref(shape)) for type_, shape in WHOLE.items()},
    }
    keys = {type_: _key(type_) if _key(type_) not in messages else f"{_key(type_)}.event" for type_ in sent}
    for type_, (shape, payload) in sent.items():
        messages[keys[type_]] = {
            "name": type_,
            "title": type_,
            "description": inspect.getdoc(shape) or "",
            "payload": payload,
        }
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    channel = {"$ref": "#/channels/client"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "bduf_realtime",
            "version": "1",
            "description": "One socket for everything: commands in, acks, errors and numbered events out.",
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8000", "protocol": "ws", "pathname": "/ws/"}},
        "channels": {"client": {"address": "/ws/", "messages": refs}},
        "operations": {
            "command": {
                "action": "receive",
                "channel": channel,
                "summary": "What a client may send.",
                "messages": [{"$ref": f"#/channels/client/messages/{_key(h.type)}"} for h in handlers],
            },
            "event": {
                "action": "send",
                "channel": channel,
                "summary": "What the server sends.",
                "messages": [{"$ref": f"#/channels/client/messages/{name}"} for name in keys.values()],
            },
        },
        "components": {"messages": messages, "schemas": schemas},
        "x-error-codes": {
            code: {"message": m.text, "status": m.status, "retryable": m.retryable} for code, m in CODES.items()
        },
        "x-close-codes": {str(int(code)): code.name.lower() for code in Close},
    }


def _shapes(handlers: list[Handler], events: list[type[msgspec.Struct]]) -> list[type[msgspec.Struct]]:
    shapes: list[Any] = [Event, *WHOLE.values(), *events]
    for handler in handlers:
        shapes += [handler.shape, *_answers(handler)]
    return list(dict.fromkeys(shapes))


def _answers(handler: Handler) -> list[type[msgspec.Struct]]:
    """The shape of a command's ack, where its handler says."""
    answers = [handler.answers, *get_args(handler.answers)]
    return [a for a in answers if isinstance(a, type) and issubclass(a, msgspec.Struct) and a is not Submission]


def _schemas(shapes: list[type[msgspec.Struct]]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(shapes, ref_template=REF)
    return dict(sorted(components.items()))


def _ref(shape: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": REF.format(name=shape.__name__)}


def _typed(type_: str, shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {"type": {"const": type_}, "data": _ref(shape)}


def _notice(of_type: dict[str, Any]) -> dict[str, Any]:
    """The frame of what belongs to no room; a pong has its ping's id."""
    return {"type": "object", "required": ["type", "data"], "properties": {"id": {"type": "string"}, **of_type}}


def _ephemeral(of_type: dict[str, Any]) -> dict[str, Any]:
    """The frame of an event without a number; a cursor says itself whose it is."""
    optional = {"at": {"type": "string"}, "by": _ref(Author)}
    return {
        "type": "object",
        "required": ["type", "room", "data"],
        "properties": {"room": {"type": "string"}, **optional, **of_type},
    }


def _envelope(handler: Handler) -> dict[str, Any]:
    fields = msgspec.structs.fields(handler.shape)
    return {
        "type": "object",
        "required": ["type", "data"] if fields else ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {"const": handler.type},
            "id": {"type": "string", "minLength": 1, "maxLength": 64},
            "data": _ref(handler.shape),
        },
    }


def _key(type_: str) -> str:
    return type_.replace(":", ".")
