"""Users of every kind, and the tokens that were taken back before they expired."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone


class User(AbstractUser):
    """A person, an agent or a service that signs in; an agent names the person it acts for."""

    class Kind(models.TextChoices):
        HUMAN = "human"
        AGENT = "agent"
        SERVICE = "service"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.HUMAN)
    name = models.CharField(max_length=100, blank=True, help_text="Shown to others; the username if empty.")
    is_guest = models.BooleanField(
        default=False, help_text="Came in over an invitation, without an account: may use the inviting session only."
    )
    acts_for = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="agents",
        help_text="The person an agent acts for.",
    )
    tokens_valid_after = models.DateTimeField(
        null=True, blank=True, help_text="Tokens issued before this moment are refused."
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(acts_for__isnull=True) | models.Q(kind="agent"),
                name="only_agents_act_for_others",
            )
        ]
        indexes = [models.Index(fields=["date_joined"], name="guest_joined", condition=models.Q(is_guest=True))]

    @property
    def display_name(self) -> str:
        return self.name or self.username

    def set_password(self, raw_password: str | None) -> None:
        """Takes back every token issued under the old password."""
        if self.password:
            self.tokens_valid_after = timezone.now()
        super().set_password(raw_password)

    def set_unusable_password(self) -> None:
        """Takes back every token, as another password would."""
        if self.password:
            self.tokens_valid_after = timezone.now()
        super().set_unusable_password()

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        # What takes all tokens back ends login sessions, too: a page would trade its own for another token.
        own: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        return own if self.tokens_valid_after is None else f"{own}-{self.tokens_valid_after.timestamp()}"

    def __str__(self) -> str:
        return self.display_name


class RevokedToken(models.Model):
    """An access token refused before its expiry; the row may go once it has expired by itself."""

    jti = models.CharField(max_length=255, primary_key=True)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="revoked_tokens")
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.jti
