"""Calls of REST that are sent again under the same Idempotency-Key: done once, as commands are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
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


def once(request: Request, change: Callable[[], object]) -> Any:
    """Carries out a change, unless the call has a key under which that was done; raises msg.id_conflict.

    Returns what it returned, the first time it was carried out, as JSON has it.
    """
    name = request.headers.get(HEADER, "")
    if not name:
        return msgspec.to_builtins(change())
    if len(name) > MAX_ID:
        raise RealtimeError("msg.bad_value", f"A key has up to {MAX_ID} characters.", details={"field": HEADER})
    call = f"{request.method} {request.get_full_path()}"
    key = CommandKey(str(request.user.pk), "rest", name, fingerprint(call, request.data))
    try:
        done, events = carry_out(key, lambda: Effect(change()))
    except IdConflict as error:
        raise RealtimeError("msg.id_conflict") from error
    for event in events:
        log.announce(event)
    return msgspec.json.decode(done.ack or b"{}")["data"]
