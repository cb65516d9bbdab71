"""Reads a file of a foreign format in a process of its own; whatever happens there is one error.

What belongs here: starting that process, feeding it, taking its text, counting, and telling how it
ended. What does not: what runs in it (``child``), and what its text means.

Nothing of the child is trusted but as bytes of text: nothing is unpickled. It is a fresh
interpreter and no fork, knows no environment variable of ours (no password), and has one thread.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ecorse import errors
from ecorse.arms_length.limits import SMALL_BYTES, Limits

CHILD = Path(__file__).with_name("child.py")
BLOCK_BYTES = 4 << 20  # of text that is given on at once
PIPE_BYTES = 1 << 20
TOLD_BYTES = 1 << 16
# threads of libraries, and glibc's heaps of 64 MiB each, would use up the address space:
# Polars reads a small file in 320 MiB like this, and in 960 MiB otherwise
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
}
KEPT_VARIABLES = ("LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
OUT_OF_MEMORY = (b"memory allocation of", b"bad_alloc", b"MemoryError", b"out of memory")


@dataclass(frozen=True)
class Task:
    """What is to be read, and how that is told.

    Parameters
    ----------
    reader
        ``module:function``; it is called with ``arguments`` and gives blocks of bytes.
    arguments
        JSON-ready. ``takes_blocks`` set: it is given ``blocks`` too, what it is fed with.
    file_name, what
        For messages: the file, and what it is ("a workbook").
    passed
        Open files that the reader finds under ``/dev/fd``.
    """

    reader: str
    arguments: Mapping[str, Any]
    file_name: str
    what: str
    limits: Limits = field(default_factory=Limits.set)
    passed: Sequence[int] = ()


def read_apart(task: Task, fed: Iterable[bytes] | None = None) -> Iterator[bytes]:
    """Let a reader read in a process of its own; gives its text in blocks of some megabytes.

    Whoever stops taking blocks ends the process.

    Parameters
    ----------
    fed
        The bytes that the reader is fed with, taken as it wants them.

    Raises
    ------
    Unreadable
        The reader crashed on the file, or wanted more than its limits; the message names the file
        and the limit.
    EcorseError
        What the reader itself raised of these, such as a ``ContractError``.
    """
    with tempfile.TemporaryFile(prefix="ecorse-") as told:
        process = _start(task, told)
        try:
            yield from _Pump(task, process, fed).blocks()
            _judge(task, process.wait(task.limits.wait_seconds), told)
        except subprocess.TimeoutExpired:
            raise over_limit(task, "wait") from None
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(OSError):
                process.stdin.close()
            process.stdout.close()


def _start(task: Task, told: IO[bytes]) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=told,
        bufsize=0,
        cwd="/",
        env={**kept, **ENVIRONMENT},
        pass_fds=tuple(task.passed),
    )


def _request(task: Task) -> bytes:
    limits = task.limits
    request = {
        "parent": os.getpid(),
        "path": [os.path.abspath(path) for path in sys.path],
        "reader": task.reader,
        "arguments": dict(task.arguments),
        "limits": {
            "RLIMIT_CORE": 0,
            "RLIMIT_FSIZE": max(limits.written_bytes, TOLD_BYTES),
            "RLIMIT_CPU": limits.cpu_seconds,
            "RLIMIT_AS": limits.memory_bytes,
        },
    }
    return json.dumps(request).encode() + b"\n"


class _Pump:
    """Feeds a process and takes its text at once, so that neither waits for the other."""

    def __init__(
        self, task: Task, process: subprocess.Popen[bytes], fed: Iterable[bytes] | None
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._task, self._input, self._output = task, process.stdin, process.stdout
        self._fed = iter(fed) if fed is not None else None
        self._to_write = memoryview(_request(task))
        self._eaten = self._given = self._rows = 0
        self._waited = 0.0
        for end in (process.stdin, process.stdout):
            os.set_blocking(end.fileno(), False)
            with suppress(OSError):
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def blocks(self) -> Iterator[bytes]:
        """What the process gives, until it gives no more."""
        held = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(self._input, selectors.EVENT_WRITE)
            while self._output in {key.fileobj for key in self._wait(selector)}:
                block = self._output.read(PIPE_BYTES)
                if not block:
                    break
                self._count(block)
                held += block
                if len(held) >= BLOCK_BYTES:
                    yield bytes(held)
                    held.clear()
        if held:
            yield bytes(held)

    def _wait(self, selector: selectors.BaseSelector) -> list[selectors.SelectorKey]:
        """Feed the process until there is something to take."""
        while True:
            since = time.monotonic()
            ready = selector.select(max(self._task.limits.wait_seconds - self._waited, 0))
            self._waited = 0 if ready else self._waited + time.monotonic() - since
            if not ready and self._waited >= self._task.limits.wait_seconds:
                raise over_limit(self._task, "wait")
            keys = [key for key, _ in ready]
            if self._input in [key.fileobj for key in keys] and not self._feed():
                selector.unregister(self._input)
                with suppress(OSError):
                    self._input.close()
            if self._output in [key.fileobj for key in keys]:
                return keys

    def _feed(self) -> bool:
        """Write what fits; nothing is left to be written once this is false."""
        if not self._to_write:
            block = next(self._fed, b"") if self._fed is not None else b""
            if not block:
                return False
            self._eaten += len(block)
            self._to_write = memoryview(block)
        try:
            written = self._input.write(self._to_write) or 0
        except BrokenPipeError:  # it has seen enough; how it ended will be told
            return False
        self._to_write = self._to_write[written:]
        return True

    def _count(self, block: bytes) -> None:
        limits = self._task.limits
        self._given += len(block)
        self._rows += block.count(b"\n")
        if self._given > limits.output_bytes:
            raise over_limit(self._task, "output")
        if self._rows > limits.rows:
            raise over_limit(self._task, "rows")
        if self._fed is not None and self._given > max(SMALL_BYTES, limits.ratio * self._eaten):
            raise over_limit(self._task, "ratio")


def over_limit(task: Task, kind: str) -> errors.Unreadable:
    """The refusal of a file whose reader wanted more than it may take."""
    what, advice = task.limits.told(kind)
    return errors.Unreadable(
        f"{task.file_name}: reading this {task.what} {what}, so it was stopped. Nothing was "
        f"loaded. {advice}"
    )


def _judge(task: Task, code: int, told: IO[bytes]) -> None:
    """Raise how the process ended, unless it ended well."""
    if code == 0:
        return
    told.seek(max(told.seek(0, os.SEEK_END) - TOLD_BYTES, 0))
    text = told.read()
    verdict = _verdict(text)
    if verdict.get("kind") == "refused":
        raise getattr(errors, verdict["class"])(verdict["message"])
    if verdict.get("kind") == "memory" or any(sign in text for sign in OUT_OF_MEMORY):
        raise over_limit(task, "memory")
    if code == -signal.SIGXCPU:
        raise over_limit(task, "cpu")
    how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"failed (code {code})"
    if code == -signal.SIGKILL:
        how = "was ended from outside (SIGKILL: has the machine run out of memory?)"
    elif verdict:
        how = f"failed ({verdict['class']}: {' '.join(verdict['message'].split())[:500]})"
    raise errors.Unreadable(
        f"{task.file_name}: the reader of this {task.what} {how}. Nothing was loaded. The file is "
        "damaged, or made to do harm: fetch or save it again, or export it as CSV."
    )


def _verdict(text: bytes) -> dict[str, str]:
    try:
        found = json.loads(text.splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) and "kind" in found else {}
