"""Takes snapshots of texts, so that they load fast however long they were edited."""

from __future__ import annotations

import os
import signal
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration.documents.stored import SnapshotMissing
from collaboration.services import compaction

HELP = """\
Writes texts down anew: one snapshot in place of the updates that made them. A snapshot is read again from the
database and compared with the text before it counts, and only then the updates are deleted; where it differs, it
is deleted instead, and the exit code is 1. Servers may run meanwhile, people may write, and the command may be
ended at any moment.

Running servers do this by themselves, in a process of its own, for texts with more updates or bytes since their
snapshot than BDUF_COMPACTION_UPDATES or BDUF_COMPACTION_BYTES. So does `manage.py sweep`.

  manage.py compact                  the texts that are due
  manage.py compact --all            every text that was edited since its snapshot
  manage.py compact 5f0c…            these documents
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("documents", nargs="*", type=UUID, metavar="document", help="the id of a document")
        parser.add_argument("--all", action="store_true", help="all texts, however little was edited")
        parser.add_argument(
            "--background",
            action="store_true",
            help="as a server starts it: with low priority, for BDUF_COMPACTION_TIMEOUT seconds at most, and silent",
        )

    def handle(self, *, documents: list[UUID], all: bool, background: bool, verbosity: int, **options: Any) -> None:
        if background:
            os.nice(10)
            signal.alarm(conf.compaction_timeout)
        wanted = documents or (compaction.documents_due(updates=0) if all else compaction.documents_due())
        said, failed = time.monotonic(), 0
        for number, document in enumerate(wanted, 1):
            try:
                updates = compaction.document_compact(document=document)
            except NoSuchRoom:
                failed += not background  # deleted a moment ago
                self.stderr.write(f"{document}: there is no such document.")
            except (compaction.SnapshotDiffers, SnapshotMissing) as error:
                failed += 1
                self.stderr.write(self.style.ERROR(f"{type(error).__name__}: {error}"))
            else:
                if not background and (documents or verbosity > 1):
                    self.stdout.write(f"{document}: {updates:,} updates")
            if not background and time.monotonic() > said + 2:
                said = time.monotonic()
                self.stdout.write(f"{number:,} of {len(wanted):,} texts")
        if failed:
            raise CommandError(f"{failed:,} of {len(wanted):,} documents could not be compacted.")
        if not background:
            self.stdout.write(self.style.SUCCESS(f"Compacted: {len(wanted):,}."))
