"""Bulk rows into Postgres: several COPY streams at once, fed by one producer.

What belongs here: turning frames into COPY text, and the streams. What does not: which table, and
when a load counts (``load``, ``ledger``).
"""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import polars as pl
import psycopg
from psycopg import sql

from ecorse.failpoints import failpoint
from ecorse.warehouse.connect import connect

SPECIAL = ["\\", "\t", "\n", "\r"]
ESCAPED = ["\\\\", "\\t", "\\n", "\\r"]
BACKSLASH, FIRST_PRINTABLE = 92, 32
SECOND = 1_000_000
MINUTE, DAY = 60 * SECOND, 86_400 * SECOND
MOST_DAYS = 100_000  # a table of more days would cost more than it spares
QUEUED_BLOCKS = 1  # per stream; bounds memory when the server is slower than the parser


def copy_text(frame: pl.DataFrame) -> memoryview:
    r"""Serialise a frame in COPY's text format (tabs, ``\N`` for null, backslash escapes).

    A UTC instant is written without its zone: sessions of ``connect`` run in UTC. Text that needs
    no escapes is the rule, and looking for it beforehand costs more than writing it: so the frame
    is written as it is, and written again with escapes if the result holds a backslash or control
    character too many. Source: https://www.postgresql.org/docs/current/sql-copy.html, "Text
    Format".
    """
    times = [time_text(series) for series in frame if isinstance(series.dtype, pl.Datetime)]
    frame = frame.with_columns(times)
    text = _write(_join_constants(frame))
    codes = np.frombuffer(text, np.uint8)
    nulls = sum(frame.null_count().row(0))
    is_plain = (
        np.count_nonzero(codes < FIRST_PRINTABLE) == frame.height * frame.width
        and np.count_nonzero(codes == BACKSLASH) == nulls
    )
    if is_plain:
        return text
    return _write(frame.with_columns(pl.col(pl.String).str.replace_many(SPECIAL, ESCAPED)))


def time_text(times: pl.Series) -> pl.Series:
    """Write times or UTC instants as Postgres reads them, without zone.

    Whole minutes are written without seconds, and whole seconds without fraction: that is less for
    Postgres to read. Both are put together from tables of days and of times of day, which takes
    half as long as formatting each.
    """
    count = times.dt.cast_time_unit("us").to_physical()
    day = count // DAY
    since = count - day * DAY
    first, last = cast(int | None, day.min()), cast(int | None, day.max())
    unit = next((unit for unit in (MINUTE, SECOND) if not (since % unit).max()), None)
    if unit is None or first is None or last is None or last - first > MOST_DAYS:
        return times.dt.replace_time_zone(None).dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    days = pl.int_range(first, last + 1, dtype=pl.Int32, eager=True).cast(pl.Date)
    dates = days.dt.to_string("%Y-%m-%d").gather(day - first)
    return (dates + _times_of_day(unit).gather(since // unit)).alias(times.name)


@lru_cache(maxsize=2)
def _times_of_day(unit: int) -> pl.Series:
    """Every time of day in steps of a unit, with a space before it."""
    times = pl.int_range(0, DAY, unit, eager=True).cast(pl.Datetime("us"))
    return times.dt.to_string(" %H:%M" if unit == MINUTE else " %H:%M:%S")


def _join_constants(frame: pl.DataFrame) -> pl.DataFrame:
    """Join neighbouring columns of one value each (shop, currency …) into one: a tenth faster."""
    columns: list[pl.Series] = []
    run: list[str] = []
    for series in frame:
        if series.dtype in (pl.String, pl.Boolean, pl.Int64) and _is_constant(series):
            text = series.head(1).cast(pl.String).fill_null("\\N").item()
            run.append(text)
            continue
        columns += _constant(run, len(columns), frame.height)
        run = []
        columns.append(series)
    columns += _constant(run, len(columns), frame.height)
    return pl.DataFrame(columns)


def _is_constant(series: pl.Series) -> bool:
    if not len(series) or series[0] != series[-1]:
        return False
    return bool(series.eq_missing(series[0]).all())


def _constant(run: list[str], position: int, height: int) -> list[pl.Series]:
    if not run:
        return []
    return [pl.select(pl.repeat("\t".join(run), height).alias(f"_{position}")).to_series()]


def _write(frame: pl.DataFrame) -> memoryview:
    buffer = io.BytesIO()
    frame.write_csv(
        buffer,
        include_header=False,
        separator="\t",
        quote_style="never",
        null_value="\\N",
        batch_size=8192,
    )
    return buffer.getbuffer()


def copy_statement(table: tuple[str, ...], columns: Sequence[str]) -> sql.Composed:
    """``copy … from stdin`` for a qualified table and its columns."""
    return sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def copy_frame(cursor: psycopg.Cursor, table: tuple[str, ...], frame: pl.DataFrame) -> None:
    """Append a frame to a table in the caller's transaction."""
    with cursor.copy(copy_statement(table, frame.columns)) as copy:
        copy.write(copy_text(frame))


class CopyStreams:
    """Parallel COPY into one table; each stream is a connection and a thread of its own.

    Nothing is visible before ``commit``; ``close`` is always called in the end.
    """

    def __init__(self, table: tuple[str, ...], columns: Sequence[str], streams: int) -> None:
        self._statement = copy_statement(table, columns)
        self._blocks: queue.Queue[pl.DataFrame | None] = queue.Queue(QUEUED_BLOCKS * streams)
        self._errors: list[BaseException] = []
        self._stop = threading.Event()
        self._connections: list[psycopg.Connection] = []
        try:
            for _ in range(streams):
                self._connections.append(connect(application_name="ecorse load"))
        except BaseException:
            self._disconnect()
            raise
        self._threads = [
            threading.Thread(target=self._run, args=(conn,), name=f"copy-{i}", daemon=True)
            for i, conn in enumerate(self._connections)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End every stream; what was not committed is rolled back."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._disconnect()

    def write(self, rows: pl.DataFrame) -> None:
        """Queue rows, to be serialised by a stream; waits while every stream is busy.

        Raises
        ------
        psycopg.Error
            A stream failed.
        """
        self._put(rows)
        failpoint("ingest.mid_copy")

    def finish(self) -> None:
        """Wait until every queued row has reached the server; commits nothing."""
        for _ in self._threads:
            self._put(None)
        for thread in self._threads:
            thread.join()
        self._raise()

    @property
    def connections(self) -> Sequence[psycopg.Connection]:
        """The streams' connections, each in its open transaction; for use after ``finish``."""
        return self._connections

    def commit(self) -> None:
        """Commit every stream; call after ``finish``."""
        for i, conn in enumerate(self._connections):
            if i:
                failpoint("ingest.between_stream_commits")
            conn.commit()

    def _put(self, block: pl.DataFrame | None) -> None:
        while True:
            self._raise()
            try:
                return self._blocks.put(block, timeout=0.5)
            except queue.Full:
                continue

    def _raise(self) -> None:
        if self._errors:
            raise self._errors[0]

    def _run(self, conn: psycopg.Connection) -> None:
        try:
            # the load's last commit is durable, and it comes later: these need not wait for a disk
            conn.execute("set local synchronous_commit = off")
            with conn.cursor() as cursor, cursor.copy(self._statement) as copy:
                while (rows := self._next()) is not None:
                    copy.write(copy_text(rows))
        except BaseException as error:  # raised again in the producer's thread
            self._errors.append(error)

    def _next(self) -> pl.DataFrame | None:
        while True:
            try:
                return self._blocks.get(timeout=0.2)
            except queue.Empty:
                if self._stop.is_set():
                    raise InterruptedError("the load was given up") from None

    def _disconnect(self) -> None:
        for conn in self._connections:
            conn.close()
