"""The admin's side bar: every page under a heading, for those who may see it."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse

from bduf_realtime.audit import pages

GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "Collaboration": [
        ("Projects", "collaboration.Project", "folder_open"),
        ("Sessions", "collaboration.Session", "forum"),
        ("Documents", "collaboration.Document", "description"),
        ("Document versions", "collaboration.DocumentVersion", "history_edu"),
        ("Approvals", "approvals.Approval", "approval"),
        ("Approval policies", "approvals.Policy", "rule"),
        ("Policy versions", "approvals.PolicyVersion", "history"),
        ("Participants", "collaboration.Participant", "group"),
        ("Invitations", "collaboration.Invitation", "mail"),
        ("Memberships", "collaboration.Membership", "badge"),
    ],
    "Live": [
        ("Connections", "gateway.Connection", "lan"),
        ("Who is in which room", "gateway.Attendance", "meeting_room"),
        ("Instances", "gateway.Instance", "dns"),
        ("Rooms", "rooms.Room", "receipt_long"),
    ],
    "People": [
        ("Users", "accounts.User", "person"),
        ("Notifications", "notifications.Notification", "notifications"),
        ("Notification preferences", "notifications.Preferences", "tune"),
        ("Revoked tokens", "accounts.RevokedToken", "key_off"),
    ],
    "Record": [
        ("Audit trail", "audit.AuditEntry", "history"),
        ("Chains", "audit.AuditChain", "link"),
    ],
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The pages the visitor may see; unfold calls it."""
    first = {"title": "Now", "icon": "monitoring", "link": reverse("admin:index")}
    groups = [
        {
            "title": heading,
            "items": [
                {"title": title, "icon": icon, "link": pages.list_url(apps.get_model(label))}
                for title, label, icon in entries
                if pages.may_view(request, apps.get_model(label))
            ],
        }
        for heading, entries in GROUPS.items()
    ]
    return [{"items": [first]}, *(group for group in groups if group["items"])]
