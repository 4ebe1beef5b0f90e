"""Requests for approval, what was decided, and by what policy."""

import uuid

from django.db import models
from django.utils import timezone

from collaboration.models import Document, DocumentVersion, Project, Session

USER = "accounts.User"


class Policy(models.Model):
    """A project's named way of approving; what it says is in its newest version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="policies")
    name = models.CharField(max_length=200)
    is_default = models.BooleanField(default=False, help_text="Taken where a request names none.")
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], name="one_policy_per_name", condition=models.Q(archived_at__isnull=True)
            ),
            models.UniqueConstraint(
                fields=["project"],
                name="one_default_policy",
                condition=models.Q(is_default=True, archived_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """What a policy said from one moment on; it never changes, for requests refer to it."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    rules = models.JSONField()
    created_by = models.ForeignKey(USER, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="one_policy_version_per_number")]

    def __str__(self) -> str:
        return f"{self.policy} {self.number}"


class Approval(models.Model):
    """A request to approve something; `round` counts the contents that were voted on."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        CHANGES_REQUESTED = "changes_requested"
        EXPIRED = "expired"
        CANCELLED = "cancelled"
        BYPASSED = "bypassed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="approvals")
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.SET_NULL, related_name="approvals")
    document = models.ForeignKey(Document, null=True, blank=True, on_delete=models.RESTRICT, related_name="approvals")
    version = models.ForeignKey(
        DocumentVersion,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="approvals",
        help_text="What the round is about.",
    )
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    payload = models.JSONField(null=True, blank=True)
    requested_by = models.ForeignKey(USER, null=True, on_delete=models.SET_NULL, related_name="approvals_requested")
    requester = models.CharField(max_length=64, help_text="That user's id, for good.")
    requester_name = models.CharField(max_length=150)
    policy_version = models.ForeignKey(
        PolicyVersion, null=True, blank=True, on_delete=models.RESTRICT, related_name="approvals"
    )
    rules = models.JSONField(help_text="What the policy said when it was requested, usernames turned into ids.")
    state = models.CharField(max_length=17, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was cancelled or bypassed.")
    stage = models.PositiveSmallIntegerField(default=0)
    round = models.PositiveIntegerField(default=1)
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of what the round is about.")
    seq = models.BigIntegerField(default=0, help_text="The document's last event in that content.")
    editor = models.CharField(max_length=64, blank=True, help_text="The user who edited that last.")
    edited_at = models.DateTimeField(
        null=True, blank=True, help_text="The document's last edit when its content was last compared."
    )
    changed_seq = models.BigIntegerField(
        null=True, blank=True, help_text="The event by which the document was found changed; nobody has voted since."
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    stages = models.JSONField(default=list, blank=True, help_text="How far each stage was when it was closed.")

    class Meta:
        indexes = [
            models.Index(fields=["project", "-created_at"], name="approval_of_project"),
            models.Index(fields=["project", "document"], name="approval_pending", condition=models.Q(state="pending")),
        ]

    def __str__(self) -> str:
        return self.title


class Vote(models.Model):
    """One decision; rows are added, never changed, and keep the names of users who are gone.

    The seat is whose vote it is, the voter who cast it: another one where it was delegated.
    """

    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="votes", db_index=False)
    stage = models.PositiveSmallIntegerField()
    round = models.PositiveIntegerField()
    seat = models.CharField(max_length=64, help_text="A user's id.")
    seat_name = models.CharField(max_length=150)
    voter = models.CharField(max_length=64, help_text="A user's id.")
    voter_name = models.CharField(max_length=150)
    decision = models.CharField(max_length=15)
    comment = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the content that the voter saw.")
    version = models.ForeignKey(DocumentVersion, null=True, blank=True, on_delete=models.RESTRICT, related_name="votes")
    door = models.CharField(max_length=10)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["approval", "stage", "round", "seat"], name="one_vote_per_stage_and_voter")
        ]

    def __str__(self) -> str:
        return f"{self.seat_name}: {self.decision}"


class Comment(models.Model):
    """A word on a request; those without a `thread` begin a conversation, which may be resolved."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="comments", db_index=False)
    thread = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="replies")
    author = models.CharField(max_length=64, help_text="A user's id.")
    author_name = models.CharField(max_length=150)
    body = models.TextField()
    round = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)

    class Meta:
        indexes = [models.Index(fields=["approval", "at"], name="comment_of_approval")]

    def __str__(self) -> str:
        return f"{self.author_name} on {self.approval_id}"


class Delegation(models.Model):
    """One who may decide from another's seat, until a moment or until it is over."""

    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="delegations", db_index=False)
    seat = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="delegations_given")
    to = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="delegations_taken")
    until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["approval", "seat"], name="one_delegate_per_seat")]

    def __str__(self) -> str:
        return f"{self.to} for {self.seat}"


class Timer(models.Model):
    """What is due at a moment unless the request is decided before; done once, by whichever instance."""

    class Kind(models.TextChoices):
        REMIND = "remind"
        ESCALATE = "escalate"
        EXPIRE = "expire"

    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="timers", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["approval", "kind"], name="one_timer_per_kind")]
        indexes = [models.Index(fields=["due_at"], name="timer_due", condition=models.Q(done_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.kind} {self.approval_id}"


class DecisionLink(models.Model):
    """A link in a mail by which one user may decide one request once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="links")
    user = models.ForeignKey(USER, on_delete=models.CASCADE, related_name="decision_links")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user} on {self.approval_id}"
