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
