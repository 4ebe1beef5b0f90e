from django.apps import AppConfig

from bduf_realtime.gateway.conf import conf


class CollaborationConfig(AppConfig):
    name = "collaboration"
    verbose_name = "Collaboration"

    def ready(self) -> None:
        from bduf_realtime.gateway import doors, samples, sweeps
        from collaboration import compactor, metrics, selectors, services, status
        from collaboration.rooms import DocumentRoom, ProjectRoom, SessionRoom
        from collaboration.services.notices import KINDS
        from notifications import kinds, topics

        kinds.known |= KINDS
        topics.scopes["project"] = lambda user, project: selectors.project_role(project, user) is not None
        topics.scopes["session"] = lambda user, session: selectors.session_known(session, user)
        doors.kinds["document"] = DocumentRoom()
        doors.kinds["project"] = ProjectRoom()
        doors.kinds["session"] = SessionRoom()
        samples.waiting |= {"versions": metrics.versions_due, "snapshots": metrics.texts_due}
        sweeps.everywhere.append(sweeps.Sweep("counts", 10.0, status.count_for_metrics))
        sweeps.everywhere.append(sweeps.Sweep("compaction_counts", 60.0, status.count_compaction))
        for sweep in (
            sweeps.Sweep(
                "participants", 1.0, lambda: services.participants_leave(away_for=conf.session_participant_timeout)
            ),
            sweeps.Sweep("idle_sessions", 1.0, lambda: services.sessions_end_idle(idle_for=conf.session_idle_timeout)),
            sweeps.Sweep("requests", 1.0, lambda: services.requests_expire(older_than=conf.session_request_timeout)),
            sweeps.Sweep("untold", 1.0, services.untold_tell),
            sweeps.Sweep("ended_sessions", 60.0, lambda: services.sessions_expire(ended_for=conf.session_retention)),
            sweeps.Sweep("edits", 10.0, lambda: services.tallies_audit(older_than=conf.edits_audited_every)),
            sweeps.Sweep("versions", 1.0, services.versions_keep_due),
            sweeps.Sweep("guests", 60.0, services.guests_forget),
            sweeps.Sweep("compaction", 5.0, compactor.compactor.look, compactor.compact_due),
        ):
            sweeps.sweeps.append(sweep)
