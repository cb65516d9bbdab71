"""Loading two million generated sales lines, against pandas and against a raw COPY.

What belongs here: a generated file, the three programs each in processes of their own, their times
and peak memory. What does not: correctness (``tests/ingest/test_load_*.py``).

Both peers get the rows that our own load has already cleaned, as a CSV file, and put them into a
table with the same definition and indexes: (a) what a script would do, ``pandas.read_csv`` and
``DataFrame.to_sql``; (b) one COPY, the least that a single connection can take. Ours reads the raw
file: archive, hash, framing, casting, rules, duplicates, report, copying, commit.

Run ``python benchmarks/bench_ingest.py``. The last lines are
``bench <name> <ratio> <better|worse> than <peer>``, ratio = peer's time / ours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from ecorse.postgres.server import EmbeddedPostgres
from ecorse.sources import get_source

SEED = 2019
PRODUCTS = (("USB-C Charging Cable", "11.95"), ("Lightning Charging Cable", "14.95"),
            ("AAA Batteries (4-pack)", "2.99"), ("AA Batteries (4-pack)", "3.84"),
            ("Wired Headphones", "11.99"), ("Apple Airpods Headphones", "150"),
            ("27in FHD Monitor", "149.99"), ("iPhone", "700"), ("Macbook Pro Laptop", "1700"),
            ("34in Ultrawide Monitor", "379.99"))  # fmt: skip
STREETS = ("Main", "Elm", "Lake", "2nd", "Maple", "Church", "Hill", "Cedar", "Pine", "River")
PLACES = (("Dallas", "TX 75001"), ("Boston", "MA 02215"), ("Los Angeles", "CA 90001"),
          ("San Francisco", "CA 94016"), ("Seattle", "WA 98101"), ("Portland", "OR 97035"),
          ("New York City", "NY 10001"), ("Atlanta", "GA 30301"))  # fmt: skip
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"


def generate(path: Path, rows: int) -> None:
    """Write a file in the monthly form: 0.3 % blank, 0.2 % repeated headers, 0.14 % duplicates."""
    rng = np.random.default_rng(SEED)
    product = rng.integers(0, len(PRODUCTS), rows)
    place = rng.integers(0, len(PLACES), rows)
    minutes = rng.integers(0, 365 * 1440, rows)
    frame = pl.DataFrame(
        {
            "id": (100_000 + np.arange(rows)).astype(str),
            "product": np.array([name for name, _ in PRODUCTS])[product],
            "quantity": rng.choice(["1", "1", "1", "1", "2", "3"], rows),
            "price": np.array([price for _, price in PRODUCTS])[product],
            "at": np.datetime64("2019-01-01", "ms") + minutes.astype("timedelta64[m]"),
            "number": rng.integers(1, 1000, rows).astype(str),
            "street": np.array(STREETS)[rng.integers(0, len(STREETS), rows)],
            "city": np.array([city for city, _ in PLACES])[place],
            "code": np.array([code for _, code in PLACES])[place],
        }
    )
    line = frame.select(
        pl.format(
            '{},{},{},{},{},"{} {} St, {}, {}"', "id", "product", "quantity", "price",
            pl.col("at").dt.strftime("%m/%d/%y %H:%M"), "number", "street", "city", "code",
        ).alias("line")
    )["line"].to_list()  # fmt: skip
    kind = rng.random(rows)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for text, dirt in zip(line, kind, strict=True):
            file.write(text + "\n")
            if dirt < 0.003:
                file.write(",,,,,\n")
            elif dirt < 0.005:
                file.write(HEADER)
            elif dirt < 0.0064:
                file.write(text + "\n")


def load_ours(path: Path) -> dict[str, int]:
    """The whole load, as ``ecorse ingest`` does it."""
    from ecorse.ingest.load import load_file
    from ecorse.ingest.shops import Shop
    from ecorse.warehouse.lock import writer

    shop = Shop(
        shop_id="bench", shop_name="Bench", time_zone="America/New_York", currency="USD", sources=()
    )
    with writer("ingest:bench:sales_csv", "bench") as fence:
        load = load_file(path, shop=shop, source=get_source("sales_csv"), fence=fence)
    return {"rows": load.rows_read, "staged": load.rows_staged}


def load_copy(path: Path) -> dict[str, int]:
    """One COPY of clean rows from a CSV file."""
    from ecorse.warehouse.connect import connect

    with connect() as conn:
        with conn.cursor() as cursor, path.open("rb") as file:
            with cursor.copy("copy bench.order_lines from stdin (format csv)") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            rows = cursor.rowcount
        conn.commit()
    return {"rows": rows}


def load_pandas(path: Path) -> dict[str, int]:
    """``read_csv`` and ``to_sql`` of clean rows, by their defaults but for a bounded chunk."""
    import pandas as pd
    from sqlalchemy import MetaData, Table, create_engine

    engine = create_engine(os.environ["ECORSE_DATABASE_URL"])
    table = Table("order_lines", MetaData(), schema="bench", autoload_with=engine)
    frame = pd.read_csv(
        path,
        names=[column.name for column in table.columns],
        dtype={"order_id": str, "postal_code": str},
        parse_dates=["ordered_at", "ordered_local"],
        true_values=["t"],
        false_values=["f"],
        low_memory=False,
    )
    frame.to_sql(
        "order_lines",
        engine,
        schema="bench",
        if_exists="append",
        index=False,
        chunksize=50_000,
        dtype={column.name: column.type for column in table.columns},
    )
    return {"rows": len(frame)}


PROGRAMS = {"ours": load_ours, "copy": load_copy, "pandas": load_pandas}


def run_here(program: str, path: Path) -> None:
    """Run one program in this process and print its figures."""
    # imports are no part of what is compared
    import ecorse.ingest.load
    import ecorse.sources.sales_csv
    import ecorse.warehouse.lock  # noqa: F401

    if program == "pandas":
        import pandas  # noqa: F401
        import sqlalchemy  # noqa: F401
    started = time.perf_counter()
    figures = PROGRAMS[program](path)
    seconds = time.perf_counter() - started
    # not getrusage: its maximum also counts the parent's memory at the fork
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    print(json.dumps(figures | {"seconds": seconds, "peak_mb": peak}))


def measure(server: EmbeddedPostgres, program: str, path: Path) -> dict[str, float]:
    """Run one program in a process of its own, into emptied tables."""
    from ecorse.warehouse.connect import connect

    with connect(autocommit=True) as conn:
        if program == "ours":
            conn.execute(
                """
                truncate staging.order_lines, staging.repeated_order_lines, ops.load_report,
                    ops.reject, ops.build_load, ops.load, ops.build cascade
                """
            )
        else:
            conn.execute("truncate bench.order_lines")
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
        f"{program}: {figures['rows']:,.0f} rows in {figures['seconds']:.2f} s, "
        f"peak {figures['peak_mb']:.0f} MB", flush=True,
    )  # fmt: skip
    return figures


def export_clean(path: Path) -> None:
    """Write the rows our load staged as CSV, and make the table that COPY loads them into."""
    from ecorse.warehouse.connect import connect

    with connect() as conn:
        conn.execute("create schema if not exists bench")
        conn.execute("create table bench.order_lines (like staging.order_lines including all)")
        export = "copy staging.order_lines to stdout (format csv)"
        with conn.cursor() as cursor, path.open("wb") as file, cursor.copy(export) as copy:
            for block in copy:
                file.write(block)
        conn.commit()


def compare(rows: int, repeats: int, with_pandas: bool) -> None:
    """Start a Postgres, generate, run the programs in turn, and print the ratios."""
    from ecorse.settings import get_settings
    from ecorse.warehouse.migrate import migrate

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["ECORSE_HOME"] = folder
        server = EmbeddedPostgres(home)
        server.start()
        try:
            server.create_database("bench")
            os.environ["ECORSE_DATABASE_URL"] = server.url("ecorse_etl", database="bench")
            get_settings.cache_clear()
            migrate()
            raw, clean = home / "raw.csv", home / "clean.csv"
            generate(raw, rows)
            print(f"{rows:,} generated sales, {raw.stat().st_size / 1e6:.0f} MB", flush=True)
            measure(server, "ours", raw)
            export_clean(clean)
            times: dict[str, list[float]] = {"ours": [], "copy": []}
            for _ in range(repeats):
                times["copy"].append(measure(server, "copy", clean)["seconds"])
                times["ours"].append(measure(server, "ours", raw)["seconds"])
            if with_pandas:
                times["pandas"] = [measure(server, "pandas", clean)["seconds"]]
        finally:
            server.stop()
    ours = statistics.median(times["ours"])
    for program, name, peer in (
        ("pandas", "ingest_pandas", "pandas.read_csv + to_sql"),
        ("copy", "ingest_copy", "one raw COPY of the cleaned rows"),
    ):
        if program in times:
            ratio = statistics.median(times[program]) / ours
            verdict = "better" if ratio >= 1 else "worse"
            print(f"bench {name} {ratio:.2f} {verdict} than {peer}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-pandas", action="store_true")
    parser.add_argument("--program", choices=PROGRAMS)
    parser.add_argument("--file", type=Path)
    arguments = parser.parse_args()
    if arguments.program:
        run_here(arguments.program, arguments.file)
    else:
        compare(arguments.rows, arguments.repeats, not arguments.no_pandas)


if __name__ == "__main__":
    main()
