"""Mails: what they hold, when they are due, and that each goes out at least once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import Message
from smtplib import SMTPException
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from collaboration.services import project_create, project_member_set
from notifications import kinds, mails, metrics, services
from notifications.kinds import CHANNELS, Kind
from notifications.models import Notification, Preferences
from notifications.services import mailing
from tests.notifications.conftest import tell
from tests.people import person
from tests.races import at_once

pytestmark = pytest.mark.django_db


class Failing(EmailBackend):
    """A mail server that refuses what goes to some addresses."""

    refused: tuple[str, ...] = ()

    def send_messages(self, messages: Any) -> int:
        if any(address in self.refused for message in messages for address in message.to):
            raise SMTPException("mailbox unavailable")
        return super().send_messages(messages)


@pytest.fixture(autouse=True)
def mailed(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    monkeypatch.setitem(kinds.known, "test.said", Kind("Said", CHANNELS))
    settings.PUBLIC_URL = "https://realtime.example"
    settings.EMAIL_BACKEND = f"{Failing.__module__}.{Failing.__name__}"
    mail.outbox = []
    yield
    Failing.refused = ()


def due(user: User, **notice: Any) -> None:
    """Tells somebody something for which the time to read it is up."""
    tell(user, **notice)
    past = timezone.now() - timedelta(seconds=1)
    Notification.objects.filter(user=user, mailed_at=None, mail_tries=0).update(mail_due=past)


def text_of(message: Any) -> str:
    return str(message.body)


# --- what is in it -----------------------------------------------------------------------------------------------


def test_one_notification_is_one_mail_with_its_link(ada: User) -> None:
    by = person(name="Bob <b>")
    due(ada, title="Look & see", body="<script>", link="/sessions/1", by=Author(str(by.pk), "Bob <b>", "human"))
    assert mails.mails_send() == 1
    [message] = mail.outbox
    assert (message.subject, message.to) == ("Look & see", ["ada@example.com"])
    assert "Look & see (by Bob <b>)" in text_of(message)
    assert "https://realtime.example/sessions/1" in text_of(message)
    [(html, type_)] = message.alternatives
    assert type_ == "text/html"
    assert "Look &amp; see" in html
    assert "Bob &lt;b&gt;" in html
    assert "<script>" not in html
    assert 'href="https://realtime.example/sessions/1"' in html
    headers = message.message()
    assert headers["List-Unsubscribe"] == "<https://realtime.example/preferences>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"].endswith("@realtime.example>")


def test_several_are_one_digest_which_is_not_endless(ada: User) -> None:
    for number in range(60):
        due(ada, title=f"Number {number:02}")
    assert mails.mails_send() == 1
    [message] = mail.outbox
    assert message.subject == "60 notifications: Number 00"
    assert "Number 49" in text_of(message)
    assert "Number 50" not in text_of(message)
    assert "and 10 more" in text_of(message)
    assert Notification.objects.filter(mailed_at=None).count() == 0


def test_no_line_of_a_title_becomes_a_header(ada: User) -> None:
    due(ada, title="Hello\r\nBcc: everybody@example.com\u2028\x0b\x1cX: y")
    assert mails.mails_send() == 1
    message: Message = mail.outbox[0].message()
    assert message["Bcc"] is message["X"] is None
    assert "Hello Bcc: everybody@example.com" in mail.outbox[0].subject


def test_an_address_that_is_none_fails_alone(ada: User) -> None:
    bob = person(email="bob@example.com")
    User.objects.filter(pk=bob.pk).update(email="bob@example.com\nBcc: everybody@example.com")
    due(ada)
    due(bob)
    assert mails.mails_send() == 1
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_a_kind_may_have_a_link_of_its_own(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mails.links, "test.said", lambda row: f"https://sign.example/{row.data['n']}")
    due(ada, data={"n": 7})
    mails.mails_send()
    assert "https://sign.example/7" in text_of(mail.outbox[0])


# --- when --------------------------------------------------------------------------------------------------------


def test_what_is_read_in_time_is_not_mailed(ada: User) -> None:
    due(ada)
    services.notifications_read(by=Author(str(ada.pk), "", "human"), all_=True)
    assert mails.mails_send() == 0


def test_what_is_settled_in_time_is_not_mailed(ada: User) -> None:
    due(ada, key="k")
    with write():
        services.settle(key="k")
    assert mails.mails_send() == 0


def test_there_is_time_to_read_it_first(ada: User) -> None:
    tell(ada)
    assert mails.mails_send() == 0


def test_accounts_without_an_address_or_shut_meanwhile_get_none(ada: User) -> None:
    bob = person(email="bob@example.com")
    due(ada)
    due(bob)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    User.objects.filter(pk=bob.pk).update(email="")
    assert mails.mails_send() == 0
    assert not Notification.objects.exclude(mail_due=None).exists()


# --- at least once -----------------------------------------------------------------------------------------------


def test_what_went_out_goes_out_no_more(ada: User) -> None:
    due(ada)
    assert [mails.mails_send(), mails.mails_send()] == [1, 0]
    row = Notification.objects.get()
    assert row.mailed_at is not None
    assert row.mail_due is None


def test_what_failed_is_tried_again_and_others_go_out_meanwhile(ada: User) -> None:
    bob = person(email="bob@example.com")
    due(ada)
    due(bob)
    Failing.refused = ("ada@example.com",)
    assert mails.mails_send() == 1
    row = Notification.objects.get(user=ada)
    assert (row.mail_tries, row.mailed_at) == (1, None)
    assert timedelta(minutes=4) < row.mail_due - timezone.now() <= timedelta(minutes=5)
    Failing.refused = ()
    Notification.objects.filter(user=ada).update(mail_due=timezone.now())
    assert mails.mails_send() == 1
    assert [message.to for message in mail.outbox] == [["bob@example.com"], ["ada@example.com"]]


def test_a_mail_that_is_sent_again_has_the_same_name(ada: User) -> None:
    due(ada)
    rows = list(Notification.objects.all())
    names = {mails.digest(ada, rows).message()["Message-ID"] for _ in range(2)}
    due(ada)
    names.add(mails.digest(ada, list(Notification.objects.all())).message()["Message-ID"])
    assert len(names) == 2


def test_it_is_given_up_in_the_end(ada: User) -> None:
    due(ada)
    Failing.refused = ("ada@example.com",)
    before = metrics.mails.labels("given_up")._value.get()
    for _ in range(mailing.TRIES):
        mails.mails_send()
        Notification.objects.update(mail_due=timezone.now())
    assert Notification.objects.get().mail_tries == mailing.TRIES
    mails.mails_send()
    assert Notification.objects.get().mail_due is None
    assert metrics.mails.labels("given_up")._value.get() == before + 1


@pytest.mark.django_db(transaction=True)
def test_two_instances_send_it_once() -> None:
    for number in range(8):
        due(person(email=f"{number}@example.com"))
    assert sum(at_once(*[mails.mails_send] * 3)) == 8
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == 8


@pytest.mark.django_db(transaction=True)
def test_the_timer_only_sets_about_it(ada: User) -> None:
    go_on = threading.Event()

    def send() -> int:
        assert go_on.wait(30)
        return mails.mails_send()

    mailer = mails.Mailer(send)
    assert mailer.look() == 0
    due(ada)
    assert [mailer.look(), mailer.look()] == [1, 0]
    go_on.set()
    assert mailer._thread is not None
    mailer._thread.join(30)
    assert len(mail.outbox) == 1
    assert mailer.look() == 0


# --- how many, and to whom ---------------------------------------------------------------------------------------


def test_somebody_who_is_told_again_and_again_gets_one_mail_in_the_time_to_read(ada: User) -> None:
    other = person(email="bob@example.com")
    for number in range(3):
        due(ada, title=f"Spam {number}")
        assert mails.mails_send() == (number == 0)
    due(other)
    assert mails.mails_send() == 1
    assert [message.to for message in mail.outbox] == [["ada@example.com"], ["bob@example.com"]]
    Notification.objects.exclude(mailed_at=None).update(mailed_at=timezone.now() - timedelta(days=1))
    Notification.objects.exclude(mail_due=None).update(mail_due=timezone.now())
    assert mails.mails_send() == 1
    assert mail.outbox[-1].subject == "2 notifications: Spam 1"


def test_who_wants_mails_at_once_gets_each(ada: User) -> None:
    Preferences.objects.create(user=ada, mail_after=0)
    for _ in range(2):
        due(ada)
        assert mails.mails_send() == 1


def test_nothing_is_mailed_or_told_again_of_a_project_that_one_has_left(ada: User, tune: Callable[..., None]) -> None:
    tune(notification_resend=0.0)
    by = person()
    left, kept = (project_create(name=name, by=by) for name in ("Left", "Kept"))
    project_member_set(project=kept, user=ada, role="observer", by=by)
    Notification.objects.all().delete()
    for project in (left, kept):
        due(ada, title=project.name, project=project.pk, must_act=True, key=project.name)
    assert mails.mails_send() == 1
    assert mail.outbox[0].subject == "Kept"
    assert services.notifications_resend() == 1
    assert Notification.objects.exclude(settled_at=None).get().title == "Left"
