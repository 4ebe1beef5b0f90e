"""Projects, the sessions people meet in, and who takes part."""

import uuid

from django.db import models
from django.utils import timezone

from collaboration.roles import CHOICES, PARTICIPANT

USER = "accounts.User"


class Project(models.Model):
    """What a team designs; everything else belongs to one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    created_by = models.ForeignKey(USER, null=True, on_delete=models.SET_NULL, related_name="projects_created")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's place in a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=CHOICES, default=PARTICIPANT)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="one_membership_per_user")]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}"


class Session(models.Model):
    """A meeting of a project's members, live while it lasts and readable afterwards."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="sessions")
    name = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    settings = models.JSONField(default=dict)
    tags = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(USER, null=True, on_delete=models.SET_NULL, related_name="sessions_created")
    created_at = models.DateTimeField(default=timezone.now)
    idle_since = models.DateTimeField(
        null=True, blank=True, default=timezone.now, help_text="Since when nobody takes part."
    )
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "status"], name="session_project_status"),
            models.Index(fields=["idle_since"], name="session_idle", condition=~models.Q(status="ended")),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class Participant(models.Model):
    """A user's place in a session: whether let in, and there, away within the grace period, or gone."""

    class Admission(models.TextChoices):
        OPEN = "open", "not asked yet"
        WAITING = "waiting"
        ADMITTED = "admitted"
        DENIED = "denied"
        REMOVED = "removed"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="participations")
    role = models.CharField(
        max_length=12, choices=CHOICES, null=True, blank=True, help_text="Empty: the role in the project."
    )
    admission = models.CharField(max_length=8, choices=Admission.choices, default=Admission.OPEN)
    asked_at = models.DateTimeField(null=True, blank=True, help_text="When the user began to wait to be let in.")
    present = models.BooleanField(default=False, help_text="Others were told that the user is here.")
    joined_at = models.DateTimeField(null=True, blank=True)
    away_since = models.DateTimeField(null=True, blank=True, db_index=True)
    last_activity = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "user"], name="one_participant_per_user")]
        # Few are there or wait, of the many who ever had a place: what is asked at every join and every second.
        indexes = [
            models.Index(fields=["session"], name="participant_present", condition=models.Q(present=True)),
            models.Index(fields=["last_activity"], name="participant_waiting", condition=models.Q(admission="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.session}"


class Untold(models.Model):
    """Something in a session that people are to be notified of: noted with what happened, told a moment later."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="untold")
    kind = models.CharField(max_length=64)
    by_user = models.UUIDField()
    by_name = models.CharField(max_length=150)
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.kind} in {self.session}"


class Invitation(models.Model):
    """A link that gives whoever has it a role in one session, until it expires or is used up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the link's secret.")
    role = models.CharField(max_length=12, choices=CHOICES, default=PARTICIPANT)
    created_by = models.ForeignKey(USER, null=True, on_delete=models.SET_NULL, related_name="invitations_created")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    max_uses = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: any number.")
    uses = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.role} in {self.session}"


class Document(models.Model):
    """What people write together: a text that merges, or keyed values of which the last or the undisputed wins."""

    class Strategy(models.TextChoices):
        MERGE = "merge"
        LAST_WRITE_WINS = "last_write_wins"
        REJECT = "reject"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="documents")
    session = models.ForeignKey(
        Session,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="documents",
        help_text="Empty: all members.",
    )
    title = models.CharField(max_length=200)
    strategy = models.CharField(max_length=16, choices=Strategy.choices)
    created_by = models.ForeignKey(USER, null=True, on_delete=models.SET_NULL, related_name="documents_created")
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(default=0, help_text="Bytes of a text's updates, or of keys and values.")
    edited_at = models.DateTimeField(null=True, blank=True)
    edited_by = models.CharField(max_length=64, blank=True, help_text="The user who edited last.")
    version_due = models.DateTimeField(null=True, blank=True, help_text="When the edits since become a version.")
    compacted_seq = models.BigIntegerField(
        default=0, help_text="The last event in the text's proven snapshot: updates up to it may be gone."
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["version_due"], name="document_version_due", condition=models.Q(version_due__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.title


class DocumentUpdate(models.Model):
    """One accepted update of a text, as it came; the proven snapshot and those after it, in order, make the text."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="updates", db_index=False)
    seq = models.BigIntegerField(help_text="The number of its event in the document's room.")
    data = models.BinaryField()
    user = models.CharField(max_length=64, blank=True, help_text="Empty: what the document began with.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "seq"], name="one_update_per_number")]

    def __str__(self) -> str:
        return f"{self.document_id}#{self.seq}"


class DocumentField(models.Model):
    """One keyed value of a document, and the number of the event that wrote it."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="fields", db_index=False)
    key = models.CharField(max_length=200)
    value = models.TextField(help_text="As JSON.")
    seq = models.BigIntegerField()
    user = models.CharField(max_length=64, blank=True, help_text="Empty: what the document began with.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "key"], name="one_value_per_key")]

    def __str__(self) -> str:
        return f"{self.key} in {self.document_id}"


class DocumentSnapshot(models.Model):
    """A text as one update, in place of those up to its number; these stay until it was read again and compared."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="snapshots", db_index=False)
    seq = models.BigIntegerField(help_text="The number of the last event in it.")
    data = models.BinaryField()
    owners = models.JSONField(help_text="Whose clientIDs wrote it: a list of clientIDs by user.")
    content_hash = models.CharField(max_length=64)
    taken_at = models.DateTimeField(default=timezone.now)
    proven_at = models.DateTimeField(null=True, blank=True, help_text="When it was read again and found to be equal.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "seq"], name="one_snapshot_per_number")]

    def __str__(self) -> str:
        return f"{self.document_id}#{self.seq}"


class DocumentVersion(models.Model):
    """What was in a document at one moment, kept by name or by the clock; it never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions", db_index=False)
    seq = models.BigIntegerField(help_text="The number of the last event in it.")
    title = models.CharField(max_length=200, blank=True, help_text="Empty: made by the clock.")
    content = models.BinaryField(help_text="The UTF-8 text, or the values' JSON by sorted keys; compressed by zlib.")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the content.")
    size = models.BigIntegerField(help_text="Bytes of the content, not compressed.")
    created_by = models.ForeignKey(
        USER,
        null=True,
        on_delete=models.SET_NULL,
        related_name="versions_created",
        help_text="Who named it, or edited last before the clock made it.",
    )
    author = models.CharField(max_length=150, blank=True, help_text="That user's name at the time.")
    created_at = models.DateTimeField(default=timezone.now)
    pinned = models.BooleanField(default=False, help_text="Kept for good: an approval is about it.")

    class Meta:
        indexes = [models.Index(fields=["document", "-created_at"], name="version_of_document")]

    def __str__(self) -> str:
        return f"{self.title or 'version'} of {self.document_id}"


class DocumentTally(models.Model):
    """What a user edited in a document since the audit log last said so."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="tallies", db_index=False)
    user = models.CharField(max_length=64)
    edits = models.PositiveIntegerField()
    bytes = models.BigIntegerField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    since = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "user"], name="one_tally_per_user")]
        verbose_name_plural = "document tallies"

    def __str__(self) -> str:
        return f"{self.user} in {self.document_id}"
