"""Starts the real servers that tests and benchmarks need; `pytest -p tests.servers` adds the fixtures."""

from tests.servers.application import Deployment, ServerProcess
from tests.servers.commands import CommandFailed, application_env
from tests.servers.postgres import PostgresServer, find_postgres, postgres_server
from tests.servers.process import (
    MS,
    Launched,
    ServerFailed,
    ServerUnavailable,
    eventually,
    free_port,
    process_is_gone,
    wait_until,
)
from tests.servers.redis import RedisServer, find_redis, redis_server
from tests.servers.templates import Template

__all__ = [
    "MS",
    "CommandFailed",
    "Deployment",
    "Launched",
    "PostgresServer",
    "RedisServer",
    "ServerFailed",
    "ServerProcess",
    "ServerUnavailable",
    "Template",
    "application_env",
    "eventually",
    "find_postgres",
    "find_redis",
    "free_port",
    "postgres_server",
    "process_is_gone",
    "redis_server",
    "wait_until",
]

pytest_plugins = ["tests.servers.plugin"]
