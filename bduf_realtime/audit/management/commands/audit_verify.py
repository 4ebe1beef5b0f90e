"""Checks the audit trail for changes made behind the server's back."""

from __future__ import annotations

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from bduf_realtime.audit import verify
from bduf_realtime.audit.examination import Finding, written
from bduf_realtime.audit.models import AuditChain
from bduf_realtime.audit.services import SYSTEM
from bduf_realtime.audit.verifications import chain_examine, verification_record

HELP = """\
Checks the audit trail: every entry is hashed with SECRET_KEY together with the entry before it, so that a row
edited, deleted, inserted or reordered by hand is found with its position, and so is a tail that was cut.
The exit code is 0 if all is well and 1 if anything was found.

A database that is replaced by an older copy of itself is consistent. To find that too, keep anchors where the
owner of the database cannot change them, and compare:

  manage.py audit_verify --export-anchors > /mnt/elsewhere/anchors.txt
  manage.py audit_verify --anchor /mnt/elsewhere/anchors.txt

The server also writes an anchor (`audit.anchor`) to its log every 100 entries of a chain; --anchor reads the
JSON log as well. After a change of SECRET_KEY, keep the old one in SECRET_KEY_FALLBACKS, or every older entry
is reported as edited.
"""


def counted(number: int, one: str, many: str = "") -> str:
    """Writes a number of things for people."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", metavar="ID", help="only this project's chain; `server` for the server's own")
        parser.add_argument(
            "--export-anchors",
            action="store_true",
            help="check nothing; print chain, seq and hash of each head",
        )
        parser.add_argument(
            "--anchor",
            metavar="FILE",
            type=Path,
            help="also compare with exported anchors, or with those in a log",
        )

        parser.add_argument(
            "--record", action="store_true", help="put the results on the server's trail, where the admin shows them"
        )

    def handle(
        self, *, project: str | None, export_anchors: bool, anchor: Path | None, record: bool, **options: Any
    ) -> None:
        chains = AuditChain.objects.order_by("name")
        if project is not None:
            chains = chains.filter(name=project)
            if not chains:
                raise CommandError(f"There is no audit trail of {project}.")
        if export_anchors:
            self.export(project)
            return
        started = time.monotonic()
        entries = found = 0
        for name, count in chains.values_list("name", "head_seq"):
            seq, findings = chain_examine(name)
            if record:
                with transaction.atomic():
                    verification_record(chain=name, seq=seq, findings=findings, by=SYSTEM, door="cli")
            self.report(name, findings, counted(count, "entry", "entries"))
            entries, found = entries + count, found + len(findings)
        rest = [] if project else list(verify.verify_orphans())
        rest += self.compare(anchor, project) if anchor else []
        for finding in rest:
            self.report(finding.chain, [finding], "")
        found += len(rest)
        seconds = time.monotonic() - started
        self.stdout.write(f"{counted(len(chains), 'chain')}, {counted(entries, 'entry', 'entries')}, {seconds:.1f} s")
        if found:
            raise CommandError(f"The audit trail was tampered with: {counted(found, 'finding')}.")
        self.stdout.write(self.style.SUCCESS("The audit trail is intact."))

    def export(self, project: str | None) -> None:
        """Prints heads that can be trusted."""
        known = [head for head in verify.anchors() if project in (None, head.chain)]
        for head in known:
            self.stdout.write(f"{head.chain} {head.seq} {head.hash}")
        left_out = AuditChain.objects.exclude(name__in=[head.chain for head in known])
        if project is not None:
            left_out = left_out.filter(name=project)
        if left_out:
            raise CommandError(f"Heads set by hand, left out: {', '.join(chain.name for chain in left_out)}.")

    def compare(self, path: Path, project: str | None) -> list[Finding]:
        """Returns what differs from the anchors in a file."""
        try:
            with path.open(encoding="utf-8") as file:
                known = [head for head in verify.anchors_read(file) if project in (None, head.chain)]
        except (OSError, ValueError) as error:
            raise CommandError(f"{path}: {error}") from error
        if not known:
            raise CommandError(f"{path}: no anchors to compare with.")
        self.stdout.write(f"{counted(len(known), 'anchor')} compared")
        return list(verify.verify_anchors(known))

    def report(self, name: str, findings: list[Finding], count: str) -> None:
        """Prints one chain's result."""
        verdict = self.style.ERROR(counted(len(findings), "finding")) if findings else self.style.SUCCESS("ok")
        self.stdout.write(f"{name:36}  {verdict}  {count}".rstrip())
        for finding in findings:
            where = written(finding.seq, finding.last)
            self.stdout.write(f"  seq {where:12}  {finding.kind:11}  {finding.detail}")
