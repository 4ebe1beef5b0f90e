"""The pages on which operators see projects, sessions, documents and people, and act on them through the services."""

from collaboration.admin import dashboard, documents, invitations, participants, projects, sessions, versions

__all__ = ["dashboard", "documents", "invitations", "participants", "projects", "sessions", "versions"]
