"""Everything that changes projects, sessions, participants and documents.

One transaction each, with its events and its audit.

`by` is who acts. `door` is where the call came in: through the admin an operator acts by Django's permissions, which
the admin has checked, and through every other door by the role. `connection` is the socket's, if it was one.
"""

from collaboration.services.acting import actor_of, author_of
from collaboration.services.documents import (
    document_compaction_record,
    document_create,
    document_delete,
    document_rename,
    list_room,
)
from collaboration.services.edits import document_merge, document_update, update_outline
from collaboration.services.invitations import (
    guests_forget,
    invitation_accept,
    invitation_create,
    invitation_revoke,
)
from collaboration.services.messages import message_send, project_broadcast, writers_refused
from collaboration.services.notices import untold_tell
from collaboration.services.participants import (
    participant_admit,
    participant_deny,
    participant_remove,
    participant_role,
)
from collaboration.services.presence import (
    participant_away,
    participant_join,
    participants_leave,
    requests_expire,
)
from collaboration.services.projects import (
    project_create,
    project_member_remove,
    project_member_set,
    project_update,
)
from collaboration.services.rewriting import document_edit
from collaboration.services.sessions import (
    session_create,
    session_end,
    session_pause,
    session_resume,
    session_update,
    sessions_end_idle,
    sessions_expire,
    settings_checked,
)
from collaboration.services.tallies import tallies_audit
from collaboration.services.versions import version_create, version_pin, version_restore, versions_keep_due

__all__ = [
    "actor_of",
    "author_of",
    "document_compaction_record",
    "document_create",
    "document_delete",
    "document_edit",
    "document_merge",
    "document_rename",
    "document_update",
    "guests_forget",
    "invitation_accept",
    "invitation_create",
    "invitation_revoke",
    "list_room",
    "message_send",
    "participant_admit",
    "participant_away",
    "participant_deny",
    "participant_join",
    "participant_remove",
    "participant_role",
    "participants_leave",
    "project_broadcast",
    "project_create",
    "project_member_remove",
    "project_member_set",
    "project_update",
    "requests_expire",
    "session_create",
    "session_end",
    "session_pause",
    "session_resume",
    "session_update",
    "sessions_end_idle",
    "sessions_expire",
    "settings_checked",
    "tallies_audit",
    "untold_tell",
    "update_outline",
    "version_create",
    "version_pin",
    "version_restore",
    "versions_keep_due",
    "writers_refused",
]
