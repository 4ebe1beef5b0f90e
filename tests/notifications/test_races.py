"""Many at once for the same users: nobody waits crosswise, no number is missing, and the last count is right."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from notifications import selectors, services
from notifications.models import Notification
from notifications.services import Notice
from tests.notifications.conftest import events_of, tell_all, with_room
from tests.people import person
from tests.races import at_once

ROUNDS = 8


@pytest.mark.django_db(transaction=True)
def test_telling_settling_resending_and_reading_do_not_get_in_each_others_way(tune: Callable[..., None]) -> None:
    tune(notification_resend=0.0)  # what one must act on is due to be told again at once
    users = [with_room(person()) if number % 4 else person() for number in range(12)]

    def shuffled(seed: int) -> list[User]:
        return random.Random(seed).sample(users, len(users))

    def speak(seed: int) -> None:
        for round_ in range(ROUNDS):
            notice = Notice("test.said", "Do", must_act=True, key=f"{seed}-{round_}")
            tell_all([(user.pk, notice) for user in shuffled(seed + round_)])

    def settle(seed: int) -> None:
        for round_ in range(ROUNDS):
            with write():
                services.settle_many(keys=[f"{number}-{round_}" for number in (seed, seed + 1)])

    def resend() -> None:
        for _ in range(ROUNDS):
            services.notifications_resend()

    def read(seed: int) -> None:
        for round_ in range(ROUNDS):
            for user in shuffled(seed + round_)[:4]:
                services.notifications_read(by=Author(str(user.pk), "", "human"), all_=True)

    at_once(lambda: speak(1), lambda: speak(2), lambda: settle(1), lambda: settle(0), resend, lambda: read(5))
    for number, user in enumerate(users):
        assert Notification.objects.filter(user=user).count() == 2 * ROUNDS
        if number % 4:
            events = events_of(user)
            assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
            assert events[-1]["data"]["unread"] == selectors.unread(user.pk).count()
