"""The pages on which operators see requests for approval and set up policies, through the services."""

from approvals.admin import policies, requests

__all__ = ["policies", "requests"]
