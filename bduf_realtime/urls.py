"""HTTP routes: REST, health, admin, the workspace, and a page for developers."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import TemplateView

from bduf_realtime.gateway import health
from collaboration.views.workspace import nowhere, workspace

handler404 = nowhere
urlpatterns = [
    path("start/", TemplateView.as_view(template_name="start.html"), name="start"),
    path("api/v1/", include("bduf_realtime.accounts.urls")),
    path("api/v1/", include("bduf_realtime.audit.urls")),
    path("api/v1/", include("collaboration.urls")),
    path("api/v1/", include("approvals.urls")),
    path("api/v1/", include("notifications.urls")),
    path("api/v1/", include("bduf_realtime.gateway.urls")),  # the last, for it answers what nobody else does
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("", workspace, name="workspace"),
    re_path(r"^(?:(?:projects|sessions|documents|approvals)/[0-9a-z/-]+|inbox|preferences)$", workspace),
]
