"""How long readers wait while nights are published, against renaming tables.

What belongs here: readers in both table orders, timed read by read, while builds are published by
the pointer, and then while the same tables are swapped by renaming (the peer, as dbt and dlt do).
What does not: whether what they read is right (``tests/refresh/test_publish.py``).

Run ``python benchmarks/bench_publish.py``. The last line is
``bench <name> <ratio> <better|worse> than <peer>``, ratio = the peer's longest wait / ours.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

PUBLISHES = 20
READERS = 4
ROWS = 200_000
PAUSE = 0.002  # readers at rest between reads: a wait is then a lock's, not the processor's
PAIRS = [("orders", "daily_sales"), ("daily_sales", "orders")]


@dataclass
class Reads:
    """What the readers saw: seconds of each read, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    mixed: int = 0


def read_until(stop: threading.Event, url: str, query: str, reads: Reads) -> None:
    """Read again and again: one row that tells which night each of two tables shows."""
    with psycopg.connect(url, autocommit=True) as conn:
        while not stop.is_set():
            started = time.perf_counter()
            try:
                row = conn.execute(query).fetchone()
            except psycopg.Error as error:
                reads.errors.append(type(error).__name__)
                continue
            reads.seconds.append(time.perf_counter() - started)
            reads.mixed += row is None or row[0] is None or row[0] != row[1]
            time.sleep(PAUSE)


def measure(url: str, schema: str, publish: Callable[[int], None]) -> Reads:
    """Publish ``PUBLISHES`` nights under readers."""
    reads, stop = Reads(), threading.Event()
    readers = []
    for number in range(READERS):
        pair = PAIRS[number % 2]
        query = (
            f"select a.build_id, b.build_id from "
            f"(select build_id from {schema}.{pair[0]} limit 1) as a "
            f"full join (select build_id from {schema}.{pair[1]} limit 1) as b on true"
        )
        readers.append(threading.Thread(target=read_until, args=(stop, url, query, reads)))
    for reader in readers:
        reader.start()
    time.sleep(0.5)
    for night in range(2, PUBLISHES + 2):
        publish(night)
        time.sleep(0.05)
    stop.set()
    for reader in readers:
        reader.join()
    return reads


def prepare_build(conn: psycopg.Connection, build_id: int) -> None:
    """Two tables of a build, and the build itself as audited."""
    conn.execute(
        "insert into ops.build (build_id, status, holder, ecorse_version, git_sha) "
        "overriding system value values (%s, 'audited', 'bench', '', '')",
        (build_id,),
    )
    for name in ("orders", "daily_sales"):
        conn.execute(
            f'create table builds."{name}${build_id}" as select {build_id}::bigint as build_id, '
            f"'main' as shop_id, n as number from generate_series(1, {ROWS}) as n"
        )
        conn.execute(f'alter table builds."{name}${build_id}" alter build_id set not null')
        conn.execute(f'alter table builds."{name}${build_id}" add check (build_id = {build_id})')


def by_pointer(url: str, reader_url: str) -> Reads:
    """Ecorse's publish."""
    from ecorse.refresh.partitions import clear_old_builds
    from ecorse.refresh.publish import publish
    from ecorse.refresh.views import Published

    relations = [
        Published(name, name, ("shop_id",), {"shop_id": "", "number": ""}, None)
        for name in ("orders", "daily_sales")
    ]

    def publish_night(build_id: int) -> None:
        with psycopg.connect(url) as conn:
            prepare_build(conn, build_id)
        publish(build_id, relations, holder="bench")
        clear_old_builds()

    publish_night(1)
    return measure(reader_url, "marts", publish_night)


def by_renaming(url: str, reader_url: str) -> Reads:
    """The peer: make the new tables aside, then swap both names in one transaction."""

    def publish_night(build_id: int) -> None:
        with psycopg.connect(url) as conn:
            for name in ("orders", "daily_sales"):
                conn.execute(
                    f"create table peer.{name}_new as select {build_id}::bigint as build_id, "
                    f"'main' as shop_id, n as number from generate_series(1, {ROWS}) as n"
                )
                conn.execute(f"grant select on peer.{name}_new to bi_reader")
        for _ in range(5):  # a deadlock victim tries again
            try:
                with psycopg.connect(url) as conn:
                    for name in ("orders", "daily_sales"):
                        conn.execute(f"alter table if exists peer.{name} rename to {name}_old")
                        conn.execute(f"alter table peer.{name}_new rename to {name}")
                        conn.execute(f"drop table if exists peer.{name}_old")
                return
            except psycopg.errors.DeadlockDetected:
                print("  renaming: the publish was a deadlock victim and tries again")

    with psycopg.connect(url) as conn:
        conn.execute("create schema peer")
        conn.execute("grant usage on schema peer to bi_reader")
    publish_night(1)
    return measure(reader_url, "peer", publish_night)


def describe(name: str, reads: Reads) -> None:
    """One line per way of publishing."""
    ordered = sorted(reads.seconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    print(
        f"  {name}: {len(ordered):,} reads under {PUBLISHES} publishes, "
        f"{len(reads.errors)} errors, {reads.mixed} mixed or empty, "
        f"99 % within {p99 * 1000:.1f} ms, longest {ordered[-1] * 1000:.1f} ms"
    )


def main() -> int:
    """Start a Postgres of its own, measure both ways, and compare the longest waits."""
    from ecorse.postgres import EmbeddedPostgres
    from ecorse.settings import get_settings
    from ecorse.warehouse.migrate import migrate

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            os.environ["ECORSE_HOME"] = folder
            os.environ["ECORSE_DATABASE_URL"] = url = server.url("ecorse_etl")
            get_settings.cache_clear()
            migrate()
            reader_url = server.url("bi_reader")
            ours, peer = by_pointer(url, reader_url), by_renaming(url, reader_url)
        finally:
            server.stop()
    describe("by the pointer", ours)
    describe("by renaming", peer)
    ratio = max(peer.seconds) / max(ours.seconds)
    word = "better" if ratio >= 1 else "worse"
    print(f"bench publish_longest_wait {ratio:.2f} {word} than renaming tables")
    return int(bool(ours.errors or ours.mixed))


if __name__ == "__main__":
    sys.exit(main())
