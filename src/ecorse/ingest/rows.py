"""A load's rows on their way into staging: copied by streams, then decided about.

What belongs here: which row goes to which table of one load, and what became of it. What does not:
finding repeated rows (``repeated``, ``elsewhere``), the order of a load's steps (``one_load``), its
account (``account``).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray

from ecorse.clean.account import KEY_TWICE, LINES_ADDED, REPEATED, Account
from ecorse.clean.parting import CleanBlock
from ecorse.ingest import keyed, repeated, replacing, work_tables
from ecorse.ingest.comparing import Moved
from ecorse.ingest.elsewhere import (
    Elsewhere,
    orders_elsewhere,
    overlapping_loads,
    set_repeated_aside,
)
from ecorse.ingest.places import Place
from ecorse.schema.contract import Contract
from ecorse.schema.staging import STAGING_TABLES
from ecorse.schema.table import StagingTable
from ecorse.warehouse.connect import connect
from ecorse.warehouse.copy import CopyStreams, copy_frame
from ecorse.warehouse.lock import Fence


class Moves(NamedTuple):
    """Candidates that were staged after all, and rows that were set aside, by table.

    ``replaced`` are rows of earlier loads whose key came with other content, ``taken_back`` those
    whose key came in a row that is left out, ``unsaid`` those of orders of this load that have no
    row in it any more; each with the lines beside it. ``elsewhere`` are orders that other loads
    hold with other content, where lines have no key.
    """

    staged: dict[str, Moved]
    set_aside: dict[str, Moved]
    replaced: Moved = Moved(0, Decimal(0))
    taken_back: Moved = Moved(0, Decimal(0))
    unsaid: Moved = Moved(0, Decimal(0))
    elsewhere: Elsewhere | None = None


class LoadedRows:
    """The rows of one load: ``add`` every block, ``finish``, ``commit``, then ``decide``.

    Nothing is visible before ``commit``; ``close`` is always called in the end. Candidates and
    rejects wait in temporary tables of ``conn``.
    """

    def __init__(
        self, conn: psycopg.Connection, contract: Contract, load_id: int, stream_count: int
    ) -> None:
        self._conn, self._load_id, self._stream_count = conn, load_id, stream_count
        self._contract, self._table = contract, STAGING_TABLES[contract.table]
        self._streams: dict[str, CopyStreams] = {}
        self._has_candidates = False
        self._companion_tables: set[str] = set()
        work_tables.create_work_tables(conn, self._table)
        if contract.line_key:
            keyed.create_work_tables(conn)

    def add(self, block: CleanBlock) -> None:
        """Queue a block's new rows for their streams; keep its candidates and rejects."""
        with self._conn.cursor() as cursor:
            self._keep_undecided(cursor, block)
        self._write(self._table.name, self._table, block.lines, self._stream_count)
        for name, rows in block.companions.items():
            added = LINES_ADDED if name == self._table.name else name
            self._write(added, STAGING_TABLES[name], rows, 1)

    def finish(self, originals: Iterable[NDArray[np.int64]]) -> None:
        """Wait until every row has reached the server, and fetch what candidates may repeat.

        ``originals`` has the lines of those (``Cleaner.originals``).
        """
        for stream in self._streams.values():
            stream.finish()
        if self._has_candidates and (primary := self._streams.get(self._table.name)):
            work_tables.fetch_possible_originals(
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

    def decide(
        self,
        shop_id: str,
        source: str,
        replaced: list[int],
        account: Account,
        place: Place | None,
    ) -> Moves:
        """Stage new candidates, and set aside what other loads than the ``replaced`` hold.

        Parameters
        ----------
        place
            The load's place, where rows have a key.

        The account gets what is only known now: marked, rejected and doubtful rows.
        """
        staged = self._stage_candidates(account) if self._has_candidates else {}
        names = {*self._companion_tables, *account.lines} - {self._table.name, LINES_ADDED}
        companions = [STAGING_TABLES[name] for name in sorted(names)]
        if place is not None:
            found = replacing.replace_earlier(
                self._conn, self._load_id, self._table, companions, place.earlier
            )
            return Moves(staged, *found)
        span = (account.first_at, account.last_at)
        others = overlapping_loads(self._conn, shop_id, source, replaced, *span)
        set_aside = set_repeated_aside(
            self._conn, self._load_id, self._table, companions, others, *span
        )
        elsewhere = orders_elsewhere(self._conn, self._load_id, self._table, others)
        return Moves(staged, set_aside, elsewhere=elsewhere)

    def _stage_candidates(self, account: Account) -> dict[str, Moved]:
        if self._contract.line_key:
            staged, rejected = keyed.stage_new_candidates(
                self._conn, self._table, self._companion_tables
            )
            account.rejected[KEY_TWICE] += rejected.rows
            account.money_contradicting += rejected.money
            return staged
        staged, marked = repeated.stage_new_candidates(
            self._conn,
            self._table,
            self._companion_tables,
            flags=self._contract.repeats == "flag",
        )
        account.flagged[REPEATED] += marked
        if account.has_undeclared:
            account.differing.add(repeated.differing_repeats(self._conn, self._table))
        return staged

    def _keep_undecided(self, cursor: psycopg.Cursor, block: CleanBlock) -> None:
        """Copy a block's candidates and rejects to the load's temporary tables."""
        if block.candidates.height:
            self._has_candidates = True
            copy_frame(cursor, ("candidate",), self._with_load(block.candidates))
        if block.left_out.height:
            copy_frame(cursor, ("left_out_key",), block.left_out)
        if block.raw.height:
            copy_frame(cursor, ("candidate_text",), block.raw)
        for name, rows in block.companion_candidates.items():
            table = STAGING_TABLES[name]
            work_tables.create_candidates(self._conn, table, work_tables.candidates_of(table))
            self._companion_tables.add(name)
            if rows.height:
                copy_frame(cursor, (work_tables.candidates_of(table),), self._with_load(rows))
        if block.rejected.height:
            copy_frame(cursor, ("rejected",), block.rejected)

    def _write(self, name: str, table: StagingTable, rows: pl.DataFrame, stream_count: int) -> None:
        """Queue rows for the streams of their name, which start with the first rows."""
        if not rows.height:
            return
        lines = self._with_load(rows)
        if name not in self._streams:
            self._streams[name] = CopyStreams(table.relation, lines.columns, stream_count)
        self._streams[name].write(lines)

    def _with_load(self, lines: pl.DataFrame) -> pl.DataFrame:
        return lines.with_columns(pl.lit(self._load_id).alias("load_id"))
