from datetime import UTC, datetime, timedelta, timezone

from bduf_realtime.audit.chain import GENESIS, canonical, derive_key, entry_hash, head_seal, instant

KEY = derive_key("a secret of thirty-two bytes or more")
CONTENT = {
    "chain": "server",
    "seq": 1,
    "at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "actor_id": "",
    "actor_name": "Zoë",
    "actor_kind": "human",
    "acts_for": "",
    "door": "socket",
    "action": "a:b",
    "target": "",
    "details": {"b": 1, "a": [1.5, None, True]},
}


def test_the_canonical_form_is_fixed_to_the_byte() -> None:
    assert (
        canonical(CONTENT)
        == (
            '{"action":"a:b","actor_id":"","actor_kind":"human","actor_name":"Zoë","acts_for":"",'
            '"at":"2026-01-02T03:04:05.000006+00:00","chain":"server","details":{"a":[1.5,null,true],"b":1},'
            '"door":"socket","seq":1,"target":""}'
        ).encode()
    )


def test_the_hash_of_a_known_entry_never_changes() -> None:
    assert entry_hash(KEY, GENESIS, CONTENT) == "976320745c47d891a156658a58dfe9dbd2effde8fe8d846f524c4c3694710231"
    assert head_seal(KEY, "server", 1, GENESIS) == "f9664bbd1b9083f156906773b2fbf77ddb572148f9f13ec1e6d2fb35ca4e6fa0"


def test_one_moment_is_written_one_way() -> None:
    expected = "2026-01-02T03:04:05.000000+00:00"
    assert instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == expected
    assert instant(datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))) == expected
    assert instant("2026-01-02 03:04:05") == expected
    assert instant("2026-01-02 03:04:05+00:00") == expected


def test_what_is_no_moment_is_left_as_it_is() -> None:
    assert instant("yesterday") == "yesterday"
    assert instant(None) is None


def test_every_part_of_an_entry_changes_its_hash() -> None:
    hashes = {entry_hash(KEY, GENESIS, {**CONTENT, name: "other"}) for name in CONTENT}
    hashes |= {entry_hash(KEY, GENESIS, CONTENT), entry_hash(KEY, "1" * 64, CONTENT)}
    assert len(hashes) == len(CONTENT) + 2


def test_another_secret_gives_another_hash() -> None:
    assert entry_hash(derive_key("other"), GENESIS, CONTENT) != entry_hash(KEY, GENESIS, CONTENT)


def test_a_secret_may_be_bytes() -> None:
    assert derive_key(b"secret") == derive_key("secret")


def test_columns_of_any_type_give_a_hash_and_no_error() -> None:
    for value in (None, b"\xff", 7, "\ud800", object()):
        assert len(entry_hash(KEY, GENESIS, {**CONTENT, "target": value, "at": value})) == 64
