"""Settings: what is unsafe in production refuses to start, and what is wrong is said in one line."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured

from bduf_realtime import settings as project
from bduf_realtime.gateway.conf import conf
from tests.servers import CommandFailed, application_env
from tests.servers.commands import run_manage

SAFE = {
    "SECRET_KEY": "a-random-key-of-more-than-thirty-two-bytes",
    "DEBUG": False,
    "ALLOWED_HOSTS": ["bduf.example.com"],
    "ALLOWED_ORIGINS": ["https://bduf.example.com"],
    "REDIS_URL": "",
    "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}},
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Judges production settings that are safe but for these changes."""

    def judge(*, key_in_environment: bool = True, production: bool = True, **changes: Any) -> None:
        for name, value in (SAFE | changes).items():
            monkeypatch.setattr(project, name, value)
        monkeypatch.setattr(project, "conf", msgspec.structs.replace(conf, production=production))
        if key_in_environment:
            monkeypatch.setenv("SECRET_KEY", SAFE["SECRET_KEY"])
        else:
            monkeypatch.delenv("SECRET_KEY", raising=False)
        project.refuse_unsafe()

    return judge


# --- production --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ALLOWED_ORIGINS": []},
        {"REDIS_URL": "redis://127.0.0.1:6379/0"},
        {"REDIS_URL": "redis://localhost:6379/0"},
        {"REDIS_URL": "redis://[::1]:6379/0"},
        {"REDIS_URL": "redis://:secret@redis.example.com:6379/0"},
        {"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}},
    ],
    ids=str,
)
def test_safe_settings_start(production: Any, changes: dict[str, Any]) -> None:
    assert production(**changes) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"SECRET_KEY": "x" * 31}, "SECRET_KEY is shorter"),
        ({"key_in_environment": False}, "SECRET_KEY is not set"),
        ({"DEBUG": True}, "DEBUG is on"),
        ({"ALLOWED_HOSTS": ["bduf.example.com", "*"]}, "ALLOWED_HOSTS is"),
        ({"ALLOWED_ORIGINS": ["*"]}, "ALLOWED_ORIGINS has a wildcard"),
        ({"ALLOWED_ORIGINS": ["https://*.example.com"]}, "ALLOWED_ORIGINS has a wildcard"),
        ({"REDIS_URL": "redis://redis.example.com:6379/0"}, "REDIS_URL has no password"),
        (
            {"REDIS_URL": "redis://127.0.0.1", "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}},
            "DATABASE_URL is SQLite",
        ),
    ],
    ids=str,
)
def test_an_unsafe_setting_refuses_to_start_and_is_named(production: Any, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="refusing to start") as refused:
        production(**changes)
    (line,) = str(refused.value).splitlines()[1:]
    assert named in line
    assert line.endswith(".")


def test_everything_unsafe_is_named_at_once(production: Any) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        production(DEBUG=True, ALLOWED_HOSTS=["*"], ALLOWED_ORIGINS=["*"])
    assert len(str(refused.value).splitlines()) == 4


def test_outside_production_only_a_key_that_can_be_guessed_is_refused(production: Any) -> None:
    production(production=False, DEBUG=True, ALLOWED_HOSTS=["*"], key_in_environment=False)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is shorter"):
        production(production=False, SECRET_KEY="short")


# --- what operators see ------------------------------------------------------------------------------------------


def manage(tmp_path: Path, *arguments: str, **environment: str) -> str:
    """Runs a command in an environment of its own."""
    env = application_env(
        directory=tmp_path, database_url=f"sqlite:///{tmp_path / 'db.sqlite3'}", overrides=environment
    )
    return run_manage(*arguments, env=env)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"BDUF_HELO_TIMEOUT": "5"}, "BDUF_HELO_TIMEOUT is not a setting; docs/configuration.md lists them all."),
        ({"BDUF_LOG_LEVEL": "LOUD"}, "BDUF_LOG_LEVEL='LOUD': there is no such level."),
        ({"BDUF_PRODUCTION": "true", "DEBUG": "1"}, "DEBUG is on: error pages show the code. Unset DEBUG."),
    ],
    ids=["unknown", "level", "unsafe"],
)
def test_a_wrong_setting_ends_any_command_with_its_name_and_no_traceback(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(CommandFailed) as failed:
        manage(tmp_path, "check", **environment)
    text = str(failed.value)
    assert "Configuration error: " in text
    assert text.strip().endswith(said)
    assert "Traceback" not in text


def test_contradicting_settings_fail_the_check(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"bduf\.E001"):
        manage(tmp_path, "check", BDUF_HEARTBEAT_TIMEOUT="1")


def test_production_passes_djangos_own_deployment_check(tmp_path: Path) -> None:
    deploy = ("check", "--deploy", "--fail-level", "WARNING")
    key = "zK3-vQ9_rT5xW8yB2nM6pL4jH7gF1dS0aE-cU_iO9kV3bN5mX8"
    assert "no issues" in manage(tmp_path, *deploy, BDUF_PRODUCTION="true", SECRET_KEY=key)


# --- what is put together here -----------------------------------------------------------------------------------


def test_the_embedded_database_is_durable_and_takes_its_write_lock_at_once(tmp_path: Path) -> None:
    database = project.database(f"sqlite:///{tmp_path / 'new' / 'db.sqlite3'}")
    assert (tmp_path / "new").is_dir()
    options = database["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]
    assert options["timeout"] == conf.database_deadline


def test_postgresql_is_given_up_after_the_deadline_on_both_sides() -> None:
    database = project.database("postgres://user:secret@db.example.com:5433/bduf")
    assert (database["ENGINE"], database["HOST"], database["PORT"]) == (
        "django.db.backends.postgresql",
        "db.example.com",
        5433,
    )
    assert database["OPTIONS"]["connect_timeout"] == int(conf.database_deadline)
    assert database["OPTIONS"]["options"] == f"-c statement_timeout={int(conf.database_deadline * 1000)}"
    assert database["CONN_HEALTH_CHECKS"]


def test_the_embedded_key_is_random_kept_and_readable_by_the_operator_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "DATA_DIR", tmp_path / "var")
    key = project.embedded_secret_key()
    assert len(key) >= 64
    assert project.embedded_secret_key() == key
    assert stat.S_IMODE((tmp_path / "var" / "secret_key").stat().st_mode) == 0o600
    monkeypatch.setattr(project, "DATA_DIR", tmp_path / "other")
    assert project.embedded_secret_key() != key
