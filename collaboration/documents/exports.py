"""A document as a file. Pure."""

from __future__ import annotations

import json
import re

from collaboration.documents.canonical import Content

# What some file system does not take in a name, or takes for something else.
_UNSAFE = re.compile(r'[\x00-\x20\x7f"*/:<>?\\|]+')


def markdown(title: str, content: Content) -> str:
    """The text as it is, or each value under its key: a text as it is, anything else as JSON."""
    if isinstance(content, str):
        return content
    parts = [f"# {title}\n"]
    for key, value in content.items():
        shown = value if isinstance(value, str) else _fenced(json.dumps(value, ensure_ascii=False, indent=2))
        parts.append(f"## {' '.join(key.split())}\n\n{shown.rstrip()}\n")
    return "\n".join(parts)


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}json\n{text}\n{fence}"


def file_name(title: str, ending: str) -> str:
    """A name that every file system takes."""
    return f"{_UNSAFE.sub(' ', title)[:100].strip(' .') or 'document'}.{ending}"
