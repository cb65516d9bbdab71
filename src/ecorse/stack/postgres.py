"""The embedded Postgres: started, stopped and mended without Docker, as root or as a user.

What belongs here: the life of the server and the URLs that lead to it. What does not: roles and
databases (``roles.py``), where the programs are (``binaries.py``).
"""

import fcntl
import logging
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psutil
import psycopg
from psycopg import sql

from ecorse.errors import ConfigError, DiskFull, StoreBusy
from ecorse.settings import get_settings
from ecorse.stack import roles
from ecorse.stack.binaries import (
    POSTGRES_MAJOR,
    SHARED_DIR,
    bin_dir,
    reachable,
    run,
    server_account,
)
from ecorse.stack.secrets import read_or_make, secrets_dir, write_private

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
SUPERUSER = "postgres"
START_SECONDS = 600  # recovery of much WAL takes its time; DESIGN.md section 5
FREE_BYTES_NEEDED = 256 << 20
PORTS = range(15432, 25432)  # below the ports the kernel gives to outgoing connections
SETUP_VERSION = "1"  # raise it when roles.py changes: the set-up then runs again

CONFIG = """\
# Written by Ecorse at every start. Tune with ALTER SYSTEM, which wins over this file.
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 200
max_locks_per_transaction = 256
shared_buffers = '{shared_buffers}'
effective_cache_size = '1GB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
dynamic_shared_memory_type = '{dynamic_shared_memory}'
random_page_cost = 1.1
jit = off
# no replica reads this WAL: a COPY into a new table need not be logged
wal_level = 'minimal'
max_wal_senders = 0
wal_compression = 'pglz'
# how long recovery takes after a crash
max_wal_size = '256MB'
checkpoint_timeout = '5min'
# a query whose client was killed ends at once, and its locks with it
client_connection_check_interval = '1s'
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = '{log_dir}'
log_filename = 'postgres-%a.log'
log_rotation_age = '1d'
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] %u@%d '
"""


class EmbeddedPostgres:
    """A Postgres of this home only: loopback, passwords, a port kept once chosen.

    Parameters
    ----------
    home : Path
        Ecorse's home; the server lives in ``postgres`` and the passwords in ``secrets`` below it.
    port : int
        Port on 127.0.0.1; 0 means the kept one, or a free one the first time.
    """

    def __init__(self, home: Path, port: int = 0) -> None:
        self.home = home.absolute()
        self._link = self.home / "postgres"
        self._wanted_port = port
        self._account = server_account(self.data_dir)

    @property
    def root(self) -> Path:
        """Where the server lives: ``<home>/postgres``, or where that link leads."""
        return self._link.resolve()

    @property
    def data_dir(self) -> Path:
        """The data directory, which the server's account alone may enter."""
        return self.root / "data"

    @property
    def log_dir(self) -> Path:
        """Where the server's logs are, one file per weekday."""
        return self.root / "log"

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server unless it runs, making data directory, roles and databases as needed.

        Returns when ``select 1`` answers. Mends what a crash or kill left behind. Processes that
        start at once wait for each other.

        Raises
        ------
        ConfigError
            Port used, no permission, password file lost, or data of another major version.
        DiskFull
            No space left on the home's disk.
        StoreBusy
            The server did not come up in time; the message holds the end of its log.
        """
        if self.is_ready() and self._is_set_up():
            return
        secrets_dir(self.home)
        self._make_root()
        with self._lock():
            if not self.is_ready():
                self._check_disk()
                bin_path = bin_dir(self._account)
                self._initialise(bin_path)
                self._mend()
                self._launch(bin_path)
            self._wait_for_select()
            if not self._is_set_up():
                with self.admin() as admin:
                    roles.create_roles(
                        admin, {role: self.password(role) for role in roles.ROLES}
                    )
                self._marker.write_text(SETUP_VERSION)

    def stop(self) -> None:
        """Stop the server if it runs; open transactions are rolled back."""
        if not self.data_dir.exists():
            return
        with self._lock():
            if self._postmaster() is not None:
                for mode, seconds in (("fast", 60), ("immediate", 30)):
                    command = [
                        bin_dir(self._account) / "pg_ctl",
                        "stop",
                        "-w",
                        "-D",
                        self.data_dir,
                    ]
                    command += ["-m", mode, "-t", str(seconds)]
                    if run(command, self._account, seconds + 30).returncode == 0:
                        break
            self._mend()

    def remove(self) -> None:
        """Stop the server and delete its data; meant for tests."""
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)
        if self._link.is_symlink():
            self._link.unlink()

    def is_running(self) -> bool:
        """Tell whether a server process of this data directory is alive, ready or not."""
        return self._postmaster() is not None

    def is_ready(self) -> bool:
        """Tell whether the server is alive and says it takes connections; costs about a millisecond."""
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[7].strip() == "ready" and self.is_running()

    # --- ways in ------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that was chosen, or 0 before the first start."""
        try:
            return int((self.root / "port").read_text())
        except (OSError, ValueError):
            return 0

    def password(self, role: str) -> str:
        """Give a role's password, generated once into ``<home>/secrets/<role>.password``."""
        return read_or_make(secrets_dir(self.home) / f"{role}.password")

    def url(
        self,
        role: str = roles.ETL,
        database: str | None = None,
        driver: str = "postgresql",
    ) -> str:
        """Give the URL with which a role reaches a database (by default the role's own).

        ``driver`` is the URL's scheme: ``postgresql`` for libpq, ``postgresql+psycopg`` for SQLAlchemy.
        """
        own = {roles.AIRFLOW: roles.AIRFLOW, SUPERUSER: "postgres"}
        name = database or own.get(role, roles.WAREHOUSE)
        secret = quote(self.password(role), safe="")
        return f"{driver}://{role}:{secret}@{HOST}:{self.port}/{quote(name, safe='')}"

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as superuser, in autocommit mode."""
        return psycopg.connect(
            self.url(SUPERUSER, database), autocommit=True, connect_timeout=30
        )

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a warehouse database of ecorse_etl, which both readers may enter; for tests."""
        with self.admin() as admin:
            roles.create_database(admin, name, template=template)

    def drop_database(self, name: str) -> None:
        """Drop a database and end whoever is connected to it; nothing happens if it is missing."""
        with self.admin() as admin:
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(
                    sql.Identifier(name)
                )
            )

    # --- steps of start -----------------------------------------------------------------------

    @property
    def _marker(self) -> Path:
        return self.root / "set-up"

    def _is_set_up(self) -> bool:
        return self._marker.exists() and self._marker.read_text() == SETUP_VERSION

    def _make_root(self) -> None:
        """Make ``<home>/postgres``; as root elsewhere, with a link, if the account cannot reach it."""
        try:
            if not self.root.is_dir():
                self.root.mkdir(parents=True, mode=0o755)
            if not reachable(self.root, self._account):
                SHARED_DIR.mkdir(parents=True, exist_ok=True, mode=0o755)
                elsewhere = Path(tempfile.mkdtemp(dir=SHARED_DIR, prefix="server-"))
                elsewhere.chmod(0o755)
                self._link.rmdir()
                self._link.symlink_to(elsewhere)
            self.log_dir.mkdir(exist_ok=True, mode=0o700)
            self._give(self.log_dir)
        except OSError as error:
            raise ConfigError(
                f"Cannot use {self.root} for the embedded Postgres: {error}. Set ECORSE_HOME to a "
                "folder that this user may write to, or ECORSE_DATABASE_URL to your own Postgres."
            ) from None

    def _give(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.uid, self._account.gid, follow_symlinks=False)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time start or stop the server; the kernel frees a dead one's lock."""
        deadline = time.monotonic() + START_SECONDS
        with open(self.root / "lock", "a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StoreBusy(
                            f"Another process has been starting the Postgres in {self.root} for "
                            f"{START_SECONDS} s. See {self.log_dir}."
                        ) from None
                    time.sleep(0.1)
            yield

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.root).free
        if free < FREE_BYTES_NEEDED:
            raise DiskFull(
                f"{self.root} has {free >> 20} MB free; the embedded Postgres needs "
                f"{FREE_BYTES_NEEDED >> 20} MB. Free some space, or set ECORSE_HOME to another disk."
            )

    def _initialise(self, bin_path: Path) -> None:
        """Make the data directory beside its place and rename it: killed midway, it is made again."""
        version = self.data_dir / "PG_VERSION"
        if self.data_dir.exists():
            found = version.read_text().strip() if version.exists() else "none"
            if found != str(POSTGRES_MAJOR):
                raise ConfigError(
                    f"{self.data_dir} holds data of Postgres version {found}, and this Ecorse brings "
                    f"{POSTGRES_MAJOR}. Upgrade it with pg_upgrade, or move {self.root} away to start anew."
                )
            if not (secrets_dir(self.home) / f"{SUPERUSER}.password").exists():
                raise ConfigError(
                    f"{self.home}/secrets/{SUPERUSER}.password is lost, so nobody can administer "
                    f"{self.data_dir}. Restore the file, or move {self.root} away to start anew."
                )
            return
        for leftover in self.root.glob("new-*"):
            shutil.rmtree(leftover)
        self._marker.unlink(missing_ok=True)
        work = Path(tempfile.mkdtemp(dir=self.root, prefix="new-"))
        password_file = work / "password"
        write_private(password_file, self.password(SUPERUSER))
        for path in (work, password_file):
            self._give(path)
        command: list[str | Path] = [
            bin_path / "initdb",
            "-D",
            work / "data",
            "--auth=scram-sha-256",
        ]
        command += [
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
        ]
        command += [
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        done = run(command, self._account, START_SECONDS)
        if done.returncode != 0:
            shutil.rmtree(work, ignore_errors=True)
            raise self._failure("Cannot make the data directory", done.stdout)
        (work / "data").rename(self.data_dir)
        shutil.rmtree(work)

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            return []

    def _is_ours(self, pid: int) -> bool:
        """Tell whether the process is a Postgres of this data directory: it works inside it."""
        try:
            process = psutil.Process(pid)
            return (
                process.name() == "postgres"
                and Path(process.cwd()) == self.data_dir.resolve()
            )
        except (psutil.Error, OSError):
            return False

    def _postmaster(self) -> psutil.Process | None:
        """Find the server by its pid file; a pid that now belongs to another program does not count."""
        first = next(iter(self._pid_file_lines()), "").strip()
        if first.isdigit() and int(first) > 0 and self._is_ours(int(first)):
            return psutil.Process(int(first))
        return None

    def _mend(self) -> None:
        """Clear what a dead server left: its orphans and its pid file, which may hold anything."""
        if self._postmaster() is not None:
            return
        orphans = [p for p in psutil.process_iter() if self._is_ours(p.pid)]
        _, alive = psutil.wait_procs(
            orphans, timeout=5
        )  # they notice the death themselves
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, timeout=10)
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, bin_path: Path) -> None:
        kept = self._wanted_port or self.port
        for _ in range(20):
            port = kept or random.choice(PORTS)
            if not _is_port_used(port):
                break
            if kept:
                raise ConfigError(
                    f"Port {port} of {HOST}, which the embedded Postgres uses, is taken by another "
                    "program. Stop that program, or set ECORSE_POSTGRES_PORT to a free port."
                )
        config = self.root / "postgresql.conf"
        config.write_text(_configuration(port, self.log_dir))
        config.chmod(0o644)
        started_log = self.log_dir / "start.log"
        started_log.unlink(missing_ok=True)
        options = f"-c config_file={shlex.quote(str(config))}"
        command: list[str | Path] = [
            bin_path / "pg_ctl",
            "start",
            "-w",
            "-t",
            str(START_SECONDS),
        ]
        command += ["-D", self.data_dir, "-l", started_log, "-o", options]
        done = run(command, self._account, START_SECONDS + 60)
        if done.returncode != 0:
            raise self._failure("The embedded Postgres did not start", done.stdout)
        (self.root / "port").write_text(str(port))
        log.info("Embedded Postgres listens on %s:%s", HOST, port)

    def _wait_for_select(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.admin() as admin:
                    admin.execute("select 1")
                return
            except psycopg.OperationalError as error:
                if not self.is_running() or time.monotonic() > deadline:
                    raise self._failure(
                        "The embedded Postgres does not answer", str(error)
                    ) from None
                if "password authentication failed" in str(error):
                    raise ConfigError(
                        f"The superuser's password in {self.home}/secrets does not open "
                        f"{self.data_dir}. Restore the file, or move {self.root} away to start anew."
                    ) from None
                time.sleep(0.2)

    def _failure(self, what: str, output: str) -> ConfigError | DiskFull | StoreBusy:
        """Turn what the programs said into one error that says what to do."""
        logs = sorted(self.log_dir.glob("*.log"), key=lambda path: path.stat().st_mtime)
        tails = [path.read_text("utf-8", "replace")[-4000:] for path in logs[-2:]]
        lines = [
            line
            for text in (*tails, output)
            for line in text.splitlines()
            if line.strip()
        ]
        fatal = [line for line in lines if re.search(r"\b(FATAL|PANIC|error):", line)]
        said = " | ".join((fatal or lines)[-3:])
        if "No space left on device" in said:
            free = shutil.disk_usage(self.root).free
            return DiskFull(
                f"{what}: {self.root} is full ({free >> 20} MB free). Free some space."
            )
        if "Permission denied" in said:
            return ConfigError(
                f"{what}: {said}. Make {self.home} writable for this user."
            )
        return StoreBusy(f"{what}: {said}. The whole log is in {self.log_dir}.")


def database_url(role: str = roles.ETL, driver: str = "postgresql") -> str:
    """Give the warehouse's URL for a role: the configured one, or the embedded server's, started if down.

    Parameters
    ----------
    role : str
        ``ecorse_etl``, ``bi_reader`` or ``app_reader``.
    driver : str
        The URL's scheme: ``postgresql`` for libpq, ``postgresql+psycopg`` for SQLAlchemy.

    Raises
    ------
    ConfigError
        ``ECORSE_DATABASE_URL`` is no URL, or the reader's password is not set beside it.
    """
    settings = get_settings()
    configured = settings.database_url.get_secret_value()
    if not configured:
        server = EmbeddedPostgres(settings.home, settings.postgres_port)
        server.start()
        return server.url(role, driver=driver)
    parts = urlsplit(configured)
    if not parts.scheme.startswith("postgresql") or not parts.hostname:
        raise ConfigError(
            "ECORSE_DATABASE_URL is not of the form postgresql+psycopg://user:password@host:port/name."
        )
    login = parts.netloc
    if role != roles.ETL:
        password = getattr(settings, f"{role}_password").get_secret_value()
        if not password:
            raise ConfigError(
                f"ECORSE_DATABASE_URL is set, so the password of {role} must be in "
                f"ECORSE_{role.upper()}_PASSWORD."
            )
        login = f"{role}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit((driver, login, parts.path, parts.query, ""))


def _is_port_used(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _configuration(port: int, log_dir: Path) -> str:
    """Fill the configuration; small machines and containers with a small /dev/shm get less."""
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and shutil.disk_usage(shm).free > 512 << 20
    return CONFIG.format(
        host=HOST,
        port=port,
        log_dir=str(log_dir).replace("'", "''"),
        shared_buffers="256MB" if psutil.virtual_memory().total > 3 << 30 else "128MB",
        dynamic_shared_memory="posix" if roomy else "mmap",
    )
