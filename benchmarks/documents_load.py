"""Measures how long a much edited text takes to load before and after compaction, and what compaction takes.

python -m benchmarks.documents_load --updates 200000
python -m benchmarks.documents_load --database postgres://…/empty
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from itertools import islice
from pathlib import Path

from benchmarks.documents.updates import keystrokes
from benchmarks.machine import rss_bytes

ROOT = Path(__file__).resolve().parents[1]
RESTING = 1_000  # other documents, of 100 updates each
MIB = 2**20


def set_up() -> None:
    """Makes Django ready, on the database of the environment."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bduf_realtime.settings")
    django.setup()


def fill(updates: int) -> uuid.UUID:
    """Makes an empty database with one much edited text and many others; returns the text's id."""
    from django.core.management import call_command

    from bduf_realtime.accounts.models import User
    from bduf_realtime.rooms import models as rooms
    from collaboration import services
    from collaboration.models import Document, DocumentUpdate

    call_command("migrate", verbosity=0)
    ada = User.objects.create(username="ada")
    project = services.project_create(name="P", by=ada)
    text = services.document_create(project=project.pk, title="T", strategy="merge", by=ada)
    others = [Document(project=project, title="T", strategy="merge", edited_at=text.created_at) for _ in range(RESTING)]
    Document.objects.bulk_create(others)
    made = enumerate(keystrokes(updates), 2)
    size = 0
    while some := list(islice(made, 10_000)):
        size += sum(len(data) for _, data in some)
        DocumentUpdate.objects.bulk_create(
            DocumentUpdate(document=text, seq=seq, data=data, user="ada") for seq, data in some
        )
    few = list(enumerate(keystrokes(100), 2))
    DocumentUpdate.objects.bulk_create(
        (DocumentUpdate(document=other, seq=seq, data=data, user="ada") for other in others for seq, data in few),
        batch_size=10_000,
    )
    rooms.Room.objects.filter(name=f"document:{text.pk}").update(head=updates + 1)
    Document.objects.filter(pk=text.pk).update(size=size, edited_at=text.created_at)
    return text.pk


def load(document: uuid.UUID) -> None:
    """Loads a text in this process, and prints what that took."""
    from collaboration.documents.cache import TextCache

    cache, before, started = TextCache(2**40), rss_bytes(os.getpid()), time.perf_counter()
    with cache.text(document, "") as (text, _):
        seconds = time.perf_counter() - started
    grown = rss_bytes(os.getpid()) - before
    print(json.dumps({"seconds": seconds, "grown": grown, "reckoned": cache.bytes, "whole": len(text.update())}))


def measured(document: uuid.UUID, when: str) -> None:
    """Loads the text in a new process, three times, and prints the best."""
    command = [sys.executable, "-m", "benchmarks.documents_load", "--load", str(document)]
    runs = [json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout) for _ in range(3)]
    best = min(runs, key=lambda run: float(run["seconds"]))
    print(
        f"load {when:<24} {best['seconds']:>8.2f} s {best['grown'] / MIB:>8.1f} MiB more"
        f" ({best['reckoned'] / MIB:.1f} reckoned), {best['whole'] / MIB:.2f} MiB as one update"
    )


def compacted(document: uuid.UUID) -> None:
    """Compacts the text in a process of its own, as a server does, and prints what that took."""
    started = time.perf_counter()
    command = [sys.executable, "manage.py", "compact", "--background", str(document)]
    child = subprocess.Popen(command, cwd=ROOT)
    _, code, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - started
    print(f"compact {'':<21} {took:>8.2f} s {usage.ru_maxrss / 1024:>8.1f} MiB at most, exit code {code}")


def looked(when: str) -> None:
    """Asks which texts are due, as the elected server does every few seconds."""
    from collaboration.services.compaction import documents_due

    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        due = documents_due()
        best = min(best, time.perf_counter() - started)
    print(f"look {when:<24} {best * 1e3:>8.2f} ms for {RESTING + 1:,} documents, {len(due)} due")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=200_000, help="how many updates of one character make the text")
    parser.add_argument("--database", help="URL of an empty database; SQLite in a file unless given")
    parser.add_argument("--load", type=uuid.UUID, metavar="DOCUMENT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        set_up()
        load(options.load)
        return
    with tempfile.TemporaryDirectory() as directory:
        os.environ["DATA_DIR"] = directory
        os.environ["DATABASE_URL"] = options.database or f"sqlite:///{directory}/db.sqlite3"
        set_up()
        text = fill(options.updates)
        looked("before")
        measured(text, f"{options.updates:,} updates")
        compacted(text)
        measured(text, "after compaction")
        looked("after")


if __name__ == "__main__":
    main()
