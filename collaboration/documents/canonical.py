"""The one form in which a document's content is hashed, kept as a version and compared. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

Content = str | Mapping[str, Any]


def canonical(content: Content) -> bytes:
    """The UTF-8 text, or the values' JSON by sorted keys and without spaces; a value that is null is none."""
    if isinstance(content, str):
        return content.encode()
    return msgspec.json.encode({key: value for key, value in content.items() if value is not None}, order="sorted")


def digest(content: Content) -> str:
    """The SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(canonical(content)).hexdigest()


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys whose values are not the same, sorted."""
    return [
        key
        for key in sorted(before.keys() | after.keys())
        if msgspec.json.encode(before.get(key), order="sorted") != msgspec.json.encode(after.get(key), order="sorted")
    ]
