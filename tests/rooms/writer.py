"""A process of its own that writes into rooms when told to, and prints what became of it.

Run with the tests' database in DATABASE_URL; reads one JSON line, `{"append": [room, times]}` or
`{"commit": [[room, body, id], …]}`, and prints one JSON line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


class Writer:
    """The other end: starts the process, and tells it what to write once it is ready."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rooms.writer"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": _url_of_the_tests_database()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> Self:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def start(self, **work: Any) -> None:
        assert self._process.stdin is not None
        print(json.dumps(work), file=self._process.stdin, flush=True)

    def result(self) -> Any:
        output, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0
        return json.loads(output)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def _url_of_the_tests_database() -> str:
    from django.db import connection

    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    who = settings["USER"] + (f":{settings['PASSWORD']}" if settings["PASSWORD"] else "")
    return f"postgres://{who}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bduf_realtime.settings")
    import django

    django.setup()
    from bduf_realtime.rooms import batch, log
    from bduf_realtime.rooms.transactions import write
    from tests.rooms.submissions import ADA, SAID, said

    log.positions([])
    print("ready", flush=True)
    work = json.loads(sys.stdin.readline())
    result: list[Any] = []
    if "append" in work:
        room, times = work["append"]
        for number in range(times):
            with write():
                result.append(log.append(room=room, type=SAID, data={"body": number}, by=ADA).seq)
    for room, body, id_ in work.get("commit", []):
        [outcome] = batch.commit([said(room, body, id_)])
        if isinstance(outcome, Exception):
            raise outcome
        result.append([outcome.duplicate, (outcome.ack or b"").decode()])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
