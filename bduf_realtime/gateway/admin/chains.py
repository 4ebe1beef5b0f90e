"""Chains of the trail: whether they are whole, and having that looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bduf_realtime.audit import chain_states, pages
from bduf_realtime.audit.examination import written
from bduf_realtime.audit.models import AuditChain, AuditEntry
from bduf_realtime.audit.pages import Table, column
from bduf_realtime.audit.verifications import Found, latest_verifications, verifications_of
from bduf_realtime.gateway import services
from bduf_realtime.gateway.operating import OperatedAdmin, Operation

SHOWN = 10
VERIFY = Operation(
    name="verify",
    title="Verify now",
    done="verified; its state says what was found",
    effect="Every entry is read, and its hash compared with what it says and with the entry before it. Nothing is "
    "changed; the result goes on the server's trail.",
    run=lambda row, order: services.chain_verify(chain=row.pk, by=order.by, reason=order.reason),
    icon="verified_user",
)
ADVICE = {
    "broken": "Somebody with access to the database changed it. Keep it and its backups as they are, look at who had "
    "access, and compare with anchors that were kept elsewhere: manage.py audit_verify --anchor FILE.",
    "intact": "Nothing. Entries after the last verification are looked at by the next.",
    "not verified": "Verify it now, or every night: manage.py audit_verify --record.",
}


@admin.register(AuditChain)
class AuditChainAdmin(OperatedAdmin):
    operations = [VERIFY]
    list_display = ["name", "belongs_to", "entries", "state"]
    search_fields = ["name"]
    search_help_text = "The id of a project, or “server”."
    fields = ["name", "belongs_to", "entries", "state", "what_to_do", "head_hash", "head_seal"]
    readonly_fields = ["belongs_to", "entries", "state", "what_to_do"]

    def references(self, row: AuditChain) -> Iterable[str]:
        return (f"project:{row.name}",)

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().prepare(request, rows)
        found = latest_verifications([row.name for row in rows])
        for row in rows:
            row.verification = found.get(row.name)

    def describe(self, row: Any) -> str:
        return f"{chain_states.belongs_to(row.name, {})}, {row.head_seq:,} entries"

    def tables(self, request: HttpRequest, row: Any) -> list[Table]:
        done = verifications_of(row.name, SHOWN)
        findings = done[0].findings if done else []
        headers = ["When", "By", "Up to", "Found"]
        rows = [[pages.at(v.at), v.by, f"{v.seq:,}", f"{v.wrong:,}" if v.findings else "nothing"] for v in done]
        wrong = [[_entries_of(row, found), found.kind, found.detail] for found in findings]
        return [
            *([Table("What is wrong", ["Seq", "What was done", ""], wrong)] if wrong else []),
            Table("Verifications", headers, rows, "None lately.", numbers=frozenset({2})),
        ]

    @column("Belongs to")
    def belongs_to(self, row: Any) -> SafeString | str:
        return chain_states.belongs_to(row.name, row.names)

    @column("Entries", ordering="head_seq")
    def entries(self, row: AuditChain) -> SafeString:
        return pages.anchor(pages.list_url(AuditEntry, chain__name__exact=row.name), f"{row.head_seq:,}")

    @column("State")
    def state(self, row: Any) -> SafeString:
        return chain_states.state(row, row.verification)

    @column("What to do")
    def what_to_do(self, row: Any) -> str:
        return ADVICE[chain_states.word(row.verification)]


def _entries_of(chain: AuditChain, found: Found) -> SafeString:
    where = {"chain__name__exact": chain.name, "seq__gte": found.seq, "seq__lte": found.last}
    return pages.anchor(pages.list_url(AuditEntry, **where), written(found.seq, found.last))
