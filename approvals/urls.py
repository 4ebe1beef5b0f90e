from django.urls import path

from approvals.views import links, policies, requests, sheets

APPROVAL = "approvals/<uuid:pk>/"
POLICY = "policies/<uuid:pk>/"

urlpatterns = [
    path("approvals/", requests.Approvals.as_view(), name="approvals"),
    path(APPROVAL, requests.ApprovalView.as_view(), name="approval"),
    path(f"{APPROVAL}decide/", requests.Decide.as_view(), name="approval-decide"),
    path(f"{APPROVAL}comment/", requests.Comment.as_view(), name="approval-comment"),
    path(f"{APPROVAL}resolve/", requests.Resolve.as_view(), name="approval-resolve"),
    path(f"{APPROVAL}delegate/", requests.Delegate.as_view(), name="approval-delegate"),
    path(f"{APPROVAL}cancel/", requests.Cancel.as_view(), name="approval-cancel"),
    path(f"{APPROVAL}bypass/", requests.Bypass.as_view(), name="approval-bypass"),
    path(f"{APPROVAL}sheet/", sheets.Sheet.as_view(), name="approval-sheet"),
    path("approvals/link/", links.Link.as_view(), name="approval-link"),
    path("approvals/link/decide/", links.LinkDecision.as_view(), name="approval-link-decide"),
    path("policies/", policies.Policies.as_view(), name="policies"),
    path(POLICY, policies.PolicyView.as_view(), name="policy"),
    path(f"{POLICY}versions/", policies.PolicyVersions.as_view(), name="policy-versions"),
]
