"""The reading of REST bodies; apart from the rest of REST, for the framework imports it first."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import read_json


class StrictJson(BaseParser):
    """Reads a body as strictly as a frame, and no more of it than DATA_UPLOAD_MAX_MEMORY_SIZE."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            error = RealtimeError("quota.exceeded", f"A body may have {limit} bytes.")
            error.status = 413
            raise error
        try:
            return read_json(raw.decode())
        except UnicodeDecodeError as error:
            raise RealtimeError("msg.bad_json") from error
