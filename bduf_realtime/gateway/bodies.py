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
        try:
            return read_json(_read(stream).decode())
        except UnicodeDecodeError as error:
            raise RealtimeError("msg.bad_json") from error


class Markdown(BaseParser):
    """Reads a text as a file has it, within the same bounds, as the `content` that a JSON body would have."""

    media_type = "text/markdown"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            text = _read(stream).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RealtimeError("msg.bad_text", "The text is not UTF-8.") from error
        if "\0" in text:
            raise RealtimeError("msg.bad_text")
        return {"content": text}


def _read(stream: Any) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw: bytes = stream.read(limit + 1)
    if len(raw) > limit:
        error = RealtimeError("quota.exceeded", f"A body may have {limit} bytes.")
        error.status = 413
        raise error
    return raw
