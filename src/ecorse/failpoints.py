"""Named points at which a test can kill the process, to prove that a rerun mends everything.

What belongs here: the one function, and the list of names. What does not: anything that does
work; without ``ECORSE_FAILPOINT`` a failpoint costs one comparison.
"""

import os
import signal

from ecorse.settings import get_settings

NAMES = (
    "migrate.after_copy",
    "ingest.after_lock",
    "ingest.after_archive",
    "ingest.mid_copy",
    "ingest.before_commit",
    "ingest.between_stream_commits",
    "ingest.after_commit",
    "refresh.after_open",
    "refresh.mid_marts",
    "refresh.mid_model",
    "refresh.after_audit",
    "publish.after_attach",
    "publish.before_commit",
    "publish.after_commit",
)


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL if ``ECORSE_FAILPOINT`` names this point."""
    assert name in NAMES, name
    if get_settings().failpoint == name:
        os.kill(os.getpid(), signal.SIGKILL)
