"""One data directory of Postgres: making it, finding its server, mending what a crash left.

What belongs here: functions of a data directory or a log directory. What does not: the order in
which a start needs them (``server``).
"""

import logging
import re
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from ecorse.errors import ConfigError, DiskFull, EcorseError, StoreBusy
from ecorse.postgres.binaries import POSTGRES_MAJOR, Account, give, run
from ecorse.postgres.secrets import write_private

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
SUPERUSER = "postgres"
FREE_BYTES_NEEDED = 256 << 20
INITDB_SECONDS = 300

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


def initialise(data_dir: Path, bin_path: Path, password: str, account: Account | None) -> None:
    """Make a data directory beside its place and rename it: killed midway, it is made again.

    Log-in needs a password (scram-sha-256) from the first start on; text sorts by code point.

    Raises
    ------
    DiskFull, ConfigError, StoreBusy
        ``initdb`` failed; the message says why.
    """
    for leftover in data_dir.parent.glob("new-*"):
        shutil.rmtree(leftover)
    work = Path(tempfile.mkdtemp(dir=data_dir.parent, prefix="new-"))
    password_file = work / "password"
    write_private(password_file, password)
    give(work, account)
    give(password_file, account)
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
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = run(command, account, INITDB_SECONDS)
    if done.returncode != 0:
        shutil.rmtree(work, ignore_errors=True)
        raise failure("Cannot make the data directory", data_dir, done.stdout.splitlines())
    (work / "data").rename(data_dir)
    shutil.rmtree(work)


def check_version(data_dir: Path) -> None:
    """Refuse a data directory of another major version.

    Raises
    ------
    ConfigError
        It is of another version, or no data directory at all.
    """
    version = data_dir / "PG_VERSION"
    found = version.read_text().strip() if version.exists() else "none"
    if found != str(POSTGRES_MAJOR):
        raise ConfigError(
            f"{data_dir} holds data of Postgres version {found}, and this Ecorse brings "
            f"{POSTGRES_MAJOR}. Upgrade it with pg_upgrade, or move {data_dir.parent} away to "
            "start anew."
        )


def check_disk(data_dir: Path) -> None:
    """Refuse to start on a full disk, where Postgres would only fail later.

    Raises
    ------
    DiskFull
        Less than 256 MB are free.
    """
    free = shutil.disk_usage(data_dir.parent).free
    if free < FREE_BYTES_NEEDED:
        raise DiskFull(
            f"{data_dir.parent} has {free >> 20} MB free; the embedded Postgres needs "
            f"{FREE_BYTES_NEEDED >> 20} MB. Free some space, or set ECORSE_HOME to another disk."
        )


def postmaster(data_dir: Path) -> psutil.Process | None:
    """Find the server by its pid file; a pid that now belongs to another program does not count."""
    first = next(iter(_pid_file(data_dir)), "").strip()
    if first.isdigit() and int(first) > 0 and _works_in(data_dir, int(first)):
        return psutil.Process(int(first))
    return None


def is_ready(data_dir: Path) -> bool:
    """Tell whether the server lives and says it takes connections; costs about a millisecond."""
    lines = _pid_file(data_dir)
    return len(lines) >= 8 and lines[7].strip() == "ready" and postmaster(data_dir) is not None


def mend(data_dir: Path) -> None:
    """Clear what a dead server left: its orphans and its pid file, which may hold anything.

    Postgres itself gives up on an empty pid file, and on a pid that another program now has.
    Orphans go first: as long as one lives, a new server must not touch the data.
    """
    if postmaster(data_dir) is not None:
        return
    orphans = [process for process in psutil.process_iter() if _works_in(data_dir, process.pid)]
    _, alive = psutil.wait_procs(orphans, timeout=5)  # they notice the death themselves
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=10)
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _pid_file(data_dir: Path) -> list[str]:
    try:
        return (data_dir / "postmaster.pid").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _works_in(data_dir: Path, pid: int) -> bool:
    """Tell whether the process is a Postgres of this data directory: it works inside it."""
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and Path(process.cwd()) == data_dir
    except (psutil.Error, OSError):
        return False


def configuration(port: int, log_dir: Path) -> str:
    """Fill in the configuration file; small machines and a small ``/dev/shm`` get less.

    Containers have 64 MB of ``/dev/shm`` by default, too little for one parallel hash join.
    """
    shm = Path("/dev", "shm")
    roomy = shm.is_dir() and shutil.disk_usage(shm).free > 512 << 20
    return CONFIG.format(
        host=HOST,
        port=port,
        log_dir=str(log_dir).replace("'", "''"),
        shared_buffers="256MB" if psutil.virtual_memory().total > 3 << 30 else "128MB",
        dynamic_shared_memory="posix" if roomy else "mmap",
    )


def is_port_used(port: int) -> bool:
    """Tell whether another program listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def log_sizes(log_dir: Path) -> dict[Path, int]:
    """Note how long each log is, so that later only what was added is read."""
    return {path: path.stat().st_size for path in log_dir.glob("*.log")}


def log_lines(log_dir: Path, before: Mapping[Path, int]) -> list[str]:
    """Read the lines that the logs gained since ``before``."""
    lines: list[str] = []
    for path in sorted(log_dir.glob("*.log")):
        with path.open("rb") as file:
            file.seek(before.get(path, 0))
            lines += file.read().decode("utf-8", "replace").splitlines()
    return lines


def failure(what: str, data_dir: Path, lines: list[str]) -> EcorseError:
    """Turn what Postgres said into one error that says what to do."""
    told = [line for line in lines if re.search(r"\b(FATAL|PANIC|error):", line)] or lines
    said = " | ".join(line.strip() for line in told[-3:])
    root = data_dir.parent
    if "No space left on device" in said:
        free = shutil.disk_usage(root).free
        return DiskFull(f"{what}: the disk of {root} is full ({free >> 20} MB free). Free some.")
    if "Permission denied" in said:
        return ConfigError(f"{what}: {said}. Make {root} writable for this user.")
    return StoreBusy(f"{what}: {said}. The whole log is in {root / 'log'}.")
