"""A load's rows on their way into staging: copied by streams, then decided about.

What belongs here: which row goes to which table of one load, and what became of it. What does not:
finding repeated rows (``repeated``), the order of a load's steps (``load``), its account
(``account``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray

from ecorse.clean.account import Account
from ecorse.clean.cleaner import CleanBlock
from ecorse.ingest import repeated
from ecorse.ingest.repeated import Moved
from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import StagingTable
from ecorse.warehouse.connect import connect
from ecorse.warehouse.copy import CopyStreams, copy_frame
from ecorse.warehouse.lock import Fence


class Moves(NamedTuple):
    """Candidates that were staged after all, and rows that were set aside, by table."""

    staged: dict[str, Moved]
    set_aside: dict[str, Moved]


class LoadedRows:
    """The rows of one load: ``add`` every block, ``finish``, ``commit``, then ``decide``.

    Nothing is visible before ``commit``; ``close`` is always called in the end. Candidates and
    rejects wait in temporary tables of ``conn``.
    """

    def __init__(
        self, conn: psycopg.Connection, table: StagingTable, load_id: int, stream_count: int
    ) -> None:
        self._conn, self._table, self._load_id = conn, table, load_id
        self._stream_count = stream_count
        self._streams: dict[str, CopyStreams] = {}
        self._has_candidates = False
        self._companion_tables: set[str] = set()
        repeated.create_work_tables(conn, table)

    def add(self, block: CleanBlock) -> None:
        """Queue a block's new rows for their streams; keep its candidates and rejects."""
        with self._conn.cursor() as cursor:
            self._keep_undecided(cursor, block)
        self._write(self._table.name, block.lines, self._stream_count)
        for name, rows in block.companions.items():
            self._write(name, rows, 1)

    def finish(self, originals: Iterable[NDArray[np.int64]]) -> None:
        """Wait until every row has reached the server, and fetch what candidates may repeat.

        ``originals`` has the lines of those (``Cleaner.originals``).
        """
        for stream in self._streams.values():
            stream.finish()
        if self._has_candidates and (primary := self._streams.get(self._table.name)):
            repeated.fetch_possible_originals(
                self._conn, primary.connections, self._table, self._load_id, originals
            )

    def commit(self, fence: Fence) -> None:
        """Commit every stream, if this run may still write."""
        with connect(application_name="ecorse load fence") as conn, conn.cursor() as cursor:
            fence.check(cursor)
            for stream in self._streams.values():
                stream.commit()

    def close(self) -> None:
        """End every stream; what was not committed is rolled back."""
        for stream in self._streams.values():
            stream.close()

    @property
    def is_empty(self) -> bool:
        """Whether no row is new for certain."""
        return not self._streams

    def decide(self, shop_id: str, source: str, replaced: list[int], account: Account) -> Moves:
        """Stage new candidates, and set aside what other loads than the ``replaced`` hold."""
        candidates = self._tables(self._companion_tables)
        staged = {}
        if self._has_candidates:
            staged = repeated.stage_new_candidates(self._conn, self._table, candidates)
        span = (account.first_at, account.last_at)
        others = repeated.overlapping_loads(self._conn, shop_id, source, replaced, *span)
        companions = self._tables({*self._companion_tables, *account.lines})
        set_aside = repeated.set_repeated_aside(
            self._conn, self._load_id, self._table, companions, others, *span
        )
        return Moves(staged, set_aside)

    def _keep_undecided(self, cursor: psycopg.Cursor, block: CleanBlock) -> None:
        """Copy a block's candidates and rejects to the load's temporary tables."""
        if block.candidates.height:
            self._has_candidates = True
            copy_frame(cursor, ("candidate",), self._with_load(block.candidates))
        for name, rows in block.companion_candidates.items():
            table = STAGING_TABLES[name]
            repeated.create_candidates(self._conn, table, repeated.candidates_of(table))
            self._companion_tables.add(name)
            if rows.height:
                copy_frame(cursor, (repeated.candidates_of(table),), self._with_load(rows))
        if block.rejected.height:
            copy_frame(cursor, ("rejected",), block.rejected)

    def _write(self, name: str, rows: pl.DataFrame, stream_count: int) -> None:
        """Queue rows for their table's streams; these start with the table's first rows."""
        if not rows.height:
            return
        lines = self._with_load(rows)
        if name not in self._streams:
            relation = STAGING_TABLES[name].relation
            self._streams[name] = CopyStreams(relation, lines.columns, stream_count)
        self._streams[name].write(lines)

    def _with_load(self, lines: pl.DataFrame) -> pl.DataFrame:
        return lines.with_columns(pl.lit(self._load_id).alias("load_id"))

    def _tables(self, names: set[str]) -> list[StagingTable]:
        """The tables of companion rows among the names, in a fixed order."""
        return [STAGING_TABLES[name] for name in sorted(names - {self._table.name})]
