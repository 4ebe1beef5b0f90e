"""Topics: which notifications they are about, and whose they may be."""

from __future__ import annotations

import fnmatch
import uuid
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author, event_frame
from notifications import topics
from notifications.topics import Interest, Told, matches_kind, read_topics

USER, OURS, THEIRS = (uuid.UUID(int=number) for number in (1, 2, 3))
words = st.lists(st.sampled_from(["a", "b", "a_b"]), min_size=1, max_size=4).map(".".join)
patterns = words | words.map("{}.*".format) | st.just("*")


@pytest.fixture(autouse=True)
def one_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "scopes", {"project": lambda user, project: (user, project) == (USER, OURS)})


@given(patterns, words)
def test_a_pattern_matches_as_a_shells_would(pattern: str, kind: str) -> None:
    assert matches_kind(pattern, kind) is fnmatch.fnmatchcase(kind, pattern)


@pytest.mark.parametrize("topic", ["*", "approval", "approval.requested", "approval.*", "a_b.c.*"])
def test_a_topic_may_be_a_kind_or_its_beginning(topic: str) -> None:
    assert read_topics([topic], USER) == Interest((topic,))


@pytest.mark.parametrize(
    "topic",
    ["", ".", "a.", ".a", "a..b", "a*", "*.a", "a.*.b", "**", "A", "a-b", "a b", "a\n", "é", "1", "?", "[a]", "%"],
)
def test_what_is_no_topic_is_refused_by_name(topic: str) -> None:
    with pytest.raises(RealtimeError) as refused:
        read_topics(["*", topic], USER)
    assert (refused.value.code, refused.value.details["field"]) == ("msg.bad_value", "topics")


@pytest.mark.parametrize(
    "topic",
    [
        *(
            f"project:{THEIRS}",
            f"session:{OURS}",
            f"user:{USER}",
            f"document:{OURS}",
            "project:*",
            "user:*",
            "project:",
        ),
        *(f"project:{OURS}:*", f"project:{OURS}\n", f"project:{str(uuid.UUID(int=10)).upper()}"),
    ],
)
def test_a_room_that_is_not_ones_own_to_see_is_refused(topic: str) -> None:
    with pytest.raises(RealtimeError, match=r"perm\.denied"):
        read_topics([topic], USER)


def test_a_project_one_sees_is_a_topic() -> None:
    interest = read_topics([f"project:{OURS}", "a.*"], USER)
    assert interest.covers(Told("b", project=str(OURS)))
    assert interest.covers(Told("a.b"))
    assert not interest.covers(Told("b", project=str(THEIRS)))
    assert not interest.covers(Told("b"))


@pytest.mark.parametrize("wanted", [[], ["*"], ["a", "*"]])
def test_without_topics_everything_is_wanted(wanted: list[str]) -> None:
    interest = read_topics(wanted, USER)
    assert interest.is_all
    assert interest.covers(Told("a"))


def frame(type_: str, data: object) -> str:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    by = Author(str(THEIRS), "Eve", "human")
    return event_frame(type_, f"user:{USER}", "epoch", 7, at, by, msgspec.json.encode(data)).decode()


def test_of_what_is_not_wanted_the_number_is_left() -> None:
    interest = read_topics(["a.*"], USER)
    told = {"notification": {"kind": "b", "project": None, "session": None, "title": "secret"}, "unread": 3}
    assert msgspec.json.decode(interest.sieve(frame("notification:created", told))) == {
        "type": "notification:skipped",
        "room": f"user:{USER}",
        "epoch": "epoch",
        "seq": 7,
        "at": "2026-01-01T00:00:00.000Z",
        "by": {"user": "", "name": "", "kind": "", "connection": ""},
        "data": {},
    }


def test_what_is_wanted_and_what_is_no_notification_is_left_as_it_is() -> None:
    interest = read_topics(["a.*"], USER)
    for whole in (
        frame("notification:created", {"notification": {"kind": "a.b", "project": None, "session": None}}),
        frame("notification:read", {"ids": [], "all": True, "unread": 0}),
        frame("collaboration:participant:updated", {}),
    ):
        assert interest.sieve(whole) is whole
