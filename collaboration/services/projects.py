"""Projects and their members."""

from __future__ import annotations

from django.db.models import Q

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import audit_record
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.messages import MemberChanged, ParticipantRemoved, ParticipantUpdated, ProjectUpdated
from collaboration.models import Membership, Participant, Project, Session
from collaboration.services.acting import ADMIN, actor_of, author_of, note_if_idle, tell, tell_user
from collaboration.services.notices import member_notify, requests_settle
from collaboration.services.participants import keep_owned
from collaboration.text import plain_name

# Those whom the people in a session see: in it, or before its door.
SEEN = Q(present=True) | Q(admission=Participant.Admission.WAITING)


def project_create(*, name: str, by: User, door: str = "rest") -> Project:
    """Starts a project; its creator owns it. Raises perm.denied, msg.bad_value, quota.exceeded."""
    with write():
        if by.is_guest:
            raise RealtimeError("perm.denied", "Guests start no projects.")
        User.objects.select_for_update().get(pk=by.pk)  # so that many at once do not all find room for one more
        if Project.objects.filter(created_by=by).count() >= conf.max_projects_per_user:
            raise RealtimeError("quota.exceeded", f"You may start {conf.max_projects_per_user} projects.")
        project = Project.objects.create(name=plain_name(name, "name"), created_by=by)
        Membership.objects.create(project=project, user=by, role=roles.OWNER)
        log.create(f"project:{project.pk}")
        _record(project, "project:create", f"project:{project.pk}", {"name": project.name}, by, door)
    return project


def project_update(*, project: Project, name: str, by: User, door: str = "rest") -> Project:
    """Gives a project another name. Raises room.not_found, perm.denied, msg.bad_value."""
    with write():
        log.lock(f"project:{project.pk}")
        _require_manager(project, by, roles.OWNER, door)
        name = plain_name(name, "name")
        if name != project.name:
            project.name = name
            project.save(update_fields=["name"])
            updated = ProjectUpdated(str(project.pk), name)
            log.append(room=f"project:{project.pk}", type="project:updated", data=updated, by=author_of(by))
            _record(project, "project:update", f"project:{project.pk}", {"name": name}, by, door)
    return project


def project_member_set(*, project: Project, user: User, role: str, by: User, door: str = "rest") -> Membership:
    """Adds a member or changes its role. Raises room.not_found, perm.denied, quota.exceeded."""
    with write():
        log.lock(f"project:{project.pk}")
        _require_manager(project, by, role, door)
        if user.is_guest:
            raise RealtimeError("perm.denied", "A guest is nobody's member.")
        known = Membership.objects.filter(project=project, user=user).first()
        if known is not None and known.role == role:
            return known
        if known is None and project.memberships.count() >= conf.max_members_per_project:
            raise RealtimeError("quota.exceeded", f"A project may have {conf.max_members_per_project} members.")
        demoted = known is not None and known.role == roles.OWNER
        if demoted:
            _require_manager(project, by, roles.OWNER, door)
            _refuse_last_owner(project)
        sessions = _lock_open_sessions(project)
        membership, created = Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
        _roles_changed(project, user, role, by)
        if demoted:
            _keep_owned(sessions, by)
        member_notify(membership=membership, added=created, by=by)
        _member_changed(project, user, role, "added" if created else "updated", by, door)
    return membership


def project_member_remove(*, project: Project, user: User, by: User, door: str = "rest") -> None:
    """Takes a member out of a project and of all its sessions, live ones at once.

    Raises room.not_found, perm.denied.
    """
    with write():
        log.lock(f"project:{project.pk}")
        membership = Membership.objects.filter(project=project, user=user).first()
        if membership is None:
            raise RealtimeError("room.not_found", "That user is not a member.")
        if by != user:
            _require_manager(project, by, membership.role, door)
        if membership.role == roles.OWNER:
            _refuse_last_owner(project)
        sessions = _lock_open_sessions(project)
        membership.delete()
        places = Participant.objects.filter(session__project=project, user=user)
        seen = list(places.filter(SEEN).select_related("session").order_by("session_id"))
        owned = set(places.filter(role=roles.OWNER).values_list("session", flat=True))
        places.delete()
        requests_settle(participants=seen)
        for place in seen:
            removed = ParticipantRemoved(str(place.session_id), str(user.pk), "left_project")
            tell(place.session, "participant:removed", removed, author_of(by))
            if place.admission == Participant.Admission.WAITING:
                tell_user(user.pk, "participant:removed", removed, author_of(by))
            note_if_idle(place.session_id)
        _keep_owned([s for s in sessions if s.pk in owned or membership.role == roles.OWNER], by)
        _member_changed(project, user, None, "removed", by, door)


def _require_manager(project: Project, by: User, role: str, door: str) -> None:
    if door == ADMIN:
        return
    own = selectors.project_role(project.pk, by.pk)
    if own is None:
        raise RealtimeError("room.not_found")
    roles.require(own, "manage_settings" if role == roles.OWNER else "manage_participants")


def _refuse_last_owner(project: Project) -> None:
    if Membership.objects.filter(project=project, role=roles.OWNER).count() < 2:
        raise RealtimeError("perm.denied", "A project keeps one owner; name another one first.")


def _lock_open_sessions(project: Project) -> list[Session]:
    """Locks what somebody may be about to join by the role that is about to change."""
    sessions = list(project.sessions.exclude(status=Session.Status.ENDED).order_by("pk"))
    log.lock_many([f"session:{session.pk}" for session in sessions])
    return sessions


def _keep_owned(sessions: list[Session], by: User) -> None:
    for session in sessions:
        keep_owned(session=session, by=author_of(by))


def _roles_changed(project: Project, user: User, role: str, by: User) -> None:
    """Tells the sessions that the user is in, or waits for, with the role in the project."""
    places = Participant.objects.filter(SEEN, session__project=project, user=user, role=None)
    for place in places.select_related("session", "user").order_by("session_id"):
        info = selectors.participant_info(place, role)
        updated = ParticipantUpdated(str(place.session_id), str(user.pk), info)
        tell(place.session, "participant:updated", updated, author_of(by))


def _member_changed(project: Project, user: User, role: str | None, change: str, by: User, door: str) -> None:
    changed = MemberChanged(str(project.pk), str(user.pk), user.display_name, user.kind, role)
    log.append(room=f"project:{project.pk}", type=f"project:member:{change}", data=changed, by=author_of(by))
    _record(project, f"project:member:{change}", f"user:{user.pk}", {"role": role}, by, door)


def _record(project: Project, action: str, target: str, details: dict[str, str | None], by: User, door: str) -> None:
    audit_record(project=project.pk, action=action, actor=actor_of(by), target=target, details=details, door=door)
