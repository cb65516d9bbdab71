"""Loading simulated events by the million, against one raw COPY, and the marts over them.

What belongs here: the simulator's event log as one file, our load and a COPY of the rows it cleaned
each in a process of its own, then every mart of events; times, peak memory of the loading process
and of Postgres's workers. What does not: correctness (``tests/flow/test_real_events.py``).

Run ``python benchmarks/bench_events.py --millions 1 2 5 10 20 --plot docs/img/scale.svg`` for the
curve of docs/scale.md; ``make bench`` runs two million. The last line is
``bench <name> <ratio> <better|worse> than <peer>``, ratio = peer's time / ours.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psutil

from ecorse.postgres.server import EmbeddedPostgres
from ecorse.sources import get_source

MARTS = (
    "events", "event_unknowns", "event_products", "sessions", "funnel", "funnel_by_product",
    "funnel_by_category", "search_terms", "product_ratings",
)  # fmt: skip
MONTH_OF_KAGGLE = 67_501_979  # rows of 2019-Nov, the larger of the two months
SPAN_DAYS = 30


def generate(folder: Path, events: int) -> Path:
    """Write a month of a simulated shop's events as one file; months are joined with headers."""
    from ecorse.simulate import Plan, simulate_shop

    plan = Plan(
        customers=max(events // 30, 1000), products=5000, orders=events // 60, events=events,
        first_day=date(2019, 11, 1), days=SPAN_DAYS,
    )  # fmt: skip
    written = simulate_shop(folder / "months", plan, "rees46_events")
    path = folder / "events.csv"
    with path.open("wb") as joined:
        for month in written:
            with (folder / "months" / month.file_name).open("rb") as file:
                shutil.copyfileobj(file, joined, 1 << 20)
    shutil.rmtree(folder / "months")
    return path


def load_ours(path: Path) -> int:
    """The whole load, as ``ecorse ingest`` does it."""
    from ecorse.ingest.load import load_file
    from ecorse.ingest.shops import Shop
    from ecorse.warehouse.lock import writer

    shop = Shop(
        shop_id="bench", shop_name="Bench", time_zone="America/New_York", currency="USD", sources=()
    )
    with writer("ingest:bench:rees46_events", "bench") as fence:
        load = load_file(path, shop=shop, source=get_source("rees46_events"), fence=fence)
    return load.rows_staged


def load_copy(path: Path) -> int:
    """One COPY of the rows that our load staged, as COPY text, into a like table."""
    from ecorse.warehouse.connect import connect

    with connect() as conn:
        with conn.cursor() as cursor, path.open("rb") as file:
            with cursor.copy("copy bench.events from stdin") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            rows = cursor.rowcount
        conn.commit()
    return rows


PROGRAMS = {"ours": load_ours, "copy": load_copy}


def run_here(program: str, path: Path) -> None:
    """Run one program in this process and print its figures."""
    import ecorse.ingest.load
    import ecorse.sources.rees46_events
    import ecorse.warehouse.lock  # noqa: F401

    started = time.perf_counter()
    rows = PROGRAMS[program](path)
    seconds = time.perf_counter() - started
    # not getrusage: its maximum also counts the parent's memory at the fork
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_mb": peak}))


def measure(server: EmbeddedPostgres, program: str, path: Path) -> dict[str, float]:
    """Run one program in a process of its own."""
    with server.admin() as admin:
        admin.execute("checkpoint")
    run = subprocess.run(
        [sys.executable, __file__, "--program", program, "--file", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise SystemExit(f"{program} failed: {run.stderr}")
    figures: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    print(
        f"{program}: {figures['rows']:,.0f} rows in {figures['seconds']:.1f} s, "
        f"peak {figures['peak_mb']:.0f} MB", flush=True,
    )  # fmt: skip
    return figures


@contextmanager
def peak_of_postgres(server: EmbeddedPostgres) -> Iterator[dict[str, float]]:
    """Sample what Postgres's processes hold beside its shared buffers; the largest sum, in MB."""
    found, stop = {"peak_mb": 0.0}, threading.Event()
    with server.admin() as admin:
        pid = admin.execute("select pg_backend_pid()").fetchone()[0]
        postmaster = psutil.Process(pid).parent()

    def sample() -> None:
        while not stop.wait(0.2):
            total = 0
            for child in postmaster.children(recursive=True):
                try:
                    total += child.memory_full_info().uss
                except psutil.Error:
                    continue
            found["peak_mb"] = max(found["peak_mb"], total / 1e6)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def build_marts(server: EmbeddedPostgres) -> dict[str, float]:
    """Build every mart of events as a night does; gives seconds and Postgres's peak memory."""
    from ecorse import flow
    from ecorse.refresh.catalog import load_catalog
    from ecorse.refresh.steps import at_work, step
    from ecorse.refresh.tables import create_mart

    build_id, marts = flow.open_build(holder="bench"), load_catalog().marts
    started = time.perf_counter()
    with peak_of_postgres(server) as peak, at_work(build_id, "bench") as work:
        for mart in MARTS:
            began = time.perf_counter()
            with step(work, mart):
                create_mart(work.conn, marts[mart], build_id)
            print(f"  marts.{mart}: {time.perf_counter() - began:.1f} s", flush=True)
    seconds = time.perf_counter() - started
    print(f"marts: {seconds:.1f} s, peak of Postgres {peak['peak_mb']:.0f} MB", flush=True)
    return {"seconds": seconds, "peak_mb": peak["peak_mb"]}


def run_size(millions: float, keep_marts: bool) -> dict[str, float]:
    """Generate, load, COPY and build the marts at one size, in a database of its own."""
    from ecorse.settings import get_settings
    from ecorse.warehouse.connect import connect
    from ecorse.warehouse.migrate import migrate

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["ECORSE_HOME"] = folder
        os.environ.pop("ECORSE_DATABASE_URL", None)
        get_settings.cache_clear()
        server = EmbeddedPostgres(home)
        server.start()
        try:
            server.create_database("bench")
            os.environ["ECORSE_DATABASE_URL"] = server.url("ecorse_etl", database="bench")
            get_settings.cache_clear()
            migrate()
            began = time.perf_counter()
            raw = generate(home, round(millions * 1e6))
            print(
                f"== {millions:g} million events, {raw.stat().st_size / 1e6:,.0f} MB, written in "
                f"{time.perf_counter() - began:.0f} s", flush=True,
            )  # fmt: skip
            ours = measure(server, "ours", raw)
            clean = home / "clean.txt"
            with connect() as conn:
                conn.execute("create schema bench")
                conn.execute("create table bench.events (like staging.events including all)")
                export = "copy staging.events to stdout"
                with conn.cursor() as cursor, clean.open("wb") as file, cursor.copy(export) as copy:
                    for block in copy:
                        file.write(block)
            peer = measure(server, "copy", clean)
            with connect() as conn:
                conn.execute("drop table bench.events")
            marts = build_marts(server) if keep_marts else {"seconds": 0.0, "peak_mb": 0.0}
        finally:
            server.remove()
    return {
        "rows": ours["rows"],
        "load_seconds": ours["seconds"],
        "load_peak_mb": ours["peak_mb"],
        "copy_seconds": peer["seconds"],
        "marts_seconds": marts["seconds"],
        "marts_peak_mb": marts["peak_mb"],
    }


def at_month_of_kaggle(results: list[dict[str, float]], key: str) -> float:
    """What a figure would be at the month of Kaggle: the line through the two largest sizes.

    Small sizes fit into memory and say little about large ones, so they are left out. With one
    size only the line goes through the origin.
    """
    earlier, last = ([{"rows": 0.0, key: 0.0}, *results])[-2:]
    per_row = (last[key] - earlier[key]) / (last["rows"] - earlier["rows"])
    return last[key] + (MONTH_OF_KAGGLE - last["rows"]) * per_row


def plot(path: Path, results: list[dict[str, float]]) -> None:
    """Draw seconds over million rows for load, COPY and marts as a small SVG."""
    width, height, left, bottom = 640, 360, 60, 320
    series = {
        "load": ("load_seconds", "#1f77b4"),
        "one raw COPY": ("copy_seconds", "#7f7f7f"),
        "marts of events": ("marts_seconds", "#d62728"),
    }
    most_rows = max(r["rows"] for r in results)
    most = max(r[key] for r in results for key, _ in series.values())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<path d="M{left} 20V{bottom}H{width - 20}" stroke="black" fill="none"/>',
        f'<text x="{left}" y="14">seconds</text>',
        f'<text x="{width - 110}" y="{bottom + 34}">million events</text>',
    ]

    def x(rows: float) -> float:
        return left + rows / most_rows * (width - left - 40)

    def y(seconds: float) -> float:
        return bottom - seconds / most * (bottom - 40)

    for share in (0.25, 0.5, 0.75, 1.0):
        at = y(most * share)
        parts.append(f'<path d="M{left} {at:.0f}H{width - 20}" stroke="#ddd"/>')
        parts.append(f'<text x="8" y="{at + 4:.0f}">{most * share:.0f}</text>')
    for result in results:
        at = x(result["rows"])
        parts.append(f'<text x="{at - 8:.0f}" y="{bottom + 16}">{result["rows"] / 1e6:.3g}</text>')
    for number, (label, (key, colour)) in enumerate(series.items()):
        points = [(x(r["rows"]), y(r[key])) for r in results]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(f'<text x="{left + 16}" y="{44 + 16 * number}" fill="{colour}">{label}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[2])
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--no-marts", action="store_true")
    parser.add_argument("--program", choices=PROGRAMS)
    parser.add_argument("--file", type=Path)
    arguments = parser.parse_args()
    if arguments.program:
        run_here(arguments.program, arguments.file)
        return
    results = [run_size(m, not arguments.no_marts) for m in arguments.millions]
    for result in results:
        print(json.dumps({key: round(value, 1) for key, value in result.items()}))
    if arguments.plot:
        plot(arguments.plot, results)
    for what in ("load", "copy", "marts"):
        minutes = at_month_of_kaggle(results, f"{what}_seconds") / 60
        print(f"{what}: {MONTH_OF_KAGGLE / 1e6:.1f} million would take {minutes:.1f} minutes")
    last = results[-1]
    ratio = last["copy_seconds"] / last["load_seconds"]
    verdict = "better" if ratio >= 1 else "worse"
    print(f"bench events_copy {ratio:.2f} {verdict} than one raw COPY of the cleaned rows")


if __name__ == "__main__":
    main()
