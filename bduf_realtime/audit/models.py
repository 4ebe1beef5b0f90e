"""The audit trail: one chain of entries per project and one for the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone

from bduf_realtime.audit.chain import GENESIS, ChainKey, head_seal

SERVER = "server"  # the chain of what belongs to no project


class AppendOnlyError(Exception):
    """Refuses to change or delete what was recorded."""


class AuditChain(models.Model):
    """The head of one project's trail, or of the server's; appending locks this row."""

    name = models.CharField(
        max_length=64,
        primary_key=True,
        help_text="The project's id, or `server` for what belongs to no project.",
    )
    head_seq = models.PositiveBigIntegerField(default=0)
    head_hash = models.CharField(max_length=64, default=GENESIS)
    head_seal = models.CharField(max_length=64, blank=True, help_text="Keyed: shows whether the head was set by hand.")

    class Meta:
        verbose_name = "audit chain"

    def __str__(self) -> str:
        return f"{self.name} at {self.head_seq}"

    @property
    def project(self) -> str | None:
        """Returns the id of the project this trail belongs to, or None for the server's."""
        return None if self.name == SERVER else self.name

    @property
    def is_new(self) -> bool:
        """Tells whether the row has just been made for a first entry."""
        return self.head_seq == 0 and not self.head_seal

    def is_sealed_by(self, keys: Sequence[ChainKey]) -> bool:
        """Tells whether a holder of one of the keys set the head as it stands."""
        return any(head_seal(key, self.name, self.head_seq, self.head_hash) == self.head_seal for key in keys)


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Entries are read and appended, never changed."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("Audit entries cannot be changed.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("Audit entries cannot be changed.")

    def delete(self) -> NoReturn:
        raise AppendOnlyError("Audit entries cannot be deleted.")

    def bulk_create(
        self,
        objs: Iterable[AuditEntry],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> list[AuditEntry]:
        if update_conflicts:
            raise AppendOnlyError("Audit entries cannot be changed.")
        return super().bulk_create(objs, batch_size, ignore_conflicts, False, *args, **kwargs)


class AuditEntry(models.Model):
    """Who did what to what, when and through which door; written once.

    The columns about the actor are copies, so that the trail outlives the account.
    """

    class Door(models.TextChoices):
        SOCKET = "socket"
        REST = "rest"
        ADMIN = "admin"
        MCP = "mcp"
        SYSTEM = "system"
        CLI = "cli"

    hash = models.CharField(max_length=64, primary_key=True)
    chain = models.ForeignKey(AuditChain, on_delete=models.PROTECT, related_name="entries", db_index=False)
    seq = models.PositiveBigIntegerField(help_text="Counts from 1 in each chain, without gaps.")
    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor_id = models.CharField(max_length=100, blank=True)
    actor_name = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=20)
    acts_for = models.CharField(
        max_length=100, blank=True, help_text="The id of the person on whose behalf the actor acts."
    )
    door = models.CharField(max_length=10, choices=Door.choices)
    action = models.CharField(max_length=100, help_text="The wire name, as in `collaboration:participant:role`.")
    target = models.CharField(max_length=200, blank=True, help_text="Kind and id, as in `session:<uuid>`.")
    details = models.JSONField(default=dict, blank=True)
    previous_hash = models.CharField(max_length=64)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        ordering = ["chain", "seq"]
        constraints = [models.UniqueConstraint(fields=["chain", "seq"], name="audit_entry_seq_unique")]

    def __str__(self) -> str:
        return f"{self.chain_id} {self.seq}: {self.actor_name} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Inserts a new entry; raises AppendOnlyError for one that is already there."""
        if not self._state.adding:
            raise AppendOnlyError("Audit entries cannot be changed.")
        # With a key of its own making, save() would try an UPDATE first.
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("Audit entries cannot be deleted.")
