"""Which code made an output: the package's version and the commit it came from.

What belongs here: facts about the running code. What does not: facts about data.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from ecorse import __version__
from ecorse.layers import IS_CHECKOUT, SHIPPED_DIR
from ecorse.settings import get_settings

LIBRARIES = ("numpy", "polars", "scikit-learn", "scipy")


@lru_cache(maxsize=1)
def git_sha() -> str:
    """The commit of the checkout, ``+`` behind it when files differ; ``unknown`` outside git.

    ``ECORSE_GIT_SHA`` says it where there is no checkout (an image).
    """
    if get_settings().git_sha:
        return get_settings().git_sha
    if not IS_CHECKOUT:
        return "unknown"  # a git around an installation tells of other files
    try:
        run = subprocess.run(
            ["git", "-C", str(SHIPPED_DIR), "describe", "--always", "--dirty=+", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return run.stdout.strip() or "unknown"


def holder(face: str) -> str:
    """Who runs this, for rows of ``ops``: ``cli`` or ``notebook``, user, host and process."""
    return f"{face}:{getpass.getuser()}@{socket.gethostname()}:{os.getpid()}"


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide a model's numbers."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


__all__ = ["__version__", "git_sha", "holder", "library_versions"]
