from django.urls import path

from bduf_realtime.audit import views

urlpatterns = [path("audit/", views.AuditTrail.as_view(), name="audit")]
