"""The pages on which operators see projects, sessions and people, and act on them through the services."""

from collaboration.admin import dashboard, invitations, participants, projects, sessions

__all__ = ["dashboard", "invitations", "participants", "projects", "sessions"]
