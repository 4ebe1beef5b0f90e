import uuid
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from bduf_realtime.audit import verify as module
from bduf_realtime.audit.chain import GENESIS
from bduf_realtime.audit.models import AuditChain, AuditEntry
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.audit.services import audit_record
from bduf_realtime.audit.verify import (
    Anchor,
    anchors,
    anchors_read,
    verify,
    verify_anchors,
    verify_chain,
    verify_project,
)
from tests.audit.conftest import ADA, told, trail_of

Tamper = Callable[..., None]

OTHER_VALUES = {
    "hash": "f" * 64,
    "at": "2001-02-03 04:05:06.000007",
    "actor_id": "someone",
    "actor_name": "Mallory",
    "actor_kind": "agent",
    "acts_for": "someone",
    "door": "admin",
    "action": "collaboration:participant:kick",
    "target": "session:0",
    "details": '{"to": "owner"}',
    "previous_hash": "1" * 64,
}


def found(project: uuid.UUID | None) -> list[tuple[str, int, int]]:
    return told(list(verify_project(project)))


def test_an_untouched_trail_is_intact(project: uuid.UUID) -> None:
    assert list(verify()) == []
    assert found(project) == []
    assert found(None) == []


def test_every_column_is_tried() -> None:
    columns = {field.attname for field in AuditEntry._meta.concrete_fields}
    assert columns == {*OTHER_VALUES, "chain_id", "seq"}


@pytest.mark.parametrize("column", OTHER_VALUES)
def test_a_changed_column_is_found(project: uuid.UUID, tamper: Tamper, anywhere: int, column: str) -> None:
    tamper(
        f"UPDATE {{entry}} SET {column} = %s WHERE chain_id = {{mine}} AND seq = %s",
        OTHER_VALUES[column],
        anywhere,
    )
    assert found(project) == [("edited", anywhere, anywhere)]


@pytest.mark.parametrize("column", OTHER_VALUES)
@pytest.mark.parametrize("seq", [1, 100])
def test_a_changed_column_is_found_at_either_end(project: uuid.UUID, tamper: Tamper, column: str, seq: int) -> None:
    tamper(
        f"UPDATE {{entry}} SET {column} = %s WHERE chain_id = {{mine}} AND seq = %s",
        OTHER_VALUES[column],
        seq,
    )
    assert found(project) == [("edited", seq, seq)]


def test_a_changed_seq_is_found(project: uuid.UUID, tamper: Tamper, anywhere: int) -> None:
    tamper("UPDATE {entry} SET seq = 777 WHERE chain_id = {mine} AND seq = %s", anywhere)
    findings = list(verify_project(project))
    assert told(findings) == [("reordered", 777, 777)]
    assert findings[0].detail == f"recorded as {anywhere}"


def test_a_seq_of_nought_is_found(project: uuid.UUID, tamper: Tamper, anywhere: int) -> None:
    tamper("UPDATE {entry} SET seq = 0 WHERE chain_id = {mine} AND seq = %s", anywhere)
    assert found(project) == [("reordered", 0, 0)]


def test_an_entry_moved_to_another_chain_is_found_in_both(project: uuid.UUID, tamper: Tamper, anywhere: int) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = 'server' AND seq = %s", min(anywhere, 10))
    tamper("UPDATE {entry} SET chain_id = 'server' WHERE chain_id = {mine} AND seq = %s", max(anywhere, 11))
    assert found(project) == [("deleted", max(anywhere, 11), max(anywhere, 11))]
    assert ("inserted", max(anywhere, 11), max(anywhere, 11)) in found(None)


def test_a_deleted_entry_is_found(project: uuid.UUID, tamper: Tamper, anywhere: int) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq = %s", anywhere)
    assert found(project) == [("deleted", anywhere, anywhere)]


def test_a_deleted_first_entry_is_found(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq = 1")
    assert found(project) == [("deleted", 1, 1)]


def test_a_deleted_entry_is_found_though_the_later_ones_were_renumbered(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq = 40")
    tamper("UPDATE {entry} SET seq = seq + 1000 WHERE chain_id = {mine} AND seq > 40")
    tamper("UPDATE {entry} SET seq = seq - 1001 WHERE chain_id = {mine} AND seq > 1000")
    assert found(project) == [("deleted", 40, 40), ("reordered", 40, 99)]


def test_a_cut_tail_is_found(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq > 90")
    assert found(project) == [("cut tail", 91, 100)]


def test_a_cut_tail_is_found_though_the_head_was_set_back(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq > 90")
    tamper(
        "UPDATE {head} SET head_seq = 90, head_hash = (SELECT hash FROM {entry} WHERE chain_id = {mine} "
        "AND seq = 90) WHERE name = {mine}"
    )
    assert found(project) == [("forged head", 90, 90)]


def test_a_tail_that_was_cut_before_the_chain_grew_on_is_found(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq > 90")
    trail_of(project, 3)
    assert found(project) == [("deleted", 91, 100)]


def test_an_emptied_chain_is_found(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine}")
    assert found(project) == [("cut tail", 1, 100)]


def test_two_swapped_entries_are_found(project: uuid.UUID, tamper: Tamper, anywhere: int) -> None:
    tamper("UPDATE {entry} SET seq = 1000 WHERE chain_id = {mine} AND seq = 100")
    tamper("UPDATE {entry} SET seq = 100 WHERE chain_id = {mine} AND seq = %s", anywhere)
    tamper("UPDATE {entry} SET seq = %s WHERE chain_id = {mine} AND seq = 1000", anywhere)
    assert found(project) == [("reordered", anywhere, anywhere), ("reordered", 100, 100)]


COPY = (
    "INSERT INTO {entry} (hash, chain_id, seq, at, actor_id, actor_name, actor_kind, acts_for, door, action, "
    "target, details, previous_hash) SELECT %s, chain_id, %s, at, actor_id, 'Mallory', actor_kind, acts_for, "
    "door, action, target, details, hash FROM {entry} WHERE chain_id = {mine} AND seq = %s"
)


def test_an_inserted_entry_is_found(project: uuid.UUID, tamper: Tamper, anywhere: int) -> None:
    tamper("UPDATE {entry} SET seq = seq + 1000 WHERE chain_id = {mine} AND seq >= %s", anywhere)
    tamper("UPDATE {entry} SET seq = seq - 999 WHERE chain_id = {mine} AND seq > 1000")
    tamper(COPY, "a" * 64, anywhere, anywhere - 1)
    assert found(project) == [("inserted", anywhere, anywhere), ("reordered", anywhere + 1, 101)]


def test_an_entry_added_past_the_head_is_found(project: uuid.UUID, tamper: Tamper) -> None:
    tamper(COPY, "a" * 64, 101, 100)
    assert found(project) == [("inserted", 101, 101)]
    tamper("UPDATE {head} SET head_seq = 101, head_hash = %s WHERE name = {mine}", "a" * 64)
    assert found(project) == [("forged head", 101, 101), ("inserted", 101, 101)]


@pytest.mark.parametrize("column", ["head_seq", "head_hash", "head_seal"])
def test_a_changed_head_is_found(project: uuid.UUID, tamper: Tamper, column: str) -> None:
    tamper(f"UPDATE {{head}} SET {column} = %s WHERE name = {{mine}}", 50 if column == "head_seq" else "b" * 64)
    kinds = [finding.kind for finding in verify_project(project)]
    assert kinds == ["forged head"]


def test_a_renamed_chain_is_found(tamper: Tamper) -> None:
    tamper(
        "INSERT INTO {head} (name, head_seq, head_hash, head_seal) "
        "SELECT 'renamed', head_seq, head_hash, head_seal FROM {head} WHERE name = {mine}"
    )
    tamper("UPDATE {entry} SET chain_id = 'renamed' WHERE chain_id = {mine}")
    assert ("forged head", 100, 100) in told(list(verify_chain("renamed")))


def test_a_head_that_is_gone_while_entries_are_left_is_found(tamper: Tamper) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the database itself refuses")
    tamper("UPDATE {entry} SET chain_id = 'nowhere' WHERE chain_id = {mine} AND seq > 50")
    orphans = list(verify())[-1]
    tamper("UPDATE {entry} SET chain_id = {mine} WHERE chain_id = 'nowhere'")  # or the end of the test refuses
    assert (orphans.chain, orphans.kind) == ("nowhere", "forged head")


@pytest.mark.parametrize(
    ("column", "value"),
    [("seq", "text"), ("at", "2026-13-45 99:00:00"), ("at", "never"), ("target", b"\xff"), ("actor_name", 7)],
)
def test_values_of_the_wrong_type_are_found_and_no_error(
    project: uuid.UUID, tamper: Tamper, column: str, value: object
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite stores them")
    tamper(f"UPDATE {{entry}} SET {column} = %s WHERE chain_id = {{mine}} AND seq = 30", value)
    assert len(found(project)) == 1


def test_a_head_of_the_wrong_type_is_found(project: uuid.UUID, tamper: Tamper) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite stores it")
    tamper("UPDATE {head} SET head_seq = 'text' WHERE name = {mine}")
    assert [kind for kind, _, _ in found(project)] == ["forged head"]


def test_many_changes_at_once_are_all_found(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("UPDATE {entry} SET target = 'x' WHERE chain_id = {mine} AND seq IN (3, 4, 50)")
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq IN (10, 20, 21, 100)")
    assert found(project) == [
        ("edited", 3, 4),
        ("deleted", 10, 10),
        ("deleted", 20, 21),
        ("edited", 50, 50),
        ("cut tail", 100, 100),
    ]


def test_what_was_done_to_one_chain_is_not_told_of_another(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq = 5")
    assert found(None) == []
    assert [finding.chain for finding in verify()] == [str(project)]


def test_entries_appended_while_a_chain_is_read_are_left_for_the_next_time(
    project: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module.stored_rows

    def stored_rows(entries):  # type: ignore[no-untyped-def]
        with transaction.atomic():
            audit_record(project=project, action="test:late", actor=ADA)
        return whole(entries)

    monkeypatch.setattr(module, "stored_rows", stored_rows)
    assert found(project) == []
    assert entries_for(project).count() == 102


def test_anchors_of_the_same_trail_hold(project: uuid.UUID) -> None:
    known = list(anchors())
    trail_of(project, 7)
    assert {anchor.chain for anchor in known} >= {"server", str(project)}
    assert list(verify_anchors(known)) == []


def test_a_database_set_back_to_an_older_copy_of_itself_is_found(project: uuid.UUID, tamper: Tamper) -> None:
    head = AuditChain.objects.get(name=str(project))
    trail_of(project, 20)
    known = [*anchors(), Anchor(str(project), 110, entries_for(project).get(seq=110).hash)]
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq > 100")
    tamper(
        "UPDATE {head} SET head_seq = 100, head_hash = %s, head_seal = %s WHERE name = {mine}",
        head.head_hash,
        head.head_seal,
    )
    assert found(project) == []
    assert told(list(verify_anchors(known))) == [("rolled back", 110, 120)]
    trail_of(project, 20)
    assert told(list(verify_anchors(known))) == [("rolled back", 110, 120)]


def test_a_chain_that_is_gone_as_a_whole_is_found_by_its_anchor(project: uuid.UUID, tamper: Tamper) -> None:
    known = list(anchors())
    tamper("DELETE FROM {entry} WHERE chain_id = {mine}")
    tamper("DELETE FROM {head} WHERE name = {mine}")
    assert list(verify()) == []
    assert told(list(verify_anchors(known))) == [("rolled back", 100, 100)]


def test_a_forged_head_is_no_anchor(project: uuid.UUID, tamper: Tamper) -> None:
    tamper("UPDATE {head} SET head_seq = 90 WHERE name = {mine}")
    assert str(project) not in {anchor.chain for anchor in anchors()}


def test_anchors_are_read_from_exports_and_from_the_log() -> None:
    lines = [
        "server 3 abc\n",
        "\n",
        '{"event": "audit.anchor", "chain": "server", "seq": 100, "hash": "def", "level": "info"}\n',
        '{"event": "client.opened"}\n',
    ]
    assert list(anchors_read(lines)) == [Anchor("server", 3, "abc"), Anchor("server", 100, "def")]


@pytest.mark.parametrize("line", ["server 3", "server x abc", '{"event": "audit.anchor"}', "{", "a b c d"])
def test_a_line_that_is_no_anchor_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 is no anchor"):
        list(anchors_read(["server 3 abc", line]))


def test_an_anchor_from_before_the_first_entry_holds() -> None:
    assert list(verify_anchors([Anchor("server", 0, GENESIS)])) == []
    assert told(list(verify_anchors([Anchor("server", 0, "f" * 64)]))) == [("rolled back", 0, 0)]


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_details_that_are_no_json_are_read_as_text(text: str) -> None:
    assert module.parsed(text) == text


def test_a_chain_that_was_never_there_cannot_be_verified(project: uuid.UUID) -> None:
    with pytest.raises(AuditChain.DoesNotExist):
        list(verify_project(uuid.uuid4()))
