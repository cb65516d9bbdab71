"""How models share the cores: sums that must repeat run on one thread, blocks on several.

What belongs here: what a model may ask of the process, so that two models can train in it at
once. What does not: any model.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Given = TypeVar("Given")
Made = TypeVar("Made")

_lock = threading.Lock()
_held: dict[str, Any] = {"holders": 0, "limits": None}


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread: the order of sums, and so every bit, is then fixed.

    Two threads moved centroids by 2.4e-13, enough to flip a label on a border (P12). OpenMP's
    limit is one of the calling thread; that of BLAS is one of the process, so it is set by the
    first of those who need it and taken back by the last.
    """
    with _lock:
        if not _held["holders"]:
            _held["limits"] = threadpool_limits(limits=1, user_api="blas")
        _held["holders"] += 1
    try:
        with threadpool_limits(limits=1, user_api="openmp"):
            yield
    finally:
        with _lock:
            _held["holders"] -= 1
            if not _held["holders"]:
                _held["limits"].restore_original_limits()


def in_threads(
    work: Callable[[Given], Made], parts: Iterable[Given], threads: int = 0
) -> Iterator[Made]:
    """Do ``work`` on each part, on ``threads`` threads (0: one per core); results keep the order.

    Parts are independent, and numpy and scipy release the interpreter's lock: the number of
    threads changes the time and nothing else.
    """
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        yield from pool.map(work, parts)
