from django.apps import AppConfig

from bduf_realtime.gateway.conf import conf


class CollaborationConfig(AppConfig):
    name = "collaboration"
    verbose_name = "Collaboration"

    def ready(self) -> None:
        from bduf_realtime.gateway import doors, sweeps
        from collaboration import services
        from collaboration.rooms import ProjectRoom, SessionRoom

        doors.kinds["project"] = ProjectRoom()
        doors.kinds["session"] = SessionRoom()
        grace = conf.session_participant_timeout
        sweeps.sweeps.append(sweeps.Sweep("participants", 1.0, lambda: services.participants_leave(away_for=grace)))
