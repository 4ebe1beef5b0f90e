"""How the pages of the admin tell whether a chain is whole."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bduf_realtime.audit import pages
from bduf_realtime.audit.examination import written
from bduf_realtime.audit.models import SERVER, AuditChain
from bduf_realtime.audit.pages import Table
from bduf_realtime.audit.verifications import Verification, latest_verifications

SHOWN = 5
STATES = {"intact": "success", "broken": "danger", "not verified": ""}


def word(verification: Verification | None) -> str:
    """A chain's state, in a word."""
    return "not verified" if verification is None else "broken" if verification.findings else "intact"


def state(chain: AuditChain | None, verification: Verification | None) -> SafeString:
    """Whether a chain is whole, as far as it was verified, and when that was."""
    if chain is None:
        return pages.two_lines(pages.badge("broken", STATES), "its head is gone")
    badge = pages.badge(word(verification), STATES)
    if verification is None:
        return badge
    where = f"up to {verification.seq:,} of {chain.head_seq:,}"
    for first in verification.findings[:1]:
        where = f"at {written(first.seq, first.last)}: {first.kind}"
    return pages.two_lines(badge, format_html("{}, {} by {}", where, pages.ago(verification.at), verification.by))


def belongs_to(name: str, names: dict[str, pages.Name]) -> SafeString | str:
    """Whose trail a chain is."""
    if name == SERVER:
        return "the server"
    found = names.get(f"project:{name}")
    return found.html if found else name


def table(request: HttpRequest, chosen: str = "") -> Table:
    """One chain, or those that are broken and the longest others; in a number of queries that does not grow."""
    known = latest_verifications()
    broken = [name for name, verification in known.items() if verification.findings]
    shown = AuditChain.objects.filter(name__in=[chosen] if chosen else broken)[:SHOWN]
    rows = list(shown)
    if not chosen:
        rows += AuditChain.objects.exclude(name__in=broken).order_by("-head_seq", "name")[: SHOWN - len(rows)]
    names = pages.names(request, {f"project:{row.name}" for row in rows})
    may_verify = request.user.has_perm("audit.change_auditchain")
    total = AuditChain.objects.count()
    return Table(
        "Chains",
        ["Trail of", "Entries", "State", ""],
        [
            [
                belongs_to(row.name, names),
                f"{row.head_seq:,}",
                state(row, known.get(row.name)),
                pages.anchor(reverse("admin:audit_auditchain_verify_one", args=[row.pk]), "Verify now")
                if may_verify
                else pages.anchor(pages.page_url(row), "Details"),
            ]
            for row in rows
        ],
        "Nothing was recorded yet.",
        pages.anchor(pages.list_url(AuditChain), "All chains"),
        f"{len(known) - len(broken)} intact, {len(broken)} broken, {max(0, total - len(known))} not verified",
        numbers=frozenset({1}),
    )
