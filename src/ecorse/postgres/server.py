"""The embedded Postgres: started, stopped and mended without Docker, as root or as a user.

What belongs here: the life of the server and the URLs that lead to it. What does not: roles and
databases (``roles.py``), the data directory (``cluster.py``), the programs (``binaries.py``).
"""

import fcntl
import logging
import random
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from ecorse.errors import ConfigError, StoreBusy
from ecorse.postgres import cluster, roles
from ecorse.postgres.binaries import (
    SHARED_DIR,
    bin_dir,
    give,
    reachable,
    run,
    server_account,
)
from ecorse.postgres.cluster import HOST, SUPERUSER
from ecorse.postgres.secrets import read_or_make, secrets_dir

log = logging.getLogger(__name__)

START_SECONDS = 600  # recovery of much WAL takes its time; DESIGN.md section 5
PORTS = range(15432, 25432)  # below the ports the kernel gives to outgoing connections
SETUP_VERSION = "1"  # raise it when roles.py changes: the set-up then runs again


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

    @property
    def port(self) -> int:
        """The port that was chosen, or 0 before the first start."""
        try:
            return int((self.root / "port").read_text())
        except (OSError, ValueError):
            return 0

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
                self._launch()
            self._wait_for_select()
            if not self._is_set_up():
                with self.admin() as admin:
                    roles.create_roles(admin, {role: self.password(role) for role in roles.ROLES})
                self._marker.write_text(SETUP_VERSION)

    def stop(self) -> None:
        """Stop the server if it runs; open transactions are rolled back."""
        if not self.data_dir.exists():
            return
        with self._lock():
            for mode in ("fast", "immediate"):
                if not self.is_running():
                    break
                command: list[str | Path] = [
                    bin_dir(self._account) / "pg_ctl",
                    "stop",
                    "-w",
                ]
                command += ["-D", self.data_dir, "-m", mode, "-t", "60"]
                run(command, self._account, timeout=90)
            cluster.mend(self.data_dir)

    def remove(self) -> None:
        """Stop the server and delete its data; meant for tests."""
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)
        if self._link.is_symlink():
            self._link.unlink()

    def is_running(self) -> bool:
        """Tell whether a server process of this data directory is alive, ready or not."""
        return cluster.postmaster(self.data_dir) is not None

    def is_ready(self) -> bool:
        """Tell whether the server is alive and takes connections; costs about a millisecond."""
        return cluster.is_ready(self.data_dir)

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

        ``driver`` is the URL's scheme: ``postgresql`` for libpq, ``postgresql+psycopg`` for
        SQLAlchemy.
        """
        own = {roles.AIRFLOW: roles.AIRFLOW, SUPERUSER: "postgres"}
        name = database or own.get(role, roles.WAREHOUSE)
        secret = quote(self.password(role), safe="")
        return f"{driver}://{role}:{secret}@{HOST}:{self.port}/{quote(name, safe='')}"

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as superuser, in autocommit mode."""
        return psycopg.connect(self.url(SUPERUSER, database), autocommit=True, connect_timeout=30)

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a warehouse database of ecorse_etl, which both readers may enter; for tests."""
        with self.admin() as admin:
            roles.create_database(admin, name, template=template)

    def drop_database(self, name: str) -> None:
        """Drop a database and end whoever is connected to it; nothing happens if it is missing."""
        with self.admin() as admin:
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )

    @property
    def _marker(self) -> Path:
        return self.root / "set-up"

    def _is_set_up(self) -> bool:
        return self._marker.exists() and self._marker.read_text() == SETUP_VERSION

    def _make_root(self) -> None:
        """Make ``<home>/postgres``; elsewhere, with a link, if root's helper cannot go there."""
        try:
            if not self.root.is_dir():
                self.root.mkdir(parents=True, mode=0o755)
            (self.root / "lock").touch()
            if not reachable(self.root, self._account):
                SHARED_DIR.mkdir(parents=True, exist_ok=True, mode=0o755)
                elsewhere = Path(tempfile.mkdtemp(dir=SHARED_DIR, prefix="server-"))
                elsewhere.chmod(0o755)
                shutil.rmtree(self._link)
                self._link.symlink_to(elsewhere)
            self.log_dir.mkdir(exist_ok=True, mode=0o700)
            give(self.log_dir, self._account)
        except OSError as error:
            raise ConfigError(
                f"Cannot use {self.root} for the embedded Postgres: {error}. Set ECORSE_HOME to a "
                "folder that this user may write to, or ECORSE_DATABASE_URL to your own Postgres."
            ) from None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time start or stop the server; a dead one's lock is freed."""
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

    def _launch(self) -> None:
        """Make or mend the data directory and start the server."""
        data_dir, bin_path = self.data_dir, bin_dir(self._account)
        cluster.check_disk(data_dir)
        if data_dir.exists():
            cluster.check_version(data_dir)
            if not (secrets_dir(self.home) / f"{SUPERUSER}.password").exists():
                raise self._lost_password("is lost, so nobody can administer")
            cluster.mend(data_dir)
        else:
            self._marker.unlink(missing_ok=True)
            cluster.initialise(data_dir, bin_path, self.password(SUPERUSER), self._account)
        port = self._choose_port()
        config = self.root / "postgresql.conf"
        config.write_text(cluster.configuration(port, self.log_dir))
        config.chmod(0o644)
        before = cluster.log_sizes(self.log_dir)
        command: list[str | Path] = [
            bin_path / "pg_ctl",
            "start",
            "-w",
            "-t",
            str(START_SECONDS),
        ]
        command += ["-D", data_dir, "-l", self.log_dir / "start.log"]
        command += ["-o", f"-c config_file={shlex.quote(str(config))}"]
        done = run(command, self._account, START_SECONDS + 60)
        if done.returncode != 0:
            lines = done.stdout.splitlines() + cluster.log_lines(self.log_dir, before)
            raise cluster.failure("The embedded Postgres did not start", data_dir, lines)
        (self.root / "port").write_text(str(port))
        log.info("Embedded Postgres listens on %s:%s", HOST, port)

    def _choose_port(self) -> int:
        kept = self._wanted_port or self.port
        if kept and cluster.is_port_used(kept):
            raise ConfigError(
                f"Port {kept} of {HOST}, which the embedded Postgres uses, is taken by another "
                "program. Stop that program, or set ECORSE_POSTGRES_PORT to a free port."
            )
        free = (p for p in random.sample(PORTS, len(PORTS)) if not cluster.is_port_used(p))
        return kept or next(free)

    def _wait_for_select(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.admin() as admin:
                    admin.execute("select 1")
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise self._lost_password("does not open") from None
                if not self.is_running() or time.monotonic() > deadline:
                    raise StoreBusy(
                        f"The embedded Postgres does not answer: {error}. See {self.log_dir}."
                    ) from None
                time.sleep(0.2)

    def _lost_password(self, how: str) -> ConfigError:
        return ConfigError(
            f"The superuser's password {self.home}/secrets/{SUPERUSER}.password {how} "
            f"{self.data_dir}. Restore the file, or move {self.root} away to start anew."
        )
