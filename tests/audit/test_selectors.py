import uuid

from bduf_realtime.audit.selectors import entries_for


def test_a_projects_trail_is_its_own_and_in_order(project: uuid.UUID) -> None:
    assert [entry.seq for entry in entries_for(project)] == list(range(1, 101))
    assert entries_for(str(project)).count() == 100
    assert entries_for(None).count() == 10
    assert not entries_for(uuid.uuid4()).exists()
