"""Mails with what somebody has not read: one for all that is due, in text and in HTML."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from smtplib import SMTPException
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import BadHeaderError, EmailMultiAlternatives, get_connection
from django.db import connections
from django.template.loader import render_to_string
from django.utils import timezone

from bduf_realtime.accounts.models import User
from notifications import metrics, selectors, services
from notifications.models import Notification

logger = structlog.get_logger(__name__)

SHOWN = 50
FAILURES = (SMTPException, OSError, BadHeaderError)

# Where a mail leads for a kind, if not to the notification's own link; the apps above add theirs when they start.
links: dict[str, Callable[[Notification], str]] = {}


def digest(user: User, rows: Sequence[Notification]) -> EmailMultiAlternatives:
    """The mail that tells a user what there is to read. The same rows make a mail of the same Message-ID."""
    number = len(rows)
    subject = rows[0].title if number == 1 else f"{number} notifications: {rows[0].title}"
    preferences = f"{settings.PUBLIC_URL}/preferences"
    shown = {
        "name": user.display_name,
        "notifications": [(row, link_of(row)) for row in rows[:SHOWN]],
        "more": max(0, number - SHOWN),
        "url": settings.PUBLIC_URL,
        "preferences": preferences,
    }
    content = hashlib.sha256("".join(f"{row.pk}{row.sent}" for row in rows).encode()).hexdigest()[:40]
    headers = {
        "Message-ID": f"<{content}@{urlsplit(settings.PUBLIC_URL).hostname}>",
        "List-Unsubscribe": f"<{preferences}>",
        "Auto-Submitted": "auto-generated",
    }
    text = render_to_string("notifications/digest.txt", shown)
    mail = EmailMultiAlternatives(" ".join(subject.split()), text, to=[user.email], headers=headers)
    mail.attach_alternative(render_to_string("notifications/digest.html", shown), "text/html")
    return mail


def link_of(row: Notification) -> str:
    """Where a notification leads in a mail."""
    return links[row.kind](row) if row.kind in links else f"{settings.PUBLIC_URL}{row.link or '/'}"


def mails_send() -> int:
    """Sends what is due to some users; returns how many mails went out. Each goes out at least once."""
    sent = 0
    connection = get_connection()
    for user, rows in services.mails_claim():
        try:
            connection.send_messages([digest(user, rows)])
        except FAILURES as error:
            metrics.mails.labels("failed").inc()
            logger.warning("mail_failed", user=str(user.pk), error=type(error).__name__)
            connection.close()
            continue
        services.mails_note(ids=[row.pk for row in rows])
        metrics.mails.labels("sent").inc()
        sent += 1
    connection.close()
    return sent


class Mailer:
    """Sends beside the timers, which must not wait for a mail server; one thread at a time."""

    def __init__(self, send: Callable[[], int] = mails_send) -> None:
        self._send = send
        self._thread: threading.Thread | None = None

    def look(self) -> int:
        """Begins to send where something is due and nobody sends yet; returns how many notifications were due."""
        if self._thread is not None and self._thread.is_alive():
            return 0
        due = selectors.mails_due(timezone.now()).count()
        if due:
            self._thread = threading.Thread(target=self._run, name="mailer", daemon=True)
            self._thread.start()
        return due

    def _run(self) -> None:
        try:
            while self._send():
                pass
        finally:
            connections.close_all()


mailer = Mailer()
