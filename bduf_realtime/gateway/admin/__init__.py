"""The pages on which operators see connections, instances and accounts, and act on them through the services."""

from bduf_realtime.gateway.admin import connections, users

__all__ = ["connections", "users"]
