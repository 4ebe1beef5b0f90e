from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"
    verbose_name = "Approvals"

    def ready(self) -> None:
        from django.db.models import OuterRef

        from approvals import services
        from approvals.models import Approval
        from approvals.services.links import LINKED
        from approvals.services.notices import KINDS
        from bduf_realtime.gateway import sweeps
        from collaboration.services import sessions
        from notifications import kinds, mails

        kinds.known |= KINDS
        mails.links |= dict.fromkeys(LINKED, services.link_mailed)
        sessions.keeping.append(lambda: Approval.objects.filter(session=OuterRef("pk")))
        sweeps.everywhere.append(sweeps.Sweep("approvals_open", 10.0, services.approvals_count))
        sweeps.sweeps += (
            sweeps.Sweep("approval_rounds", 1.0, services.rounds_follow),
            sweeps.Sweep("approval_timers", 1.0, services.timers_fire),
            sweeps.Sweep("approval_seats", 30.0, services.seats_follow),
            sweeps.Sweep("decision_links", 60.0, services.links_forget),
        )
