"""Living within a limit of memory that was set from outside (``ulimit -v``, ``RLIMIT_AS``).

What belongs here: what has to be said to libraries before they are imported. What does not: limits
for readers of foreign formats (``arms_length``). Only the standard library is imported.

A limit counts address space, and threads reserve it: glibc gives each a heap of 64 MiB, OpenBLAS
each of its own a buffer. Loading 1.5 million lines was aborted at 1 GiB with two threads, and takes
half of that with one.
"""

from __future__ import annotations

import os
import resource

POOLS = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
BYTES_PER_THREAD = 1 << 30
_M_ARENA_MAX = -8  # of malloc.h


def fit_in() -> None:
    """Size pools of threads and the heaps of malloc by this process's limit, if it has one.

    A pool's variable that is set already is left as it is.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    threads = max(1, min(limit // BYTES_PER_THREAD, os.cpu_count() or 1))
    for pool in POOLS:
        os.environ.setdefault(pool, str(threads))
    import ctypes  # not where there is no limit: this is imported with every DAG

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's; others have no such heaps
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, threads)
