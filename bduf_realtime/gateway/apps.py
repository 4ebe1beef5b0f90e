from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "bduf_realtime.gateway"
    label = "gateway"
    verbose_name = "Gateway"

    def ready(self) -> None:
        from bduf_realtime.gateway import checks, daphne, logs  # noqa: F401 - registers the system checks

        logs.configure()
        daphne.close_with_reason()
        daphne.answer_pings_that_are_read()
        daphne.refuse_long_bodies()
