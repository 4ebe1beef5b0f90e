from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "bduf_realtime.audit"
    label = "audit"
    verbose_name = "Audit"
