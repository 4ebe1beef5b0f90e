"""What users want to be told of, and how."""

from __future__ import annotations

from uuid import UUID

import msgspec
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import read_moment
from bduf_realtime.rooms.transactions import write
from notifications import selectors
from notifications.messages import NotificationPreferences, PreferencesInfo
from notifications.models import Mute, Preferences

MAX_PATTERNS = 100
MAX_MUTES = 500


def preferences_set(*, user: UUID, changes: NotificationPreferences) -> PreferencesInfo:
    """Changes what is named and leaves the rest; returns all. Raises quota.exceeded for more than a user may say."""
    with write():
        if changes != NotificationPreferences():
            User.objects.select_for_update().get(pk=user)  # one after another, for each builds on what the last said
            _set_kinds(user, changes)
            _set_mutes(user, changes)
        return selectors.preferences_of(user)


def _set_kinds(user: UUID, changes: NotificationPreferences) -> None:
    own, _ = Preferences.objects.get_or_create(user_id=user)
    wanted = {**own.kinds, **changes.kinds}
    own.kinds = {pattern: sorted(set(channels)) for pattern, channels in wanted.items() if channels is not None}
    if len(own.kinds) > MAX_PATTERNS:
        raise RealtimeError("quota.exceeded", f"There may be {MAX_PATTERNS} kinds and patterns of your own.")
    if changes.mail_after is not msgspec.UNSET:
        own.mail_after = changes.mail_after
    own.save()


def _set_mutes(user: UUID, changes: NotificationPreferences) -> None:
    Mute.objects.filter(user=user, scope__in=changes.unmute).delete()
    Mute.objects.filter(user=user, until__lte=timezone.now()).delete()
    Mute.objects.bulk_create(
        [
            Mute(user_id=user, scope=s, until=read_moment(u, "mute"))
            for s, u in {w.scope: w.until for w in changes.mute}.items()
        ],
        update_conflicts=True,
        unique_fields=["user", "scope"],
        update_fields=["until"],
    )
    if Mute.objects.filter(user=user).count() > MAX_MUTES:
        raise RealtimeError("quota.exceeded", f"You may mute {MAX_MUTES} projects and sessions.")
