from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from bduf_realtime.gateway import sweeps
        from notifications import mails, services

        sweeps.everywhere.append(sweeps.Sweep("mails_waiting", 10.0, services.mails_count))
        sweeps.sweeps += [
            sweeps.Sweep("notifications_resend", 5.0, services.notifications_resend),
            sweeps.Sweep("notifications_forget", 60.0, services.notifications_forget),
            sweeps.Sweep("mails", 5.0, mails.mailer.look, mails.mails_send),
        ]
