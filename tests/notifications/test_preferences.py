"""What users want to be told of: changed field by field, and told as a whole."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import read_data
from notifications import kinds, services
from notifications.kinds import CHANNELS, Kind
from notifications.messages import NotificationPreferences, PreferencesInfo
from notifications.models import Preferences
from notifications.services import preferences

pytestmark = pytest.mark.django_db
SCOPE = f"project:{uuid.UUID(int=1)}"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "known", {"a.b": Kind("B", CHANNELS), "a.c": Kind("C", must_act=True)})
    monkeypatch.setattr("notifications.selectors.known", kinds.known)


def change(user: User, **changes: Any) -> PreferencesInfo:
    return services.preferences_set(user=user.pk, changes=read_data(changes, NotificationPreferences))


def channels(info: PreferencesInfo) -> dict[str, list[str]]:
    return {kind.kind: kind.channels for kind in info.kinds}


def test_who_said_nothing_has_what_the_server_does_by_itself(ada: User) -> None:
    info = change(ada)
    assert [(k.kind, k.title, k.must_act) for k in info.kinds] == [("a.b", "B", False), ("a.c", "C", True)]
    assert channels(info) == {k.kind: k.default for k in info.kinds} == {"a.b": ["email", "in_app"], "a.c": ["in_app"]}
    assert (info.patterns, info.mail_after, info.mutes) == ({}, conf.notification_mail_after, [])
    assert not Preferences.objects.exists()


def test_what_is_not_named_stays_as_it_is(ada: User) -> None:
    change(ada, kinds={"a.*": ["email"]}, mail_after=60)
    info = change(ada, kinds={"a.b": []})
    assert info.patterns == {"a.*": ["email"], "a.b": []}
    assert channels(info) == {"a.b": [], "a.c": ["email", "in_app"]}
    assert info.mail_after == 60


def test_null_takes_back_what_was_said(ada: User) -> None:
    change(ada, kinds={"*": [], "a.b": ["email"]}, mail_after=0)
    info = change(ada, kinds={"*": None}, mail_after=None)
    assert (info.patterns, info.mail_after) == ({"a.b": ["email"]}, conf.notification_mail_after)


def test_projects_and_sessions_are_muted_and_unmuted(ada: User) -> None:
    until = timezone.now() + timedelta(hours=1)
    other = f"session:{uuid.uuid4()}"
    info = change(ada, mute=[{"scope": SCOPE, "until": until.isoformat()}, {"scope": SCOPE}, {"scope": other}])
    assert {mute.scope: mute.until for mute in info.mutes} == {SCOPE: None, other: None}
    info = change(ada, mute=[{"scope": SCOPE, "until": until.isoformat()}], unmute=[other])
    assert [mute.scope for mute in info.mutes] == [SCOPE]
    assert info.mutes[0].until is not None
    info = change(ada, mute=[{"scope": SCOPE, "until": "2020-01-01T00:00:00Z"}])
    assert info.mutes == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": {"A": []}},
        {"kinds": {"a.": []}},
        {"kinds": {"a": ["pigeon"]}},
        {"kinds": {"a" * 101: []}},
        {"mail_after": -1},
        {"mail_after": 10**9},
        {"mute": [{"scope": "project:*"}]},
        {"mute": [{"scope": f"user:{uuid.UUID(int=1)}"}]},
        {"mute": [{"scope": f"{SCOPE}\n"}]},
        {"mute": [{"scope": SCOPE, "until": "2030-01-01T00:00:00"}]},
        {"unmute": ["all"]},
    ],
)
def test_what_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RealtimeError, match=r"msg\.bad_value"):
        read_data(wrong, NotificationPreferences)


def test_there_is_a_limit_to_what_one_may_say(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "MAX_PATTERNS", 2)
    monkeypatch.setattr(preferences, "MAX_MUTES", 2)
    change(ada, kinds={"a": [], "b": []}, mute=[{"scope": SCOPE}, {"scope": f"project:{uuid.uuid4()}"}])
    for more in ({"kinds": {"c": []}}, {"mute": [{"scope": f"project:{uuid.uuid4()}"}]}):
        with pytest.raises(RealtimeError, match=r"quota\.exceeded"):
            change(ada, **more)
    assert len(change(ada, kinds={"a": None, "c": []}).patterns) == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kinds": {"a b": ["email"]}}, "kinds"),
        ({"kinds": {"*": ["email"] * 3}}, "kinds[...]"),
        ({"mute": [{"scope": SCOPE, "until": "9999-12-31T23:59:59-14:00"}]}, "mute"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(ada: User, changes: Any, field: str) -> None:
    with pytest.raises(RealtimeError) as error:
        change(ada, **changes)
    assert (error.value.code, error.value.details["field"]) == ("msg.bad_value", field)
