"""How models share the cores: sums that must repeat run on one thread, blocks on several.

What belongs here: what a model may ask of the process, so that two models can train in it at
once. What does not: any model.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, islice
from typing import Any, TypeVar

from threadpoolctl import OpenBLASController, ThreadpoolController

Given = TypeVar("Given")
Made = TypeVar("Made")

_lock = threading.Lock()
_limits: list[Any] = []
_holders = 0


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread: the order of sums, and so every bit, is then fixed.

    Two threads moved centroids by 2.4e-13, enough to flip a label on a border (P12). OpenMP's
    limit is one of the calling thread. That of BLAS is one of the process: whoever comes sets it,
    for a library may have been imported since, and the last to leave takes it back. A library
    that is imported within the block is not held by it.
    """
    global _holders
    with _lock:
        libraries = _libraries(len(sys.modules))
        with _in_control():
            _limits.append(libraries.select(user_api="blas").limit(limits=1))
        _holders += 1
    try:
        with libraries.select(user_api="openmp").limit(limits=1):
            yield
    finally:
        with _lock:
            _holders -= 1
            with _in_control():
                while _limits and not _holders:  # the first knows what was before all of them
                    _limits.pop().restore_original_limits()


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries that are loaded; looked for again when modules were imported since.

    Looking takes a millisecond, which an answer to one basket would pay for each of its models.
    """
    return ThreadpoolController()


@contextmanager
def _in_control() -> Iterator[None]:
    """Let this thread set OpenBLAS's limit: of others than the one that did so first,
    ``threadpoolctl`` ignores it without a word."""
    OpenBLASController.clear_controlling_thread(force=True)
    try:
        yield
    finally:
        OpenBLASController.clear_controlling_thread(force=True)


def in_threads(
    work: Callable[[Given], Made], parts: Iterable[Given], threads: int = 0
) -> Iterator[Made]:
    """Do ``work`` on each part, on ``threads`` threads (0: one per core); results keep the order.

    Parts are independent, and numpy and scipy release the interpreter's lock: the number of
    threads changes the time and nothing else. Only a few parts are begun before their turn: whoever
    ends a night does not wait for the rest of them.
    """
    parts = iter(parts)
    first = list(islice(parts, 2))
    if len(first) < 2:  # starting a thread takes longer than answering for one basket
        yield from map(work, first)
        return
    parts = chain(first, parts)
    at_once = threads or os.cpu_count() or 1
    if at_once == 1:
        yield from map(work, parts)
        return
    begun: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for part in parts:
                begun.append(pool.submit(work, part))
                if len(begun) > at_once:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for left in begun:
                left.cancel()
