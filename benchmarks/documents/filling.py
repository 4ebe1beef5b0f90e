"""Puts updates into a document as if each had come by itself: hexadecimal lines on stdin, in a process of its own."""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from itertools import islice
from uuid import UUID

BATCH = 500


def main(document: str, user: str, lines: Sequence[str]) -> None:
    import django

    django.setup()
    from bduf_realtime.rooms.batch import Committed, commit
    from bduf_realtime.rooms.events import Author
    from collaboration.messages import DocumentUpdate
    from collaboration.services import document_update

    author = Author(user, "Bench", "human", "")
    rest = iter(lines)
    while chunk := list(islice(rest, BATCH)):
        edits = (DocumentUpdate(UUID(document), base64.b64encode(bytes.fromhex(line)).decode()) for line in chunk)
        for outcome in commit([document_update(message=edit, by=author) for edit in edits]):
            if not isinstance(outcome, Committed):
                raise outcome


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.stdin.read().splitlines())
