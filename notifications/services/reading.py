"""Noting what users have read."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from notifications import selectors
from notifications.messages import NotificationsMarked
from notifications.services.telling import tell_read, user_rooms_lock


def notifications_read(*, by: Author, ids: Sequence[UUID] | None = None, all_: bool = False) -> NotificationsMarked:
    """Notes that a user has read these notifications, or all; the user's other connections hear of it.

    What is not the user's own, or was read before, changes nothing. Raises msg.bad_value unless it is one of the two.
    """
    if (ids is None) is not all_:
        raise RealtimeError("msg.bad_value", "Name the ids, or say all.", details={"field": "ids"})
    user = UUID(by.user)
    with write():
        user_rooms_lock([user])
        unread = selectors.unread(user)
        found = unread if ids is None else unread.filter(pk__in=ids)
        marked = [] if ids is None else list(found.values_list("pk", flat=True))
        number = found.update(read_at=timezone.now(), mail_due=None)
        if number:
            tell_read({user: marked}, by, all_=all_)
        return NotificationsMarked(number, selectors.unread_counts([user])[user])
