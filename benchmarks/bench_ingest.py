"""Loading two million generated sales lines, against pandas and against a raw COPY.

What belongs here: a generated file, the three programs each in processes of their own, their times
and peak memory. What does not: correctness (``tests/ingest/test_load_*.py``).

Ours reads the raw file: archive, hash, framing, casting, rules, ids, UTC, parts of the address,
duplicates, account, report, copying, commit. The peers cannot read it, for it has blank lines and
repeated headers; they get the same file without these, and put its own six columns into a table of
the same types without index or rule: (a) what a script would do, ``pandas.read_csv`` and
``DataFrame.to_sql``; (b) one ``COPY``, the least that a single connection can take. Beside these,
(c) one ``COPY`` of the 21 columns that ours made of each row, into a table like ours: the same work
for Postgres, and nothing before it.

Run ``python benchmarks/bench_ingest.py``. Each run prints wall seconds, CPU seconds of the client
and of Postgres, and the client's peak memory. The last lines are
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
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from ecorse.postgres import cluster
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
MADE = ("load_id", "source_line", "order_id", "product_id", "product_name", "category", "quantity",
        "unit_price", "ordered_at", "ordered_local", "address", "street", "city", "region",
        "postal_code", "customer_id", "customer_key_kind", "country", "currency", "shop_id",
        "is_simulated")  # fmt: skip
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"


def generate(raw: Path, plain: Path, rows: int) -> None:
    """Write a file in the monthly form, and the same without what a ``COPY`` cannot read.

    The raw one has 0.3 % blank lines and 0.2 % repeated headers; both have 0.14 % duplicates.
    """
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
    with raw.open("w", encoding="utf-8") as dirty, plain.open("w", encoding="utf-8") as clean:
        dirty.write(HEADER)
        clean.write(HEADER)
        for text, dirt in zip(line, kind, strict=True):
            again = text + "\n" if 0.005 <= dirt < 0.0064 else ""
            clean.write(text + "\n" + again)
            dirty.write(text + "\n" + again)
            if dirt < 0.003:
                dirty.write(",,,,,\n")
            elif dirt < 0.005:
                dirty.write(HEADER)


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
    """One COPY of the file's own columns."""
    return _copy("copy bench.sales from stdin (format csv, header)", path)


def load_copy_made(path: Path) -> dict[str, int]:
    """One COPY of the columns that ours made, from a file in COPY's own format."""
    return _copy(f"copy bench.order_lines ({', '.join(MADE)}) from stdin", path)


def _copy(statement: str, path: Path) -> dict[str, int]:
    from ecorse.warehouse.connect import connect

    with connect() as conn:
        with conn.cursor() as cursor, path.open("rb") as file:
            with cursor.copy(statement) as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            rows = cursor.rowcount
        conn.commit()
    return {"rows": rows}


def load_pandas(path: Path) -> dict[str, int]:
    """``read_csv`` and ``to_sql`` of the file's own columns, by default but in chunks."""
    import pandas as pd
    from sqlalchemy import MetaData, Table, create_engine

    engine = create_engine(os.environ["ECORSE_DATABASE_URL"])
    table = Table("sales", MetaData(), schema="bench", autoload_with=engine)
    frame = pd.read_csv(
        path,
        names=[column.name for column in table.columns],
        header=0,
        dtype={"order_id": str},
        parse_dates=["ordered_local"],
        date_format="%m/%d/%y %H:%M",
    )
    frame.to_sql(
        "sales",
        engine,
        schema="bench",
        if_exists="append",
        index=False,
        chunksize=50_000,
        dtype={column.name: column.type for column in table.columns},
    )
    return {"rows": len(frame)}


PROGRAMS = {"ours": load_ours, "copy": load_copy, "copy_made": load_copy_made,
            "pandas": load_pandas}  # fmt: skip


def run_here(program: str, path: Path) -> None:
    """Run one program in this process and print its figures."""
    # imports are no part of what is compared
    import ecorse.ingest.load
    import ecorse.sources.sales_csv
    import ecorse.warehouse.lock  # noqa: F401

    if program == "pandas":
        import pandas  # noqa: F401
        import sqlalchemy  # noqa: F401
    started, worked = time.perf_counter(), time.process_time()
    figures = PROGRAMS[program](path)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    # not getrusage: its maximum also counts the parent's memory at the fork
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    print(json.dumps(figures | {"seconds": seconds, "client_cpu": cpu, "peak_mb": peak}))


def measure(server: EmbeddedPostgres, program: str, path: Path) -> dict[str, float]:
    """Run one program in a process of its own, into emptied tables."""
    from ecorse.warehouse.connect import connect

    with connect(autocommit=True) as conn:
        conn.execute(
            """
            truncate staging.order_lines, staging.repeated_order_lines, ops.load_report,
                ops.reject, ops.build_load, ops.load, ops.build, bench.sales, bench.order_lines
                cascade
            """
        )
    with server.admin() as admin:
        admin.execute("checkpoint")
    before = postgres_cpu(server)
    run = subprocess.run(
        [sys.executable, __file__, "--program", program, "--file", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise SystemExit(f"{program} failed: {run.stderr}")
    figures: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    print(
        f"{program}: {figures['rows']:,.0f} rows in {figures['seconds']:.2f} s, CPU "
        f"{figures['client_cpu']:.2f} s of the client and {postgres_cpu(server) - before:.2f} s of "
        f"Postgres, peak {figures['peak_mb']:.0f} MB", flush=True,
    )  # fmt: skip
    return figures


def postgres_cpu(server: EmbeddedPostgres) -> float:
    """CPU seconds of the server so far: every process of it, and those that ended."""
    postmaster = cluster.postmaster(server.data_dir)
    assert postmaster is not None
    total = 0.0
    for process in postmaster.children():
        with suppress(psutil.NoSuchProcess):  # it ended just now, and the parent's figure has it
            total += sum(process.cpu_times()[:2])
    return total + sum(postmaster.cpu_times()[:4])


def make_tables() -> None:
    """Make the peers' tables: the file's columns, and a table like ours."""
    from ecorse.warehouse.connect import connect

    with connect() as conn:
        conn.execute("create schema if not exists bench")
        conn.execute(
            """
            create table bench.sales (
                order_id text, product text, quantity integer, unit_price numeric(14, 4),
                ordered_local timestamp, address text
            )
            """
        )
        conn.execute("create table bench.order_lines (like staging.order_lines including all)")


def export_made(path: Path) -> None:
    """Write the rows that our load staged, the columns it copies, in COPY's own format."""
    from ecorse.warehouse.connect import connect

    export = f"copy (select {', '.join(MADE)} from staging.order_lines) to stdout"
    with connect() as conn, path.open("wb") as file, conn.cursor().copy(export) as copy:
        for block in copy:
            file.write(block)


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
            make_tables()
            raw, plain, made = home / "raw.csv", home / "plain.csv", home / "made.txt"
            generate(raw, plain, rows)
            print(f"{rows:,} generated sales, {raw.stat().st_size / 1e6:.0f} MB", flush=True)
            measure(server, "ours", raw)
            export_made(made)
            times: dict[str, list[float]] = {}
            for _ in range(repeats):
                for program, path in (("copy", plain), ("ours", raw), ("copy_made", made)):
                    seconds = measure(server, program, path)["seconds"]
                    times.setdefault(program, []).append(seconds)
            if with_pandas:
                times["pandas"] = [measure(server, "pandas", plain)["seconds"]]
        finally:
            server.stop()
    ours = statistics.median(times["ours"])
    for program, name, peer in (
        ("pandas", "ingest_pandas", "pandas.read_csv + to_sql of the file's own columns"),
        ("copy", "ingest_copy", "one raw COPY of the file's own columns"),
        ("copy_made", "ingest_copy_made", "one raw COPY of the columns that ours makes"),
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
