"""The socket endpoints, and the one consumer that speaks for all domains."""

from typing import Any

from django.urls import path, re_path

from approvals.consumers import ApprovalConsumer
from approvals.messages import EVENTS as APPROVAL_EVENTS
from bduf_realtime.gateway.asyncapi import describe
from collaboration.consumers import CursorConsumer, DocumentConsumer, YjsConsumer
from collaboration.messages import EPHEMERAL
from collaboration.messages import EVENTS as COLLABORATION_EVENTS
from notifications.consumers import NotificationConsumer
from notifications.messages import EVENTS as NOTIFICATION_EVENTS

EVENTS = COLLABORATION_EVENTS | APPROVAL_EVENTS | NOTIFICATION_EVENTS


class ClientConsumer(DocumentConsumer, CursorConsumer, ApprovalConsumer, NotificationConsumer):
    """Every domain on one socket."""


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    """Refuses sockets at any other path."""
    await receive()
    await send({"type": "websocket.close"})


# Django's stubs know views only; Channels routes to ASGI applications.
websocket_urlpatterns: list[Any] = [
    path("ws/", ClientConsumer.as_asgi()),  # type: ignore[arg-type]
    path("ws/documents/", DocumentConsumer.as_asgi()),  # type: ignore[arg-type]
    path("ws/cursors/", CursorConsumer.as_asgi()),  # type: ignore[arg-type]
    path("ws/approvals/", ApprovalConsumer.as_asgi()),  # type: ignore[arg-type]
    path("ws/notifications/", NotificationConsumer.as_asgi()),  # type: ignore[arg-type]
    path("ws/yjs/<uuid:document>", YjsConsumer.as_asgi()),  # type: ignore[arg-type]
    re_path("", nowhere),  # type: ignore[arg-type]
]

describe(ClientConsumer, EVENTS, EPHEMERAL)
