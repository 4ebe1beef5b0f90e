"""Everything that changes notifications, for the domains above and for their users.

A user's own room is locked after every other room, and the rooms of all users concerned are locked at once: who tells
several users something in one transaction, and appends to their rooms itself too, begins with `user_rooms_lock`.
"""

from notifications.services.mailing import mails_claim, mails_count, mails_note
from notifications.services.preferences import preferences_set
from notifications.services.reading import notifications_read
from notifications.services.telling import Notice, notify, settle, settle_many, user_rooms_lock
from notifications.services.timers import notifications_forget, notifications_resend

__all__ = [
    "Notice",
    "mails_claim",
    "mails_count",
    "mails_note",
    "notifications_forget",
    "notifications_read",
    "notifications_resend",
    "notify",
    "preferences_set",
    "settle",
    "settle_many",
    "user_rooms_lock",
]
