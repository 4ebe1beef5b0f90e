"""Documents generated from the code and committed: written by one command, compared by `--check`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class GeneratedDocument(BaseCommand):
    """A command that writes `path`, or with --check fails when it is out of date."""

    path: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Fail if the committed file is out of date.")

    def text(self) -> str:
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / self.path
        text = self.text()
        if not options["check"]:
            path.write_text(text)
            self.stdout.write(f"wrote {self.path}")
        elif not path.exists() or path.read_text() != text:
            raise CommandError(f"{self.path} is out of date; run `make docs` and commit it.")
        else:
            self.stdout.write(f"{self.path} is up to date")
