"""Calls of REST that are sent again under the same Idempotency-Key: done once, as commands are."""

from __future__ import annotations

from collections.abc import Callable

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import MAX_ID
from bduf_realtime.rooms import log
from bduf_realtime.rooms.commands import Effect, carry_out
from bduf_realtime.rooms.events import CommandKey, IdConflict, fingerprint

HEADER = "Idempotency-Key"
KEY = OpenApiParameter(
    HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"Up to {MAX_ID} characters; sent again with the same key and body, the call does nothing more.",
)


def once(request: Request, change: Callable[[], object]) -> None:
    """Carries out a change, unless the call has a key under which that was done; raises msg.id_conflict."""
    name = request.headers.get(HEADER, "")
    if not name:
        change()
        return
    if len(name) > MAX_ID:
        raise RealtimeError("msg.bad_value", f"A key has up to {MAX_ID} characters.", details={"field": HEADER})

    def run() -> Effect:
        change()
        return Effect(None)

    call = f"{request.method} {request.get_full_path()}"
    try:
        _, events = carry_out(CommandKey(str(request.user.pk), "rest", name, fingerprint(call, request.data)), run)
    except IdConflict as error:
        raise RealtimeError("msg.id_conflict") from error
    for event in events:
        log.announce(event)
