"""The embedded Postgres under kills, damaged files and foreign hands (faults 52, 54, 55, 62-64)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from ecorse.errors import ConfigError, DiskFull
from ecorse.postgres import EmbeddedPostgres, address, cluster, roles


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module's own, which its tests kill and damage."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("stack"))
    server.start()
    yield server
    server.remove()


@pytest.fixture
def running(server):
    server.start()
    return server


def server_pid(server: EmbeddedPostgres) -> int:
    process = cluster.postmaster(server.data_dir)
    assert process is not None
    return process.pid


def kill(server: EmbeddedPostgres) -> None:
    os.kill(server_pid(server), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while server.is_running() and time.monotonic() < deadline:
        time.sleep(0.01)


def count(server: EmbeddedPostgres, table: str) -> int:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return row[0]


def test_roles_have_the_rights_they_need_and_no_more(running):
    with running.admin() as admin:
        rights = admin.execute(
            "select rolname, rolsuper or rolcreatedb or rolcreaterole or rolreplication "
            "or rolbypassrls, rolcanlogin from pg_roles where rolname = any(%s) order by 1",
            [list(roles.ROLES)],
        ).fetchall()
    assert rights == [(role, False, True) for role in sorted(roles.ROLES)]


@pytest.mark.parametrize(
    ("role", "database", "may"),
    [
        ("ecorse_etl", "ecorse", True),
        ("ecorse_etl", "airflow", False),
        ("bi_reader", "ecorse", True),
        ("bi_reader", "airflow", False),
        ("app_reader", "ecorse", True),
        ("app_reader", "airflow", False),
        ("airflow", "airflow", True),
        ("airflow", "ecorse", False),
    ],
)
def test_a_role_enters_only_its_database(running, role, database, may):
    if may:
        psycopg.connect(running.url(role, database)).close()
    else:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(running.url(role, database))


def test_readers_are_read_only_with_a_timeout(running):
    for role in roles.READERS:
        with psycopg.connect(running.url(role)) as connection:
            assert connection.execute("show default_transaction_read_only").fetchone() == ("on",)
            assert connection.execute("show statement_timeout").fetchone() == ("1min",)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("create table public.anything (a int)")


def test_secrets_are_private(running):
    folder = running.home / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [f.name for f in files] == sorted(f"{r}.password" for r in (*roles.ROLES, "postgres"))
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    assert len({f.read_text() for f in files}) == 5


def test_no_password_reaches_the_servers_files(running):
    secrets = [f.read_text().strip().encode() for f in (running.home / "secrets").iterdir()]
    places = [*running.log_dir.iterdir(), running.root / "postgresql.conf"]
    places += [running.data_dir / "postmaster.opts", running.data_dir / "pg_hba.conf"]
    for place in places:
        assert not any(secret in place.read_bytes() for secret in secrets), place
    commands = [" ".join(p.cmdline()) for p in psutil.Process(server_pid(running)).children()]
    assert not any(secret.decode() in line for secret in secrets for line in commands)


def test_only_loopback_listens_and_only_with_a_password(running):
    listening = [
        c.laddr
        for c in psutil.Process(server_pid(running)).net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    ]
    assert listening == [("127.0.0.1", running.port)]
    assert not psutil.Process(server_pid(running)).net_connections("unix")
    for password in ("", "postgres", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host="127.0.0.1", port=running.port, user="postgres", password=password)
    assert stat.S_IMODE(running.data_dir.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to drop its rights")
def test_as_root_the_server_runs_as_another_account(running):
    process = psutil.Process(server_pid(running))
    for each in (process, *process.children()):
        assert 0 not in each.uids()
        assert 0 not in each.gids()


def test_a_killed_server_recovers_and_keeps_what_was_committed(running):
    with psycopg.connect(running.url()) as connection:
        connection.execute("create table if not exists kept (n bigint)")
        connection.execute("truncate kept")
        connection.execute("insert into kept select generate_series(1, 200000)")
    open_load = psycopg.connect(running.url())
    rows_sent = threading.Event()

    def load() -> None:
        with open_load.cursor().copy("copy kept from stdin") as copy:
            for number in range(10_000_000):
                copy.write(f"{number}\n")
                if number == 300_000:
                    rows_sent.set()

    errors: list[BaseException] = []

    def run_load() -> None:
        try:
            load()
        except psycopg.Error as error:
            errors.append(error)

    thread = threading.Thread(target=run_load)
    thread.start()
    assert rows_sent.wait(60)
    kill(running)
    thread.join(60)
    open_load.close()
    assert len(errors) == 1  # the load saw the server die; nothing else may have happened
    assert not running.is_ready()
    running.start()
    assert count(running, "kept") == 200_000


def test_killed_over_and_over_it_comes_back(running):
    with psycopg.connect(running.url()) as connection:
        connection.execute("create table if not exists rounds (n int)")
        connection.execute("truncate rounds")
    for number in range(8):
        with psycopg.connect(running.url()) as connection:
            connection.execute("insert into rounds values (%s)", [number])
        kill(running)
        running.start()
    assert count(running, "rounds") == 8


@pytest.mark.parametrize("content", ["", "\n", "12", "no pid\n/x\n", "\x00\x00", "999999999\n"])
def test_a_damaged_pid_file_does_not_stop_a_start(running, content):
    kill(running)
    (running.data_dir / "postmaster.pid").write_text(content)
    assert not running.is_running()
    running.start()
    assert running.is_ready()


def test_a_pid_that_now_belongs_to_another_program_does_not_stop_a_start(running):
    pid_file = running.data_dir / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    kill(running)
    # under the server's own account, which is what makes Postgres refuse by itself
    owner = running.data_dir.stat().st_uid
    other = subprocess.Popen(
        ["sleep", "60"],
        user=owner if os.geteuid() == 0 else None,
        start_new_session=True,
    )
    try:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert not running.is_running()
        running.start()
        assert running.is_ready()
        assert other.poll() is None  # and the innocent program lives
    finally:
        other.kill()
        other.wait()


def test_a_half_made_data_directory_is_made_again(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ecorse.postgres import EmbeddedPostgres;"
        "EmbeddedPostgres(Path(sys.argv[1])).start()"
    )
    server = EmbeddedPostgres(tmp_path / "home")
    starter = subprocess.Popen([sys.executable, "-c", code, str(server.home)], process_group=0)
    try:
        deadline = time.monotonic() + 60
        while not list(server.root.glob("new-*/data/base")) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not server.data_dir.exists()  # killed in the middle of initdb
    finally:
        os.killpg(starter.pid, signal.SIGKILL)
        starter.wait()
    try:
        server.start()
        assert not list(server.root.glob("new-*"))
        psycopg.connect(server.url()).close()
    finally:
        server.remove()


def test_processes_that_start_at_once_share_one_server(running):
    running.stop()
    code = (
        "import sys; from pathlib import Path; from ecorse.postgres import EmbeddedPostgres;"
        "s = EmbeddedPostgres(Path(sys.argv[1])); s.start();"
        "print((s.data_dir / 'postmaster.pid').read_text().split()[0])"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(running.home)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    pids = {starter.communicate(timeout=60)[0].strip() for starter in starters}
    assert pids == {str(server_pid(running))}


def test_the_port_is_kept_and_a_taken_one_is_named(running):
    port = running.port
    running.stop()
    running.start()
    assert running.port == port
    running.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(ConfigError, match=rf"Port {port} .*ECORSE_POSTGRES_PORT"):
            running.start()


def test_a_full_disk_is_told_before_the_start(running, monkeypatch):
    running.stop()
    usage = shutil.disk_usage(running.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5 << 20))
    with pytest.raises(DiskFull, match="5 MB free; the embedded Postgres needs 256 MB"):
        running.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_fills_up_in_initdb_is_told(monkeypatch):
    # not below tmp_path, which the server's account cannot reach
    home = Path(tempfile.mkdtemp())
    small = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", str(home)]
    if subprocess.run(small, capture_output=True, check=False).returncode != 0:
        home.rmdir()
        pytest.skip("this container may not mount")
    home.chmod(0o755)
    monkeypatch.setattr(cluster, "FREE_BYTES_NEEDED", 0)
    try:
        with pytest.raises(DiskFull, match=r"the disk of .* is full"):
            EmbeddedPostgres(home).start()
        assert not (home / "postgres" / "data").exists()
        assert not list((home / "postgres").glob("new-*"))  # the space is given back
    finally:
        subprocess.run(["umount", home], check=True)
        home.rmdir()


def test_data_of_another_version_is_refused(running):
    running.stop()
    version = running.data_dir / "PG_VERSION"
    version.write_text("16\n")
    try:
        with pytest.raises(ConfigError, match=r"version 16, and this Ecorse brings 18\."):
            running.start()
    finally:
        version.write_text("18\n")


def test_a_lost_superuser_password_is_told(running):
    running.stop()
    secret = running.home / "secrets" / "postgres.password"
    away = secret.rename(secret.with_suffix(".away"))
    try:
        with pytest.raises(ConfigError, match=r"postgres\.password is lost"):
            running.start()
    finally:
        away.rename(secret)


def test_a_home_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="ECORSE_HOME"):
        EmbeddedPostgres(tmp_path / "file" / "home").start()


def test_databases_of_tests_come_and_go(running):
    running.create_database("first")
    with psycopg.connect(running.url(database="first")) as connection:
        connection.execute("create table t as select 7 as n")
    running.create_database("second", template="first")
    with psycopg.connect(running.url(database="second")) as connection:
        assert connection.execute("select n from t").fetchone() == (7,)
    psycopg.connect(running.url("bi_reader", "second")).close()
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(running.url("airflow", "second"))
    holder = psycopg.connect(running.url(database="second"))  # is no obstacle
    running.drop_database("second")
    running.drop_database("second")
    running.drop_database("first")
    holder.close()


def test_the_schema_can_be_made_by_the_owner(running):
    project = Path(__file__).resolve().parents[2]
    running.create_database("schema_probe")
    try:
        with psycopg.connect(running.url(database="schema_probe")) as connection:
            for file in sorted((project / "include/sql/schema").glob("*.sql")):
                connection.execute(file.read_text())
    finally:
        running.drop_database("schema_probe")


class TestAddress:
    """``database_url`` with a server of one's own; expected values follow from RFC 3986."""

    @pytest.fixture(autouse=True)
    def configured(self, monkeypatch):
        monkeypatch.setenv(
            "ECORSE_DATABASE_URL",
            "postgresql+psycopg://ecorse_etl:a%2Fb@db.example:5433/shop?sslmode=require",
        )
        monkeypatch.setenv("ECORSE_BI_READER_PASSWORD", "p@ss/word")
        monkeypatch.delenv("ECORSE_APP_READER_PASSWORD", raising=False)
        address.get_settings.cache_clear()
        yield
        address.get_settings.cache_clear()

    def test_the_owners_url_is_the_configured_one_with_the_driver_asked_for(self):
        rest = "ecorse_etl:a%2Fb@db.example:5433/shop?sslmode=require"
        assert address.database_url() == f"postgresql://{rest}"
        assert address.database_url(driver="postgresql+psycopg") == f"postgresql+psycopg://{rest}"

    def test_a_readers_url_has_its_own_password(self):
        assert address.database_url("bi_reader") == (
            "postgresql://bi_reader:p%40ss%2Fword@db.example:5433/shop?sslmode=require"
        )

    def test_a_missing_password_is_named(self):
        with pytest.raises(ConfigError, match="ECORSE_APP_READER_PASSWORD"):
            address.database_url("app_reader")

    def test_what_is_no_url_is_refused_without_showing_it(self, monkeypatch):
        monkeypatch.setenv("ECORSE_DATABASE_URL", "secret-canary")
        address.get_settings.cache_clear()
        with pytest.raises(ConfigError) as caught:
            address.database_url()
        assert "secret-canary" not in str(caught.value)
