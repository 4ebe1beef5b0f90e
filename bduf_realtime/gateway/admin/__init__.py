"""The pages on which operators see connections, instances, accounts and chains, and act on them by services."""

from bduf_realtime.gateway.admin import chains, connections, users

__all__ = ["chains", "connections", "users"]
