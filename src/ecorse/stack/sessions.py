"""Ending processes for good: each component leads a session, and the whole session is ended.

What belongs here: finding and ending the processes of sessions. What does not: which there are.
A session holds a component's children, their orphans and LocalExecutor's tasks, which have process
groups of their own; the kernel gives no pid anew while a session of that number lives.
"""

import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from ecorse.postgres.secrets import write_private

TERM_SECONDS = 5.0
KILL_SECONDS = 3.0


def members(sessions: Iterable[int]) -> list[psutil.Process]:
    """Find the living processes of the sessions."""
    wanted, found = set(sessions), []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in wanted and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # it ended meanwhile, or is none of this user's
    return found


def end(sessions: Iterable[int], *, politely: bool = True) -> None:
    """End every process of the sessions within about eight seconds: SIGTERM, then SIGKILL.

    ``politely=False`` is for what is broken anyway: SIGKILL at once.
    """
    wanted = set(sessions)
    steps = ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS))
    for signal_number, seconds in steps if politely else steps[1:]:
        processes = members(wanted)
        for process in processes:
            try:
                process.send_signal(signal_number)
            except psutil.Error:
                continue  # it ended meanwhile
        psutil.wait_procs(processes, timeout=seconds)
        if not members(wanted):
            return
    for process in members(wanted):  # born while the others were killed
        process.kill()


def remember(path: Path, sessions: Iterable[int]) -> None:
    """Write down the sessions, so that the next start can end what a killed supervisor left."""
    started = {}
    for session in sessions:
        try:
            started[str(session)] = psutil.Process(session).create_time()
        except psutil.Error:
            continue  # its leader is gone; it is ended before a new one starts
    temporary = path.with_suffix(".new")
    write_private(temporary, json.dumps(started))
    temporary.replace(path)


def end_remembered(path: Path) -> int:
    """End what is left of the written-down sessions; gives how many processes were left."""
    try:
        started = {int(pid): float(at) for pid, at in json.loads(path.read_text()).items()}
    except (OSError, ValueError):
        return 0
    left = {session for session, at in started.items() if not _is_another(session, at)}
    count = len(members(left))
    end(left, politely=False)
    path.unlink(missing_ok=True)
    return count


def _is_another(pid: int, started: float) -> bool:
    """Tell whether the pid now belongs to a process that began at another time."""
    try:
        return abs(psutil.Process(pid).create_time() - started) > 2
    except psutil.Error:
        return False  # the leader is gone; its orphans may live
