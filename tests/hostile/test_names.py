"""Names that are markup, too long, invisible or upside down: what is kept is plain text, the same for all."""

from __future__ import annotations

import pytest

from tests.collaboration.meeting import SESSION, meeting
from tests.gateway.plain import Plain
from tests.live import Live

pytestmark = pytest.mark.live

BIDI = "\u202e\u202d\u2066\u2067\u2069\u200f\u061c"
KEPT = {
    "markup": ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    "script": ("</script><script>x</script>", "</script><script>x</script>"),
    "template": ("{{ 7*7 }} ${x} %s", "{{ 7*7 }} ${x} %s"),
    "turned around": (f"abc{BIDI}def", "abcdef"),
    "invisible": ("a\u200b\ufeff\u00adb", "ab"),
    "on two lines": ("one\ntwo\r\n\tthree\u2028four", "one two three four"),
    "with spaces around": ("  a  b  ", "a b"),
    "piled up": ("Z" + "\u0300" * 60 + "o", "Z" + "\u0300" * 4 + "o"),
    "in two forms": ("e\u0301", "é"),
    "many scripts": ("Ünïcödé 日本語 العربية 👩\u200d👧", "Ünïcödé 日本語 العربية 👩\u200d👧"),
    "the longest": ("x" * 200, "x" * 200),
    "empty": ("", ""),
}
REFUSED = {
    "too long": "x" * 201,
    "longer than a name of combining marks": "e\u0301" * 201,
    "invisible": "\u200b\u200b",
    "turned around and nothing else": BIDI,
    "spaces": "   ",
}


async def test_a_name_is_kept_as_plain_text_and_told_everybody_alike(live: Live) -> None:
    async with meeting(live) as session:
        member, watcher = await session.member(), await session.watcher()
        for number, (name, (given, expected)) in enumerate(KEPT.items(), 1):
            tags = [name, given[:50]] if given else [name]
            ack = await session.manage("session:update", name=given, tags=tags)
            assert ack["data"]["session"]["name"] == expected, name
            for listener, room in ((member, session.room), (watcher, session.project_room)):
                event = await listener.heard(f"{SESSION}updated", room, number)
                assert event["data"] == {"session": ack["data"]["session"]}, name
            status, shown = session.rest("GET", "", member)
            assert (status, shown["name"], shown["tags"]) == (200, expected, ack["data"]["session"]["tags"]), name
            state = (await session.owner.join(session.room))["state"]
            assert state["session"] == ack["data"]["session"], name


async def test_a_name_with_nothing_to_see_or_too_much_of_it_is_refused(live: Live) -> None:
    for name, given in REFUSED.items():
        async with meeting(live) as session:
            assert await session.refused(session.owner, "session:update", name=given) == "msg.bad_value", name
            created = {"project": live.project, "name": given}
            assert await session.owner.code(f"{SESSION}create", created) == "msg.bad_value", name
            if len(given) <= 50:
                assert await session.refused(session.owner, "session:update", tags=[given]) == "msg.bad_value", name
            assert (await session.log())[-1]["type"] == "collaboration:participant:joined"


@pytest.mark.parametrize("megabyte", ["name", "reason", "tags"])
async def test_a_megabyte_closes_the_connection_and_changes_nothing(live: Live, megabyte: str) -> None:
    async with meeting(live) as session:
        rude = await session.connect(session.owner.person)
        command = "pause" if megabyte == "reason" else "update"
        huge = {"tags": ["x" * 1_000_000]} if megabyte == "tags" else {megabyte: "x" * 1_000_000}
        await rude.send(f"{SESSION}{command}", {"session": session.session} | huge)
        assert await rude.shut() == 4413
        assert (await session.log())[-1]["type"] == "collaboration:participant:joined"


async def test_two_sessions_may_have_one_name_and_are_told_apart_by_id(live: Live) -> None:
    async with Plain(live, live.person()) as opener:
        wanted = {"project": live.project, "name": "The same"}
        first, second = [await opener.ask(f"{SESSION}create", wanted) for _ in range(2)]
        assert first["data"]["session"]["name"] == second["data"]["session"]["name"]
        assert first["data"]["id"] != second["data"]["id"]


@pytest.mark.parametrize("name", ["markup", "turned around", "piled up", "on two lines"])
async def test_a_guest_cannot_pass_for_somebody_else(live: Live, name: str) -> None:
    given, expected = KEPT[name]
    async with meeting(live, allow_anonymous=True) as session:
        guest = await session.member(session.guest(given))
        [shown] = [row for row in (await session.owner.join(session.room))["members"] if row["user"] == guest.person.id]
        assert (shown["name"], shown["guest"]) == (f"{expected} (guest)", True)
        said = await guest.say(session.session, "hello")
        await session.owner.sees(session.room, said["seq"])
        assert session.owner.events(session.room)[-1]["by"]["name"] == f"{expected} (guest)"
