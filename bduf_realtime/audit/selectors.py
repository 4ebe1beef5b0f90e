"""What may be read from the trail."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from bduf_realtime.audit.models import SERVER, AuditEntry


def chain_name(project: UUID | str | None) -> str:
    """Returns the name of a project's chain; None is the server's."""
    return SERVER if project is None else str(project)


def entries_for(project: UUID | str | None) -> QuerySet[AuditEntry]:
    """Returns the trail of a project, or of the server for None, oldest first."""
    return AuditEntry.objects.filter(chain_id=chain_name(project)).order_by("seq")
