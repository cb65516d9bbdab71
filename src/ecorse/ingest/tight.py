"""Whether there is memory enough to begin.

What belongs here: refusing a limit in which a library would abort the process. What does not:
fitting pools of threads into a limit (``ecorse.memory``), limits of a file's reader
(``ecorse.arms_length``).
"""

from __future__ import annotations

import resource

from ecorse.errors import ConfigError

LEAST_BYTES = 768 << 20  # 400,000 lines were loaded within them; within 512 MiB Polars aborts


def refuse_tight() -> None:
    """Refuse to load files within too low a limit of address space.

    Raises
    ------
    ConfigError
        This process may take too little memory.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_BYTES:
        raise ConfigError(
            f"This process may take {limit >> 20} MiB of memory (address space, ulimit -v), and "
            f"loading files needs {LEAST_BYTES >> 20}. Nothing was loaded; raise the limit."
        )
