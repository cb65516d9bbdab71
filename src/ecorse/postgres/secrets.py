"""Generated passwords and keys, one file each below ``<home>/secrets``.

What belongs here: making and reading those files, mode 0600. What does not: what they open.
"""

import os
import secrets
from pathlib import Path

from ecorse.errors import ConfigError


def secrets_dir(home: Path) -> Path:
    """Give the folder of the generated secrets, made with mode 0700 if it is missing.

    Raises
    ------
    ConfigError
        The folder cannot be made.
    """
    folder = home / "secrets"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"Cannot make the folder {folder}: {error.strerror}. "
            "Set ECORSE_HOME to a folder that this user may write to."
        ) from None
    return folder


def read_or_make(path: Path, text: str | None = None) -> str:
    """Read a secret, or make it first: 32 random bytes as URL-safe text, unless ``text`` is given.

    The file appears whole or not at all, and never overwrites an earlier one: whoever comes
    second reads what the first wrote.

    Raises
    ------
    ConfigError
        The file can neither be read nor made, or is empty.
    """
    try:
        if not path.exists():
            _write_once(path, text or secrets.token_urlsafe(32))
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"Cannot read or make the secret {path}: {error.strerror}.") from None
    if not secret:
        raise ConfigError(f"The secret {path} is empty. Restore it from a backup.")
    return secret


def _write_once(path: Path, secret: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(temporary, secret + "\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was faster; its secret counts
    finally:
        temporary.unlink()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read (0600), from its first moment on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
