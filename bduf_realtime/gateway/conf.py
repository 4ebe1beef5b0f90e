"""Every knob of the server, typed and documented; each is set by the environment variable BDUF_<NAME>.

`docs/configuration.md` is generated from this file (`manage.py configuration`), and a variable that no field
here answers to fails `manage.py check`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec
from django.core.exceptions import ImproperlyConfigured

PREFIX = "BDUF_"


class ConfigurationError(ImproperlyConfigured):
    """Says which environment variable is wrong, and what it accepts."""


class Conf(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process. Durations are seconds, sizes bytes, rates messages per second."""

    production: Annotated[bool, "Refuse to start with unsafe settings (DEBUG, weak SECRET_KEY, wildcard hosts)."] = (
        False
    )
    log_level: Annotated[str, "Least severe level that is logged."] = "INFO"
    log_json: Annotated[bool, "Log one JSON object a line; false prints for people."] = True
    metrics_token: Annotated[str, "Bearer token that opens /metrics to other hosts; empty: loopback peers only."] = ""

    message_bytes: Annotated[int, "Largest text frame a client may send; over it the socket closes 4413."] = 65_536
    document_update_bytes: Annotated[int, "Largest document update."] = 1_048_576
    document_bytes: Annotated[int, "Largest document; more is `doc.too_large`, except to delete some."] = 5_242_880
    document_cache_bytes: Annotated[int, "Memory for loaded texts; those used last are kept."] = 134_217_728
    compaction_updates: Annotated[int, "Updates of a text since its snapshot; with more it gets another one."] = 500
    compaction_bytes: Annotated[int, "Bytes of updates since the snapshot; with more a text gets another one."] = (
        1_048_576
    )
    compaction_timeout: Annotated[int, "Time after which a process that takes snapshots is ended."] = 600
    message_body_chars: Annotated[int, "Longest body of a room message, in characters."] = 20_000
    payload_bytes: Annotated[int, "Largest free-form payload of a message or signal, as JSON."] = 32_768
    cursor_bytes: Annotated[int, "Largest position or selection of a cursor, as JSON."] = 1_024

    hello_timeout: Annotated[float, "Time from accept to valid credentials; after it the socket closes 4508."] = 10.0
    heartbeat_interval: Annotated[float, "Time between pings of the server."] = 20.0
    heartbeat_timeout: Annotated[float, "Silence after which a connection is closed 4509."] = 45.0
    idle_after: Annotated[float, "Time without a command after which a connection counts as idle."] = 60.0
    token_expiring_notice: Annotated[float, "Time before `exp` at which `auth:expiring` is sent."] = 60.0
    token_expiry_grace: Annotated[float, "Time after `exp` at which the socket closes 4401."] = 5.0
    token_max_lifetime: Annotated[float, "Longest lifetime of an access token that is accepted."] = 604_800.0
    token_leeway: Annotated[float, "Clock difference allowed for `nbf` and `iat`."] = 30.0
    access_token_lifetime: Annotated[float, "Lifetime of access tokens issued here."] = 900.0
    refresh_token_lifetime: Annotated[float, "Lifetime of refresh tokens issued here."] = 604_800.0
    socket_token_lifetime: Annotated[float, "Lifetime of tokens traded for a page's login session."] = 300.0
    jwt_audience: Annotated[str, "`aud` that tokens must carry; empty: not checked."] = ""
    jwt_issuer: Annotated[str, "`iss` that tokens must carry; empty: not checked."] = ""
    revocation_interval: Annotated[float, "Time between checks of the connected users' accounts and tokens."] = 1.0

    max_connections: Annotated[int, "Connections of this instance; more are refused 4507."] = 10_000
    max_connections_per_user: Annotated[int, "Connections of one user on all instances; more are refused 4412."] = 50
    max_rooms_per_connection: Annotated[int, "Rooms one connection may be in; more is `quota.exceeded`."] = 100

    rate_connection: Annotated[float, "Commands a connection may send, cursor moves not counted."] = 200.0
    rate_user: Annotated[float, "Commands a user may send over all connections, cursor moves not counted."] = 400.0
    rate_message: Annotated[float, "Room messages a connection may send."] = 100.0
    rate_document: Annotated[float, "Document updates a connection may send; each 8 KB of one count as another."] = (
        100.0
    )
    rate_signal: Annotated[float, "Signals a connection may send."] = 100.0
    rate_join: Annotated[float, "Joins and leaves a connection may send."] = 20.0
    rate_manage: Annotated[
        float, "Commands a connection may send that change sessions, participants and approvals."
    ] = 20.0
    rate_cursor: Annotated[float, "Cursor moves a connection may send."] = 100.0
    rate_burst: Annotated[float, "Size of every bucket, in seconds of its rate."] = 2.0
    rate_login: Annotated[str, "Logins per address and per account, as number/period."] = "20/min"
    rate_invitation: Annotated[str, "Invitations one address may try or accept, as number/period."] = "60/min"
    rate_rest: Annotated[str, "REST calls of one user, or of one address without a token, as number/period."] = (
        "3000/min"
    )
    rate_handshake: Annotated[float, "Handshakes per second one address may make; more are refused 403."] = 500.0
    abuse_windows: Annotated[int, "Successive seconds of refused commands after which a socket closes 4529."] = 3
    malformed_frames: Annotated[int, "Malformed frames in a minute that close a socket 4422."] = 5

    outbox_frames: Annotated[int, "Messages that may wait for one connection; more close it 4511."] = 4_096
    outbox_bytes: Annotated[int, "Bytes that may wait for one connection; more close it 4511."] = 1_048_576
    outbox_window: Annotated[int, "Bytes sent without an answer to a ping after which sending stops."] = 1_048_576
    outbox_ping_bytes: Annotated[int, "Bytes sent after which a ping asks whether they arrived."] = 262_144
    flush_interval: Annotated[float, "Longest time messages gather before they are sent as one frame under load."] = (
        0.01
    )
    slow_consumer_timeout: Annotated[float, "Time sending may stand still before the socket closes 4511."] = 8.0
    inbound_backlog: Annotated[int, "Commands of one connection that may wait; more are `rate.limited`."] = 512
    inbound_bytes: Annotated[int, "Bytes of commands of one connection that may wait; more are `rate.limited`."] = (
        262_144
    )

    cursor_tick_ms: Annotated[int, "Milliseconds between combined cursor frames."] = 50
    position_interval: Annotated[float, "Time between checks of the rooms' positions against the database."] = 1.0
    gap_patience: Annotated[float, "Time a hole in a room's numbers may last before the log is read."] = 0.05
    layer_probe_interval: Annotated[float, "Time between probes through the channel layer."] = 2.0
    replay_page: Annotated[int, "Events read from the log at once."] = 200
    recent_events: Annotated[int, "Events of a room kept in memory for quick recovery."] = 256

    journal_batch: Annotated[int, "Commands committed in one transaction at most."] = 512
    journal_queue: Annotated[int, "Commands that may wait for a commit; more are `storage.busy`."] = 10_000
    database_threads: Annotated[int, "Threads that talk to the database for sockets."] = 4
    database_deadline: Annotated[float, "Time after which a database call is given up as `storage.unavailable`."] = 5.0
    database_outage: Annotated[float, "Outage of the database after which sockets close 4504."] = 60.0
    instance_lease: Annotated[float, "Time after which an instance that stopped renewing counts as dead."] = 15.0
    instance_renewal: Annotated[float, "Time between renewals of an instance's lease."] = 5.0
    presence_flush: Annotated[float, "Time that changes of connection rows gather before they are written."] = 0.25
    sweep_interval: Annotated[float, "Time between runs of the timers."] = 1.0

    session_participant_timeout: Annotated[float, "Grace period before a disconnected participant has left."] = 15.0
    session_idle_timeout: Annotated[float, "Time without participants after which a session ends; 0: never."] = (
        604_800.0
    )
    session_retention: Annotated[float, "Time an ended session without documents is kept; 0: for ever."] = 7_776_000.0
    session_request_timeout: Annotated[float, "Time after which a wish to be let in has to be repeated."] = 3_600.0
    guest_token_lifetime: Annotated[float, "Lifetime of a guest's token; the guest is forgotten a day after it."] = (
        43_200.0
    )
    invitation_lifetime: Annotated[float, "Lifetime of an invitation that names none."] = 604_800.0
    invitation_max_lifetime: Annotated[float, "Longest lifetime of an invitation."] = 7_776_000.0
    max_invitations_per_session: Annotated[int, "Invitations of a session that are still open."] = 100
    max_guests_per_session: Annotated[int, "Guests a session may have had within a guest's time."] = 1_000
    max_projects_per_user: Annotated[int, "Projects one user may start."] = 1_000
    max_members_per_project: Annotated[int, "Members of a project."] = 2_000
    max_sessions_per_project: Annotated[int, "Sessions of a project that have not ended."] = 500
    max_documents_per_project: Annotated[int, "Documents of a project and its sessions."] = 1_000
    edits_audited_every: Annotated[float, "Time over which a user's edits of a document are one audit entry."] = 300.0
    max_versions_per_document: Annotated[int, "Versions of a document that somebody named."] = 1_000
    max_pinned_versions_per_document: Annotated[int, "Versions of a document that requests are about; they stay."] = (
        1_000
    )
    document_versions: Annotated[int, "Automatic versions kept of a document; the oldest go."] = 200
    notification_mail_after: Annotated[float, "Time one has to read a notification before it goes out by e-mail."] = (
        900.0
    )
    notification_resend: Annotated[float, "Time after which what one must act on is told again."] = 86_400.0
    notification_retention: Annotated[float, "Time a notification that was read is kept."] = 7_776_000.0
    notification_unread_retention: Annotated[float, "Time a notification that was not read is kept."] = 31_536_000.0
    max_notifications_per_user: Annotated[int, "Notifications kept of a user; the oldest go, those read first."] = (
        10_000
    )
    notifications_at_once: Annotated[int, "Notifications with which a subscription is answered at most."] = 100
    max_open_approvals: Annotated[int, "Requests of a project that are still to be decided."] = 5_000
    max_approvals_per_day: Annotated[int, "Requests that may be made in a project within 24 hours; they stay."] = 1_000
    max_policies_per_project: Annotated[int, "Policies of a project that are not archived."] = 200
    max_versions_per_policy: Annotated[int, "Versions of a policy; requests refer to them, so they stay."] = 1_000
    decision_link_lifetime: Annotated[float, "Time in which a link in a mail may be used to decide."] = 604_800.0
    idempotency_retention: Annotated[float, "Time an answered command is remembered."] = 86_400.0
    log_retention: Annotated[float, "Age below which events are never trimmed."] = 86_400.0
    log_retention_events: Annotated[int, "Newest events of a room that are never trimmed."] = 10_000
    history_limit: Annotated[int, "Events one `room:history` returns at most."] = 500
    drain_timeout: Annotated[float, "Time in which a stopping server lets go of its connections."] = 20.0
    drain_spread: Annotated[float, "Longest time over which a stopping server tells its clients to come back."] = 10.0


def conf_from(environ: Mapping[str, str]) -> Conf:
    """Reads every BDUF_ variable; raises ConfigurationError for an unknown name or a value of another type."""
    values: dict[str, object] = {}
    hints = get_type_hints(Conf)
    for name, raw in environ.items():
        if not name.startswith(PREFIX):
            continue
        field = name[len(PREFIX) :].lower()
        if field not in hints:
            raise ConfigurationError(f"{name} is not a setting; docs/configuration.md lists them all.")
        try:
            values[field] = msgspec.convert(_lowered(raw, hints[field]), hints[field], strict=False)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"{name}={raw!r}: {error}.") from error
    for field, value in values.items():
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            raise ConfigurationError(f"{PREFIX}{field.upper()} must be a number that is not negative.")
    return Conf(**values)  # type: ignore[arg-type]


def _lowered(raw: str, hint: object) -> str:
    return raw.lower() if hint is bool else raw


class Field(msgspec.Struct, frozen=True):
    """One documented setting: its variable, type, default and meaning."""

    variable: str
    type: str
    default: str
    meaning: str


def fields() -> list[Field]:
    """Lists every setting in the order of this file."""
    hints = get_type_hints(Conf, include_extras=True)
    result = []
    for name, field in zip(Conf.__struct_fields__, msgspec.structs.fields(Conf), strict=True):
        hint = hints[name]
        kind, meaning = get_args(hint) if get_origin(hint) is Annotated else (hint, "")
        default = str(field.default).lower() if kind is bool else str(field.default)
        result.append(Field(PREFIX + name.upper(), kind.__name__, default, meaning))
    return result


conf = conf_from(os.environ)
