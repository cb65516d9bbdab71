"""Making one area of a build: marts by their select, a model by its training.

What belongs here: going through the steps of an area, and which of them need not be made again.
What does not: making a mart (``refresh.tables``) or a model (``training``); which areas there are
and in which order they come (``refresh.order``, ``refresh.schedule``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from ecorse.failpoints import failpoint
from ecorse.models.declaration import Declaration
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.marts import Mart
from ecorse.refresh.steps import Made, RunningStep, at_work, step
from ecorse.refresh.tables import create_mart

log = logging.getLogger(__name__)
Progress = Callable[[str], None]


def build_area(
    build_id: int, name: str, *, progress: Progress | None = None
) -> dict[str, int | None]:
    """Make what a build lacks of one area of marts, or of one model; gives rows by table.

    Steps that an earlier try made from the same declarations and the same tables are left as they
    are. Rows of a view are none.

    Raises
    ------
    ConfigError
        There is no such area, or Postgres refuses a mart's SQL.
    Fenced
        The build was taken over, or ended.
    TimeLimit
        A step takes longer than ``step_minutes``.
    """
    say = progress or log.info
    catalog = load_catalog()
    rows: dict[str, int | None] = {}
    with at_work(build_id, name) as work:
        made = work.made()
        for current in catalog.area(name).steps:
            made_from = catalog.made_from(current)
            if (before := made.get(current.name)) and _is_current(
                before, made_from, [made.get(up) for up in catalog.upstream(current)]
            ):
                rows |= before.rows
                say(f"{current.name} was made before")
                continue
            began = time.perf_counter()
            with step(work, current.name, made_from) as running:
                if current.kind == "mart":
                    new = _make_mart(catalog.marts[current.name], running)
                else:
                    new = _run_model(catalog.models[current.name], running)
            made.pop(current.name, None)  # whatever reads it is made again
            rows |= new
            counted = ", ".join(f"{n:,} rows" for n in (running.rows,) if n is not None)
            seconds = f"{time.perf_counter() - began:.1f} s"
            say(f"made {current.name}: {', '.join(filter(None, [counted, seconds]))}")
    return rows


def _is_current(before: Made, made_from: str, upstream: Sequence[Made | None]) -> bool:
    """Whether a step need not be made again: nothing that it was made of has changed since."""
    return before.made_from == made_from and all(
        up is not None and up.finished_at <= before.started_at for up in upstream
    )


def _make_mart(mart: Mart, running: RunningStep) -> dict[str, int | None]:
    running.rows = create_mart(running.conn, mart, running.build_id)
    failpoint("refresh.mid_marts")
    return {mart.name: running.rows}


def _run_model(declaration: Declaration, running: RunningStep) -> dict[str, int | None]:
    from ecorse.training.run import train

    trained = train(declaration, running)
    rows: dict[str, int | None] = {
        table: sum(shop.rows.get(table, 0) for shop in trained) for table in declaration.writes
    }
    running.rows = sum(filter(None, rows.values()))
    running.detail = {"rows": rows, "shops": {s.shop_id: s.outcome for s in trained}}
    return rows
