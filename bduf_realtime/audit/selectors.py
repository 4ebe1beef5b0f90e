"""What may be read from the trail."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models import Max, QuerySet

from bduf_realtime.audit.models import SERVER, AuditEntry


def chain_name(project: UUID | str | None) -> str:
    """Returns the name of a project's chain; None is the server's."""
    return SERVER if project is None else str(project)


def entries_for(project: UUID | str | None) -> QuerySet[AuditEntry]:
    """Returns the trail of a project, or of the server for None, oldest first."""
    return AuditEntry.objects.filter(chain_id=chain_name(project)).order_by("seq")


class ActorRow(NamedTuple):
    """An account as the trail remembers it."""

    actor_id: str
    actor_name: str
    actor_kind: str
    acts_for: str


def actors_of(project: UUID | str | None, ids: Collection[str]) -> list[ActorRow]:
    """Returns who these ids were, by the project's trail, at the last; nothing of who never did anything there."""
    latest = (
        entries_for(project).filter(actor_id__in=ids).order_by("actor_id").values("actor_id").annotate(seq=Max("seq"))
    )
    seqs = [row["seq"] for row in latest]
    rows = entries_for(project).filter(seq__in=seqs)
    return [ActorRow(*row) for row in rows.values_list("actor_id", "actor_name", "actor_kind", "acts_for")]
