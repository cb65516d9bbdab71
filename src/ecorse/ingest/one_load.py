"""One load at work: clean, copy, account, and make it count in one transaction.

What belongs here: the order of the steps. What does not: the steps themselves (``clean``, ``rows``,
``ledger``), and whether there is anything to load (``load``).

Rows are copied by several streams and committed before the load counts: a row counts only while
``ops.load`` has a row for its load. The last transaction decides about duplicates, writes that
row, and takes the place of the file's earlier content. Killed anywhere before, nothing counts, and
the next load of the source deletes what was left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import psycopg

from ecorse import __version__
from ecorse.clean.cleaner import Cleaner
from ecorse.clean.rates import Rates
from ecorse.columns import SIMULATED_SUFFIX
from ecorse.errors import ContractError
from ecorse.failpoints import failpoint
from ecorse.ingest import ledger, places, rates
from ecorse.ingest.account import about_elsewhere, count
from ecorse.ingest.archive import Archived, Incoming, settle
from ecorse.ingest.limit import refuse_over_limit
from ecorse.ingest.report import write_report
from ecorse.ingest.rows import LoadedRows
from ecorse.ingest.summary import LoadSummary
from ecorse.schema.source import Shop, Source
from ecorse.settings import get_settings
from ecorse.warehouse.lock import Fence

log = logging.getLogger(__name__)


class Load:
    """One load at work."""

    def __init__(
        self,
        conn: psycopg.Connection,
        incoming: Incoming,
        shop: Shop,
        source: Source,
        terms: ledger.Terms,
        file_name: str,
        fence: Fence,
        run_id: int | None,
        started_at: datetime,
    ) -> None:
        self.conn, self.incoming, self.shop, self.source = conn, incoming, shop, source
        self.file_name, self.fence, self.run_id = file_name, fence, run_id
        self.terms, self.started_at = terms, started_at
        self.load_id = 0

    def run(self, progress: Callable[[int], None] | None) -> LoadSummary:
        """Clean, copy and account; on any error nothing of the load is left."""
        settings = get_settings()
        with self.incoming.to_parse() as file, ThreadPoolExecutor(1) as background:
            try:
                cleaner = Cleaner(
                    file,
                    self.incoming.size_bytes,
                    source=self.source,
                    shop=self.shop,
                    file_name=self.file_name,
                    max_record_bytes=settings.max_record_bytes,
                    reject_limit_share=settings.reject_limit_share,
                    rates=self._rates(),
                )
            except ContractError:
                self.incoming.finish()  # a file that was cut while it was read is read again
                raise
            leftovers = ledger.delete_leftovers(self.conn, self.shop.shop_id, self.source.name)
            if leftovers:
                log.warning("deleted %s rows that a killed load left in staging", leftovers)
            self.load_id = ledger.begin_attempt(
                self.conn, self.shop.shop_id, self.source.name, self.file_name
            )
            self.conn.commit()
            try:
                rows = LoadedRows(
                    self.conn, self.source.contract, self.load_id, settings.copy_streams
                )
                self._copy(cleaner, rows, progress, background)
                summary = self._make_it_count(cleaner, rows, self.incoming.finish())
            except Exception as error:
                self._discard()
                if isinstance(error, ContractError):
                    self.incoming.finish()
                raise
        failpoint("ingest.after_commit")
        log.info("%s: %s", self.file_name, summary.sentence())
        return summary

    def _rates(self) -> Rates | None:
        """The shop's rates, where its source converts by them."""
        if self.source.contract.foreign_currency != "convert":
            return None
        return rates.rates_of_shop(self.conn, self.shop)

    def _copy(
        self,
        cleaner: Cleaner,
        rows: LoadedRows,
        progress: Callable[[int], None] | None,
        background: ThreadPoolExecutor,
    ) -> None:
        """Copy the file's rows; its archived copy is brought to the disk meanwhile."""
        try:
            for block in cleaner:
                rows.add(block)
                if progress:
                    progress(cleaner.account.rows_read)
            archived = self.incoming.finish()
            failpoint("ingest.after_archive")
            settled = background.submit(settle, archived)
            rows.finish(cleaner.originals())
            settled.result()
            if not rows.is_empty:
                failpoint("ingest.before_commit")
                rows.commit(self.fence)
        finally:
            rows.close()

    def _make_it_count(self, cleaner: Cleaner, rows: LoadedRows, archived: Archived) -> LoadSummary:
        """Decide about duplicates, write the account, and make the load count."""
        conn, shop, source, account = self.conn, self.shop, self.source.name, cleaner.account
        met = ledger.known_loads(
            conn, shop.shop_id, source, file_name=self.file_name, sha256=archived.sha256
        )
        replaced = [m.load_id for m in met]
        place = self._place(archived.sha256, replaced)
        moves = rows.decide(shop.shop_id, source, replaced, account, place)
        load = ledger.LoadRow(
            load_id=self.load_id,
            shop_id=shop.shop_id,
            source=source,
            file_name=self.file_name,
            sha256=archived.sha256,
            size_bytes=archived.size_bytes,
            **count(account, moves, self.source.contract.table)._asdict(),
            warnings=[*cleaner.warnings, *about_elsewhere(moves, shop.currency)],
            **self.terms._asdict(),
            first_row_at=account.first_at,
            last_row_at=account.last_at,
            line_order=place.line_order if place else None,
            started_at=self.started_at,
            run_id=self.run_id,
            ecorse_version=__version__,
        )
        refuse_over_limit(conn, load, replaced)
        self._remember_shops(account.is_simulated)
        ledger.record_load(conn, load, replaced)
        write_report(conn, load, account)
        ledger.resolve_refused(conn, shop.shop_id, source, self.file_name)
        with conn.cursor() as cursor:
            self.fence.check(cursor)
        conn.commit()
        return LoadSummary.of(load, met, self.terms)

    def _place(self, sha256: str, replaced: list[int]) -> places.Place | None:
        """Where the load stands among those of its source, if its lines have a key."""
        if not self.source.contract.line_key:
            return None
        scope = (self.conn, self.shop.shop_id, self.source.name)
        place = places.place_of(
            *scope,
            file_name=self.file_name,
            sha256=sha256,
            load_id=self.load_id,
            replaced=replaced,
        )
        places.note_seen(
            *scope, file_name=self.file_name, sha256=sha256, line_order=place.line_order
        )
        return place

    def _remember_shops(self, is_simulated: bool) -> None:
        shop = self.shop
        names = [(shop.shop_id, shop.shop_name, False)]
        if is_simulated:
            names.append((shop.shop_id + SIMULATED_SUFFIX, f"{shop.shop_name} (simulated)", True))
        for shop_id, shop_name, simulated in names:
            ledger.remember_shop(
                self.conn, shop_id, shop_name, shop.time_zone, shop.currency, is_simulated=simulated
            )

    def _discard(self) -> None:
        """Delete what the failed load left; if that fails too, the next load of the source does."""
        try:
            if self.conn.closed:
                return
            self.conn.rollback()
            ledger.discard(self.conn, self.load_id)
            self.conn.commit()
        except psycopg.Error as error:
            log.warning("load %s left rows behind; the next load deletes them (%s)",
                        self.load_id, error)  # fmt: skip
