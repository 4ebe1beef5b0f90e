from django.urls import path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from bduf_realtime.gateway import views

urlpatterns = [
    path("connections/", views.Connections.as_view(), name="connections"),
    path("connections/<uuid:pk>/", views.ConnectionDetail.as_view(), name="connection"),
    path("status/samples/", views.Samples.as_view(), name="samples"),
    path("asyncapi.json", views.AsyncApi.as_view(), name="asyncapi"),
    path("schema/", views.OpenApi.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path("", views.no_such_call),
]
