"""Runs management commands of the application, in the environment that its servers get."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers import reaper
from tests.servers.process import MS, REAPER

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "bduf-test-key-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKL"
# What the application may see of our environment: nothing that could configure it.
INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "PYTHON",
    "COV_",
    "COVERAGE_",
    "LD_",
    "DYLD_",
)


class CommandFailed(Exception):
    """Says that a management command exited with an error, with what it wrote."""


def application_env(
    *,
    directory: Path,
    database_url: str,
    redis_url: str | None = None,
    ports: Sequence[int] = (),
    overrides: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Builds the environment of servers on these ports; `overrides` has the last word."""
    env = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # every server would compile the application anew
    env |= {
        "DJANGO_SETTINGS_MODULE": "bduf_realtime.settings",
        "DATABASE_URL": database_url,
        "DATA_DIR": str(directory),
        "SECRET_KEY": SECRET_KEY,
        "DEBUG": "0",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "ALLOWED_ORIGINS": ",".join(f"http://{host}:{port}" for port in ports for host in ("127.0.0.1", "localhost")),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    if redis_url:
        env["REDIS_URL"] = redis_url
    return env | dict(overrides or {})


def run_manage(
    *arguments: str,
    env: Mapping[str, str],
    input: str | None = None,
    timeout: float = 60_000 * MS,
    root: Path = ROOT,
) -> str:
    """Runs a management command and returns its stdout; raises CommandFailed."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env=dict(env),
        start_new_session=True,
    )
    with process:
        REAPER.tell("watch", process.pid, 15)
        try:
            output, errors = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"manage.py {' '.join(arguments)}: not done within {timeout:g} s") from None
        finally:
            if process.returncode is None:
                reaper.kill_tree(process.pid)
            REAPER.tell("forget", process.pid)
    if process.returncode:
        raise CommandFailed(f"manage.py {' '.join(arguments)} exited with {process.returncode}\n{output}\n{errors}")
    return output
