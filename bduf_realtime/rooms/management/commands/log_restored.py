"""Tells clients of a restored database that their positions are of another life."""

from __future__ import annotations

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bduf_realtime.rooms import log
from bduf_realtime.rooms.models import Room
from bduf_realtime.rooms.transactions import write

HELP = """\
Gives the rooms' logs a new epoch. Run it after the database was restored from a backup, before the first server
starts: clients have seen numbers that the restored logs are going to give to other events. With another epoch they
are given a snapshot instead of what they missed, and what they wrote in texts since the backup merges again, once.

Numbers go on where the backup ended. The events in the logs are forgotten, for they carry the old epoch; projects,
sessions, documents and versions stay. Running servers notice within BDUF_POSITION_INTERVAL and send their clients
away (close 4510) to come back. It may be run again at any time; if it was interrupted, run it again.

  manage.py log_restored                          every room
  manage.py log_restored --room document:5f0c…    one, whose rows were restored by hand
"""
SLICE = 200  # rooms renewed in one transaction


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--room", metavar="NAME", help="only this room, such as `document:<id>`")

    def handle(self, *, room: str | None, **options: Any) -> None:
        rooms = Room.objects.filter(name=room) if room else Room.objects.all()
        names = list(rooms.order_by("name").values_list("name", flat=True))
        if room and not names:
            raise CommandError(f"There is no room {room}.")
        said = time.monotonic()
        for start in range(0, len(names), SLICE):
            with write():
                for name in names[start : start + SLICE]:
                    if log.exists(name):
                        log.renew_epoch(name)
            if time.monotonic() > said + 2:
                said = time.monotonic()
                self.stdout.write(f"{start:,} of {len(names):,} rooms")
        self.stdout.write(self.style.SUCCESS(f"Renewed: {len(names):,}."))
        self.stdout.write("Clients take a snapshot when they join again. Now start the servers, if none runs.")
