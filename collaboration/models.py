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
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "status"], name="session_project_status")]

    def __str__(self) -> str:
        return self.name or str(self.id)


class Participant(models.Model):
    """A user's place in a session: there, away within the grace period, or gone."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="participations")
    role = models.CharField(
        max_length=12, choices=CHOICES, null=True, blank=True, help_text="Empty: the role in the project."
    )
    present = models.BooleanField(default=False, help_text="Others were told that the user is here.")
    joined_at = models.DateTimeField(null=True, blank=True)
    away_since = models.DateTimeField(null=True, blank=True, db_index=True)
    last_activity = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "user"], name="one_participant_per_user")]

    def __str__(self) -> str:
        return f"{self.user} in {self.session}"
