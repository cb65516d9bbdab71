"""A whole night over a generated shop, step by step, beside the marts' selects alone.

What belongs here: staging a shape (``ecorse.testing.staged``), the night by ``ecorse.flow`` in a
process of its own, the marts once more as single statements, and the figures: seconds and rows per
step and check, CPU seconds of client and Postgres, load of the machine. What does not: correctness.

The peer is every mart as one ``create table as <its select>`` and ``analyze``, one after the other
on one connection, over the same staging and the same models' tables: no models, checks, indexes,
books or publishing. A ratio of 0.5 says that the marts are half of the night.

``--shape small_orders``, ``ten_shops`` ... are other warehouses, ``--factor`` makes them larger;
``--scale 1,2,5,10`` makes the marts alone over so many million lines and prints the cost per line;
``--explain 5`` prints the plans of the five dearest marts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from ecorse.postgres.server import EmbeddedPostgres
from ecorse.testing.staged import SHAPES, Shape, stage_shape

PEER = "bench_peer"
SHOWN_FROM = 0.5  # seconds


@contextmanager
def warehouse() -> Iterator[EmbeddedPostgres]:
    """An empty warehouse on a Postgres of its own, which is removed at the end."""
    from ecorse.settings import get_settings
    from ecorse.warehouse.migrate import migrate

    with tempfile.TemporaryDirectory() as folder:
        os.environ["ECORSE_HOME"] = folder
        os.environ.pop("ECORSE_DATABASE_URL", None)
        server = EmbeddedPostgres(Path(folder))
        server.start()
        try:
            server.create_database("bench")
            os.environ["ECORSE_DATABASE_URL"] = server.url("ecorse_etl", database="bench")
            get_settings.cache_clear()
            migrate()
            yield server
        finally:
            server.remove()


def cpu_of_postgres(server: EmbeddedPostgres) -> float:
    """CPU seconds of the server and of every process it ever started, living or ended."""
    with server.admin() as admin:
        own = psutil.Process(admin.info.backend_pid)
        postmaster = own.parent()
        assert postmaster is not None
        times = postmaster.cpu_times()
        total = times.user + times.system + times.children_user + times.children_system
        for child in postmaster.children():
            try:
                now = child.cpu_times()
            except psutil.Error:
                continue
            total += now.user + now.system
    return total


@contextmanager
def measured(server: EmbeddedPostgres, what: str) -> Iterator[dict[str, float]]:
    """Wall and CPU seconds of a block, with the machine's load."""
    found: dict[str, float] = {"client_cpu": 0.0}
    before, began, load = cpu_of_postgres(server), time.perf_counter(), os.getloadavg()[0]
    yield found
    found["seconds"] = time.perf_counter() - began
    found["postgres_cpu"] = cpu_of_postgres(server) - before
    print(
        f"{what}: {found['seconds']:.1f} s, CPU {found['client_cpu']:.1f} s of the client + "
        f"{found['postgres_cpu']:.1f} s of Postgres; load of the machine {load:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after", flush=True,
    )  # fmt: skip


def run_night() -> None:
    """In a process of its own: the night, and the CPU seconds of it and its children."""
    from ecorse import flow

    summary = flow.refresh(holder="bench")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(u.ru_utime + u.ru_stime for u in used)
    print(
        json.dumps({"build_id": summary.build_id, "cpu": cpu, "peak_mb": used[0].ru_maxrss >> 10})
    )


def night(server: EmbeddedPostgres) -> tuple[int, dict[str, float]]:
    """The night by ``ecorse.flow``; gives its build and its figures."""
    with measured(server, "night") as found:
        run = subprocess.run(
            [sys.executable, __file__, "--night"], capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise SystemExit(f"the night failed: {run.stderr[-4000:]}")
        said = json.loads(run.stdout.splitlines()[-1])
        found["client_cpu"] = said["cpu"]
    print(f"peak of the client {said['peak_mb']:,} MB")
    return said["build_id"], found


def tell_steps(conn: psycopg.Connection, build_id: int) -> list[str]:
    """Print steps and checks by seconds; gives the steps, the dearest first."""
    steps = conn.execute(
        """
        select step, rows, extract(epoch from finished_at - started_at)
        from ops.build_step where build_id = %s order by 3 desc
        """,
        (build_id,),
    ).fetchall()
    checks = conn.execute(
        "select mart || '.' || check_name, failing_rows, seconds from ops.check_result "
        "where build_id = %s order by seconds desc",
        (build_id,),
    ).fetchall()
    for what, found in (("steps", steps), ("checks", checks)):
        shown = [(n, r, s) for n, r, s in found if s >= SHOWN_FROM]
        rest = sum(s for _, _, s in found[len(shown) :])
        for name, rows, seconds in shown:
            print(f"  {seconds:7.2f} s {rows or 0:>12,}  {name}")
        print(f"  {rest:7.2f} s of {len(found) - len(shown)} further {what}", flush=True)
    return [name for name, _, _ in steps]


def as_peer(schema: str, table: str) -> str:
    """Where the peer's statements find a relation; staging at no build's watermark."""
    return f"{PEER}.{table}" if schema == "marts" else f"{schema}.{table}"


def make_alone(
    server: EmbeddedPostgres, conn: psycopg.Connection, *, with_models: bool
) -> dict[str, float]:
    """Every mart by one statement, in order; gives the figures of all of them.

    Tables of models are copied from the published night beforehand, or left empty.
    """
    from ecorse.refresh.catalog import load_catalog
    from ecorse.refresh.render import render
    from ecorse.training.run import model_relations

    catalog = load_catalog()
    conn.execute(f"drop schema if exists {PEER} cascade")
    conn.execute(f"create schema {PEER}")
    conn.execute("analyze")
    for spec in model_relations(catalog):
        columns = ", ".join(f"{name} {column.sql_type}" for name, column in spec.columns.items())
        conn.execute(f"create table {PEER}.{spec.name} ({columns})")
        if with_models:
            names = ", ".join(spec.columns)
            conn.execute(f"insert into {PEER}.{spec.name} select {names} from marts.{spec.name}")
        conn.execute(f"analyze {PEER}.{spec.name}")
    with measured(server, "marts alone") as found:
        for step in catalog.steps():
            if step.kind == "mart":
                mart = catalog.marts[step.name]
                is_view = mart.materialized == "view" and not mart.work_table
                noun = "view" if is_view else "table"
                select = render(mart.sql, as_peer)
                conn.execute(f"create {noun} {PEER}.{mart.name} as {select}")
                if not is_view:
                    conn.execute(f"analyze {PEER}.{mart.name}")
    return found


def explain(conn: psycopg.Connection, names: list[str]) -> None:
    """Print the plans of marts, run once more over the peer's tables."""
    from ecorse.refresh.catalog import load_catalog
    from ecorse.refresh.render import render

    for name in names:
        print(f"== plan of {name}")
        select = render(load_catalog().marts[name].sql, as_peer)
        for (line,) in conn.execute(f"explain (analyze, buffers) {select}"):
            print(line)


def stage(conn: psycopg.Connection, shape: Shape) -> dict[str, int]:
    """Put a shape into staging, and say how much it is."""
    began = time.perf_counter()
    with conn.transaction():
        rows = stage_shape(conn, shape)
    said = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    print(f"== {said}, staged in {time.perf_counter() - began:.0f} s", flush=True)
    return rows


def run_shape(shape: Shape, explained: int) -> None:
    """One night and its peer."""
    from ecorse.warehouse.connect import connect

    with warehouse() as server, connect(autocommit=True) as conn:
        stage(conn, shape)
        build_id, ours = night(server)
        dearest = tell_steps(conn, build_id)
        peer = make_alone(server, conn, with_models=True)
        if explained:
            marts = {name for (name,) in conn.execute(
                "select mart from ops.published_view"
            )}  # fmt: skip
            explain(conn, [name for name in dearest if name in marts][:explained])
    ratio = peer["seconds"] / ours["seconds"]
    verdict = "better" if ratio >= 1 else "worse"
    print(f"bench refresh {ratio:.2f} {verdict} than the selects of the marts alone")


def run_scale(shape: Shape, millions: list[float]) -> None:
    """The marts alone over growing numbers of lines; the cost of a line should stay the same."""
    from ecorse.warehouse.connect import connect

    told: list[tuple[int, dict[str, Any]]] = []
    for million in millions:
        with warehouse() as server, connect(autocommit=True) as conn:
            rows = stage(conn, shape.scaled(million * 1e6 / shape.orders / shape.lines_per_order))
            told.append((sum(rows.values()), make_alone(server, conn, with_models=False)))
    for count, found in told:
        print(f"{count:>12,} rows: {found['postgres_cpu'] / count * 1e6:.1f} CPU s a million rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="whole")
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--scale", type=lambda text: [float(part) for part in text.split(",")])
    parser.add_argument("--explain", type=int, default=0)
    parser.add_argument("--night", action="store_true")
    arguments = parser.parse_args()
    shape = SHAPES[arguments.shape].scaled(arguments.factor)
    if arguments.night:
        run_night()
    elif arguments.scale:
        run_scale(shape, arguments.scale)
    else:
        run_shape(shape, arguments.explain)


if __name__ == "__main__":
    main()
