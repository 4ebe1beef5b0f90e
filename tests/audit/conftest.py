import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from bduf_realtime.audit.examination import Finding
from bduf_realtime.audit.services import Actor, AuditRecord, audit_record_many

ADA = Actor(id=str(uuid.uuid4()), name="Ada", kind="human")


def record(project: uuid.UUID | None, number: int) -> AuditRecord:
    return AuditRecord(
        project=project,
        action="collaboration:participant:role",
        actor=ADA,
        target=f"session:{number}",
        details={"to": "moderator", "number": number},
        door="socket",
    )


def trail_of(project: uuid.UUID | None, length: int) -> None:
    with transaction.atomic():
        audit_record_many([record(project, number) for number in range(1, length + 1)])


@pytest.fixture
def project(db: None) -> uuid.UUID:
    """A project with a trail of 100 entries, between others."""
    project = uuid.uuid4()
    trail_of(None, 10)
    trail_of(project, 100)
    trail_of(uuid.uuid4(), 5)
    return project


@pytest.fixture
def tamper(project: uuid.UUID) -> Callable[..., None]:
    """Runs SQL behind the guards' back; `{entry}` and `{head}` are the tables, `{mine}` the project."""

    def run(statement: str, *parameters: Any) -> None:
        sql = statement.format(entry="audit_auditentry", head="audit_auditchain", mine=f"'{project}'")
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)

    return run


@pytest.fixture
def anywhere() -> int:
    """Some row that is neither the first nor the last."""
    return random.randint(2, 99)


def told(findings: list[Finding]) -> list[tuple[str, int, int]]:
    return [(finding.kind.value, finding.seq, finding.last) for finding in findings]
