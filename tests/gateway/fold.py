"""What a client makes of a room: the snapshot it got when it joined, and every event and ack since."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from collaboration.documents.texts import decoded, encoded
from tests.collaboration.documents.typist import Typist
from tests.gateway.plain import Plain

State = dict[str, Any]


def without(rows: list[State], user: str) -> list[State]:
    return [row for row in rows if row["user"] != user]


def replaced(rows: list[State], new: State, key: str) -> list[State]:
    return [new if row[key] == new[key] else row for row in rows]


def applied(state: State, event: dict[str, Any]) -> State:
    """What an event makes of the state of its room."""
    data = event["data"]
    match event["type"]:
        case "collaboration:message:sent" | "project:broadcast":
            pass
        case "collaboration:document:version:created" | "collaboration:document:version:restored":
            pass  # the edits that bring a version back are events of their own
        case "project:updated":
            state["name"] = data["name"]
        case "collaboration:participant:requested":
            state["waiting"] = [*without(state["waiting"], data["user"]), data["participant"]]
        case "collaboration:participant:joined":
            state["waiting"] = without(state["waiting"], data["user"])
            state["participants"] = [*without(state["participants"], data["user"]), data["participant"]]
        case "collaboration:participant:updated":
            _updated(state, data["participant"])
        case "collaboration:participant:left" | "collaboration:participant:removed":
            state["waiting"] = without(state["waiting"], data["user"])
            state["participants"] = without(state["participants"], data["user"])
        case "collaboration:session:created":
            state["sessions"].append(data["session"])
        case "collaboration:session:updated" | "collaboration:session:paused" | "collaboration:session:resumed":
            if "sessions" in state:
                state["sessions"] = replaced(state["sessions"], data["session"], "id")
            else:
                state["session"] = data["session"]
        case "collaboration:session:ended" if "sessions" in state:
            state["sessions"] = [row for row in state["sessions"] if row["id"] != data["session"]["id"]]
        case "collaboration:session:ended":
            state |= {"session": data["session"], "participants": [], "waiting": []}
        case "project:member:added" | "project:member:updated":
            member = {field: data[field] for field in ("user", "name", "kind", "role")}
            known = [row["user"] for row in state["members"]]
            if data["user"] in known:
                state["members"] = replaced(state["members"], member, "user")
            else:
                state["members"].append(member)
        case "project:member:removed":
            state["members"] = without(state["members"], data["user"])
        case "collaboration:document:created" if "documents" in state:
            state["documents"].append(data["document"])
        case "collaboration:document:renamed" if "documents" in state:
            state["documents"] = replaced(state["documents"], data["document"], "id")
        case "collaboration:document:deleted" if "documents" in state:
            state["documents"] = [row for row in state["documents"] if row["id"] != data["document"]]
        case "collaboration:document:renamed":
            state["document"] = data["document"]
        case "collaboration:document:updated":
            _edited(state, data, event["seq"])
        case other:
            raise AssertionError(f"nobody has said here what {other} does to a snapshot")
    if "seq" in state:
        state["seq"] = event["seq"]
    return state


def _edited(state: State, data: dict[str, Any], seq: int) -> None:
    """A text takes the update as a client does; of values, each key carries the number that wrote it."""
    for change in data.get("changes", ()):
        state["fields"][change["key"]] = {"value": change["value"], "seq": seq}
    if "update" in data:
        typist = Typist(99, state["update"])
        typist.take(data["update"])
        state |= {"update": encoded(typist.doc.get_update()), "state_vector": typist.state_vector}


def _updated(state: State, participant: State) -> None:
    """Somebody inside, before the door, or neither: then a role was given for later."""
    if participant["admission"] == "waiting":
        state["waiting"] = replaced(state["waiting"], participant, "user")
    else:
        state["waiting"] = without(state["waiting"], participant["user"])
        state["participants"] = replaced(state["participants"], participant, "user")


# The events that acks of one's own commands stand for.
ACKED = {
    "collaboration:message:send": "collaboration:message:sent",
    "collaboration:session:create": "collaboration:session:created",
    "collaboration:session:update": "collaboration:session:updated",
    "collaboration:session:pause": "collaboration:session:paused",
    "collaboration:session:resume": "collaboration:session:resumed",
    "collaboration:session:end": "collaboration:session:ended",
    "collaboration:participant:admit": "collaboration:participant:updated",
    "collaboration:participant:role": "collaboration:participant:updated",
    "collaboration:participant:deny": "collaboration:participant:removed",
    "collaboration:participant:remove": "collaboration:participant:removed",
    "project:broadcast": "project:broadcast",
    "collaboration:document:create": "collaboration:document:created",
    "collaboration:document:rename": "collaboration:document:renamed",
    "collaboration:document:delete": "collaboration:document:deleted",
    "collaboration:document:update": "collaboration:document:updated",
    "collaboration:document:version:create": "collaboration:document:version:created",
    "collaboration:document:version:restore": "collaboration:document:version:restored",
}


def followed(plain: Plain, room: str) -> tuple[State, int]:
    """The state of a room as a connection knows it since its last join, from frames alone, and as of which number."""
    state: State | None = None
    seq = 0
    for frame in plain.frames:
        if frame["type"] == "ack" and frame["data"].get("room") == room and "state" in frame["data"]:
            state, seq = deepcopy(frame["data"]["state"]), frame["data"]["seq"]
        elif frame.get("room") == room and frame.get("seq", 0) > seq and state is not None:
            if frame["type"] == "ack":
                frame = frame | {"type": ACKED[plain.asked(frame["id"])]}
            state, seq = applied(state, deepcopy(frame)), frame["seq"]
    assert state is not None
    return state, seq


def comparable(state: State) -> State:
    """A state as it may be compared: a text, and what is known of it, can be said in more than one way."""
    if "update" not in state:
        return state
    text = Typist(99, state["update"])
    return state | {"update": str(text), "state_vector": sorted(decoded(state["state_vector"], ""))}
