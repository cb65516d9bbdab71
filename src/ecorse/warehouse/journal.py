"""The journal of runs: who started what, and how it ended.

What belongs here: rows of ``ops.run``. What does not: locks (``writer``, ``builds``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ecorse.provenance import __version__, git_sha
from ecorse.warehouse.connect import connect


def start_run(kind: str, holder: str, params: Mapping[str, Any]) -> int:
    """Write down that a run began; an earlier one of this holder that never ended is closed."""
    with connect(application_name="ecorse journal") as conn:
        conn.execute(
            """
            update ops.run set status = 'failed', finished_at = clock_timestamp(),
                error = 'did not finish; a later try took over'
            where kind = %s and holder = %s and status = 'running'
            """,
            (kind, holder),
        )
        row = conn.execute(
            """
            insert into ops.run (kind, holder, params, ecorse_version, git_sha)
            values (%s, %s, %s, %s, %s) returning run_id
            """,
            (kind, holder, json.dumps(params, default=str), __version__, git_sha()),
        ).fetchone()
    assert row is not None
    run_id: int = row[0]
    return run_id


def finish_run(
    run_id: int, status: str, *, error: str | None = None, summary: Mapping[str, Any] | None = None
) -> None:
    """Write down how a run ended."""
    with connect(application_name="ecorse journal") as conn:
        conn.execute(
            """
            update ops.run set status = %s, error = %s, summary = %s,
                finished_at = clock_timestamp()
            where run_id = %s
            """,
            (status, error, json.dumps(summary or {}, default=str), run_id),
        )


@contextmanager
def journal(kind: str, holder: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Journal the block as one run; it fills the summary it is given."""
    run_id = start_run(kind, holder, params)
    summary: dict[str, Any] = {"run_id": run_id}
    try:
        yield summary
    except Exception as error:
        finish_run(run_id, "failed", error=f"{type(error).__name__}: {error}", summary=summary)
        raise
    finish_run(run_id, "succeeded", summary=summary)
