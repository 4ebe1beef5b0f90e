"""What people are told, what they want to be told of, and what they do not want to hear of for a while."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

USER = "accounts.User"


class Notification(models.Model):
    """Something one user is told. What it is about is kept as ids: no other app is known here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=200, blank=True, help_text="The same is not told twice; empty: it may be.")
    project = models.UUIDField(null=True, blank=True)
    session = models.UUIDField(null=True, blank=True)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    link = models.CharField(max_length=500, blank=True, help_text="A path of the workspace.")
    data = models.JSONField(default=dict, blank=True)
    by_id = models.UUIDField(null=True, blank=True, help_text="Who caused it; empty: the server.")
    by_name = models.CharField(max_length=150, blank=True)
    must_act = models.BooleanField(default=False, help_text="Told again until somebody has acted.")
    shown = models.BooleanField(default=True, help_text="Off: it goes out by e-mail only.")
    sent = models.PositiveSmallIntegerField(default=1, help_text="How often it was put before the user.")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="Since when there is nothing to act on.")
    expires_at = models.DateTimeField(null=True, blank=True)
    resend_at = models.DateTimeField(null=True, blank=True)
    mail_due = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="one_notification_per_key", condition=~Q(key=""))
        ]
        # Few are unread or due, of the many that are kept.
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notification_newest"),
            models.Index(fields=["user"], name="notification_unread", condition=Q(read_at=None)),
            models.Index(fields=["key"], name="notification_unsettled", condition=Q(settled_at=None) & ~Q(key="")),
            models.Index(fields=["resend_at"], name="notification_resend", condition=Q(resend_at__isnull=False)),
            models.Index(fields=["mail_due"], name="notification_mail_due", condition=Q(mail_due__isnull=False)),
            models.Index(fields=["created_at"], name="notification_age"),
        ]

    def __str__(self) -> str:
        return self.title


class Preferences(models.Model):
    """What a user wants to be told of and how, where that differs from what the server does by itself."""

    user = models.OneToOneField(
        USER, on_delete=models.CASCADE, primary_key=True, related_name="notification_preferences"
    )
    kinds = models.JSONField(default=dict, blank=True, help_text="Channels by kind, or by pattern of kinds.")
    mail_after = models.PositiveIntegerField(
        null=True, blank=True, help_text="Seconds to read it before it is mailed; empty: the server's."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"Preferences of {self.user}"


class Mute(models.Model):
    """A project or session that a user does not want to hear of."""

    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="notification_mutes", db_index=False)
    scope = models.CharField(max_length=80, help_text="project:<id> or session:<id>")
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: until taken back.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "scope"], name="one_mute_per_scope")]

    def __str__(self) -> str:
        return self.scope
