import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from structlog.testing import capture_logs

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.chain import GENESIS, encode_json
from bduf_realtime.audit.models import AuditChain
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.audit.services import (
    DETAILS_BYTES,
    HEAD_FORGED,
    SYSTEM,
    Actor,
    AuditRecord,
    audit_record,
    audit_record_many,
)
from bduf_realtime.audit.verify import verify, verify_project
from tests.audit.conftest import ADA, told


def put(project: uuid.UUID | None, **others: Any) -> Any:
    with transaction.atomic():
        return audit_record(**{"project": project, "action": "test:done", "actor": ADA, **others})


@pytest.mark.django_db
def test_an_entry_says_who_did_what_through_which_door() -> None:
    project = uuid.uuid4()
    actor = Actor(id="7", name="Bot", kind="agent", acts_for="ada")
    put(project, actor=actor, target="session:9", details={"to": "observer"}, door="mcp")
    entry = entries_for(project).get()
    who = (entry.actor_id, entry.actor_name, entry.actor_kind, entry.acts_for)
    assert who == ("7", "Bot", "agent", "ada")
    assert (entry.action, entry.target, entry.details, entry.door) == (
        "test:done",
        "session:9",
        {"to": "observer"},
        "mcp",
    )
    assert (entry.seq, entry.previous_hash) == (1, GENESIS)
    assert list(verify()) == []


@pytest.mark.django_db
def test_the_returned_entry_is_the_stored_one() -> None:
    entry = put(None, actor=SYSTEM)
    stored = entries_for(None).get()
    for field in entry._meta.concrete_fields:
        assert getattr(entry, field.attname) == getattr(stored, field.attname)


@pytest.mark.django_db(transaction=True)
def test_recording_outside_a_transaction_is_refused() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        audit_record(project=None, action="test:done", actor=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_an_entry_of_a_transaction_that_fails_was_never_there() -> None:
    put(None)
    with transaction.atomic():
        audit_record(project=None, action="test:done", actor=SYSTEM)
        transaction.set_rollback(True)
    put(None)
    assert [entry.seq for entry in entries_for(None)] == [1, 2]
    assert list(verify()) == []


@pytest.mark.django_db
def test_the_trail_outlives_the_account() -> None:
    ada = User.objects.create(username="ada", name="Ada Lovelace")
    bot = User.objects.create(username="bot", kind="agent", acts_for=ada)
    ada_id, bot_id = str(ada.pk), str(bot.pk)
    put(None, actor=Actor.of(ada))
    put(None, actor=Actor.of(bot))
    User.objects.all().delete()
    people = [(e.actor_id, e.actor_name, e.actor_kind, e.acts_for) for e in entries_for(None)]
    assert people == [(ada_id, "Ada Lovelace", "human", ""), (bot_id, "bot", "agent", ada_id)]
    assert list(verify()) == []


@pytest.mark.django_db
def test_many_records_of_many_projects_come_back_in_order() -> None:
    projects = [uuid.uuid4(), None, uuid.uuid4()]
    records = [
        AuditRecord(project=project, action=f"test:{number}", actor=ADA) for number in range(4) for project in projects
    ]
    with transaction.atomic():
        entries = audit_record_many(records)
        assert audit_record_many([]) == []
    assert [entry.action for entry in entries] == [record.action for record in records]
    for project in projects:
        assert [entry.action for entry in entries_for(project)] == [f"test:{number}" for number in range(4)]
    assert list(verify()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["x" * 20_000, '"' * 20_000, "😀" * 20_000, "\n" * 20_000])
def test_details_that_are_too_long_are_cut_and_marked(text: str) -> None:
    put(None, details={"text": text})
    details = entries_for(None).get().details
    assert details["truncated"] is True
    assert details["bytes"] == len(encode_json({"text": text}).encode())
    assert encode_json({"text": text}).startswith(details["start"])
    assert len(encode_json(details).encode()) <= DETAILS_BYTES
    assert list(verify()) == []


@pytest.mark.django_db
def test_details_up_to_the_limit_are_kept() -> None:
    details = {"t": "x" * (DETAILS_BYTES - len('{"t":""}'))}
    put(None, details=details)
    assert entries_for(None).get().details == details


@pytest.mark.django_db
def test_every_value_survives_the_database_or_becomes_one_that_does() -> None:
    some = uuid.uuid4()
    details = {
        "floats": [0.1, 1e22, -0.0, 1.0, 1e-7, 5e-324, 1.7976931348623157e308, float("nan"), float("inf")],
        "ints": [0, -1, 2**63, 10**30],
        "texts": ["a\0b", "\ud800", "é", "😀", '"\\/\b'],
        "others": [some, (1, 2), None, True, {"": {}}],
        3: "number as key",
        "b\0": 1,
    }
    put(None, details=details, target="t\0", actor=Actor(id="\0", name="\udfff" + "n" * 500, kind="k" * 50))
    entry = entries_for(None).get()
    assert entry.details["others"] == [str(some), [1, 2], None, True, {"": {}}]
    assert entry.details["texts"][:2] == ["a\ufffdb", "?"]
    assert entry.details["floats"][-2:] == ["nan", "inf"]
    assert entry.details["3"] == "number as key"
    assert len(entry.actor_name) == 200
    assert list(verify()) == []
    json.dumps(entry.details, allow_nan=False)


@pytest.mark.django_db
def test_every_hundredth_entry_is_anchored_in_the_log_after_the_commit(
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    project = uuid.uuid4()
    with capture_logs() as logs, django_capture_on_commit_callbacks(execute=True):
        for _ in range(205):
            put(project)
        assert logs == []
    hashes = {entry.seq: entry.hash for entry in entries_for(project)}
    assert [(log["event"], log["chain"], log["seq"], log["hash"]) for log in logs] == [
        ("audit.anchor", str(project), seq, hashes[seq]) for seq in (100, 200)
    ]


def test_appending_to_a_forged_head_puts_the_forgery_on_record(project: uuid.UUID, tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine} AND seq > 90")
    tamper(
        "UPDATE {head} SET head_seq = 90, head_hash = (SELECT hash FROM {entry} WHERE chain_id = {mine} "
        "AND seq = 90) WHERE name = {mine}"
    )
    with capture_logs() as logs:
        put(project)
        put(project)
    assert [log["event"] for log in logs] == ["audit.head_forged"]
    assert [entry.action for entry in entries_for(project).filter(seq__gt=90)] == [
        HEAD_FORGED,
        "test:done",
        "test:done",
    ]
    assert told(list(verify_project(project))) == [("forged head", 91, 91)]


def test_appending_goes_on_from_the_last_entry_when_the_head_was_set_back(
    project: uuid.UUID, tamper: Callable[..., None]
) -> None:
    tamper("UPDATE {head} SET head_seq = 5, head_seal = '' WHERE name = {mine}")
    put(project)
    assert [entry.seq for entry in entries_for(project).filter(seq__gt=98)] == [99, 100, 101, 102]
    assert told(list(verify_project(project))) == [("forged head", 101, 101)]


def test_appending_to_an_emptied_chain_puts_the_forgery_on_record(
    project: uuid.UUID, tamper: Callable[..., None]
) -> None:
    tamper("DELETE FROM {entry} WHERE chain_id = {mine}")
    tamper("UPDATE {head} SET head_seq = 0 WHERE name = {mine}")
    put(project)
    assert told(list(verify_project(project))) == [("forged head", 1, 1)]


def test_a_rotated_secret_still_counts_while_it_is_a_fallback(project: uuid.UUID, settings: Any) -> None:
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [old]
    put(project)
    assert list(verify_project(project)) == []
    settings.SECRET_KEY_FALLBACKS = []
    assert told(list(verify_project(project))) == [("edited", 1, 100)]


@pytest.mark.django_db(transaction=True)
def test_two_appenders_at_once_make_one_line() -> None:
    project = uuid.uuid4()
    start = threading.Barrier(2)
    errors: list[Exception] = []

    def append(name: str) -> None:
        try:
            start.wait()
            for number in range(1000):
                put(project, actor=Actor(id=name, name=name, kind="human"), details={"number": number})
        except Exception as error:  # noqa: BLE001 - handed to the test's thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=append, args=(name,)) for name in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    entries = list(entries_for(project))
    assert [entry.seq for entry in entries] == list(range(1, 2001))
    assert [entry.previous_hash for entry in entries] == [GENESIS, *(entry.hash for entry in entries[:-1])]
    for name in ("ada", "bob"):
        numbers = [entry.details["number"] for entry in entries if entry.actor_id == name]
        assert numbers == list(range(1000))
    head = AuditChain.objects.get(name=str(project))
    assert (head.head_seq, head.head_hash) == (2000, entries[-1].hash)
    assert list(verify_project(project)) == []
