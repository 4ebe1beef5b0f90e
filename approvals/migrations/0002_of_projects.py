from __future__ import annotations

from typing import Any

from django.db import migrations


def out_of_sessions(apps: Any, schema_editor: Any) -> None:
    """Requests about a project's document are the project's: not everybody in a session may read that."""
    approvals = apps.get_model("approvals", "Approval").objects
    approvals.filter(document__isnull=False, document__session=None, session__isnull=False).update(session=None)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]

    operations = [migrations.RunPython(out_of_sessions, migrations.RunPython.noop)]
