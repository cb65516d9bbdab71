"""What runs in the process of a reader: limits first, then the reader, its text to the output.

What belongs here: the program alone; it is started as a file, by an interpreter that knows no
more than the standard library. What does not: choosing limits or telling people (``reading``).

The request is the first line of the input, as JSON; what follows is the packed file for a reader
that takes ``blocks``. The output is text and nothing else. How it ended is the last line of the
error output, as JSON, and nothing where it ended well.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from io import BufferedReader
from typing import Any, cast

BLOCK_BYTES = 1 << 20
REFUSED = 65


def main() -> int:
    """Read one file; the exit code is 0, or ``REFUSED`` with a verdict."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody wants the rest
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with, args=(request["parent"],), daemon=True).start()
    verdict: dict[str, str] = {}
    try:
        for kind, most in request["limits"].items():
            _limit(getattr(resource, kind), most)
        sys.path[:] = request["path"]
        _read(request["reader"], request["arguments"])
    except MemoryError:
        verdict = {"kind": "memory"}
    except BaseException as error:  # a library in Rust panics with one that is no Exception
        ours = [c.__name__ for c in type(error).__mro__ if c.__module__ == "ecorse.errors"]
        name = ours[0] if ours else type(error).__name__
        verdict = {"kind": "refused" if ours else "", "class": name, "message": str(error)}
    if verdict:
        os.write(2, b"\n" + json.dumps(verdict).encode())
        return REFUSED
    return 0


def _end_with(parent: int) -> None:
    """End this process soon after the one that started it was killed: it has no other leftovers.

    A signal on the parent's death comes when the thread dies that started the child, which may be
    earlier.
    """
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(REFUSED)


def _limit(kind: int, most: int) -> None:
    """Set a limit, unless this process is held to a lower one already."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if kind == resource.RLIMIT_CPU:  # at the hard one comes SIGKILL, which does not tell why
        resource.setrlimit(kind, (most, min(most + 5, hard) if hard >= 0 else most + 5))
    else:
        resource.setrlimit(kind, (most, most))


def _read(reader: str, arguments: dict[str, Any]) -> None:
    module, _, name = reader.partition(":")
    read = getattr(import_module(module), name)
    if arguments.pop("takes_blocks", False):
        arguments["blocks"] = _blocks()
    for block in read(**arguments):
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(1, rest) :]


def _blocks() -> Iterator[bytes]:
    file = cast(BufferedReader, sys.stdin.buffer)
    return iter(lambda: file.read1(BLOCK_BYTES), b"")


if __name__ == "__main__":
    os._exit(main())  # without the libraries' good-byes
