from django.urls import path

from approvals import views

APPROVAL = "approvals/<uuid:pk>/"

urlpatterns = [
    path("approvals/", views.Approvals.as_view(), name="approvals"),
    path(APPROVAL, views.ApprovalView.as_view(), name="approval"),
    path(f"{APPROVAL}decide/", views.Decide.as_view(), name="approval-decide"),
    path(f"{APPROVAL}cancel/", views.Cancel.as_view(), name="approval-cancel"),
    path(f"{APPROVAL}bypass/", views.Bypass.as_view(), name="approval-bypass"),
]
