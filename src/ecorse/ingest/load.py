"""Loads one file: archive, clean, copy, account, and make it count in one transaction.

What belongs here: the order of the steps. What does not: the steps themselves (``clean``,
``sources``, ``warehouse``), and which files there are (``run``).

Rows are copied by several streams and committed before the load counts: a row counts only while
``ops.load`` has a row for its load. The last transaction decides about duplicates, writes that
row, and takes the place of the file's earlier content. Killed anywhere before, nothing counts, and
the next load of the source deletes what was left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from ecorse import __version__
from ecorse.clean.cleaner import Cleaner
from ecorse.clean.rates import Rates
from ecorse.columns import SIMULATED_SUFFIX
from ecorse.errors import ContractError, DiskFull, StoreBusy
from ecorse.failpoints import failpoint
from ecorse.ingest import keyed, ledger, rates
from ecorse.ingest.account import about_elsewhere, count
from ecorse.ingest.archive import Archived, Incoming, settle
from ecorse.ingest.limit import refuse_over_limit
from ecorse.ingest.report import write_report
from ecorse.ingest.rows import LoadedRows
from ecorse.ingest.summary import LoadSummary
from ecorse.schema.source import LookingUp, Shop, Source
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import Fence

log = logging.getLogger(__name__)


def load_file(
    path: Path,
    *,
    shop: Shop,
    source: Source,
    fence: Fence,
    file_name: str | None = None,
    run_id: int | None = None,
    progress: Callable[[int], None] | None = None,
    is_replay: bool = False,
    present: Collection[str] | None = None,
) -> LoadSummary:
    """Load a file into staging, if its content is not there yet or is read otherwise now.

    Parameters
    ----------
    shop
        Whose file it is, with its time zone and currency.
    source
        How it is read, with what the shop declares otherwise (``sources.get_source``).
    fence
        The right to write in the scope of this shop and source; checked in every commit.
    file_name
        The name the file is known by; a file that comes again under it replaces the earlier one.
    progress
        Called with the number of rows read so far.
    is_replay
        Load the content anew, though it is there and is read no otherwise: its rules may have
        been mended in code.
    present
        The names of all files that are there. A known content whose file is not among them has
        come under another name; one whose file is still there is said once more.

    Raises
    ------
    ContractError
        The file does not have the shape its contract declares, or too many of its rows were
        rejected (``TooManyRejects``); nothing of it was loaded.
    SourceUnavailable
        The file changed while it was read.
    Fenced
        A later run took over; nothing was committed.
    DiskFull
        The archive or the database ran out of space.
    StoreBusy
        The warehouse went away; trying again helps.
    """
    started_at = datetime.now(UTC)
    name = file_name or path.name
    if isinstance(source, LookingUp):
        source = source.bind(path.parent)
    terms = ledger.Terms(source.contract.contract_sha256, shop.time_zone, shop.currency)
    try:
        with (
            Incoming(path, get_settings().home, name) as incoming,
            connect(application_name="ecorse load") as conn,
        ):
            if not is_replay and ledger.may_be_loaded(
                conn, shop.shop_id, source.name, incoming.size_bytes
            ):
                sha256 = incoming.finish().sha256
                met = ledger.known_loads(
                    conn, shop.shop_id, source.name, file_name=name, sha256=sha256
                )
                known = next((m for m in met if m.sha256 == sha256), None)
                is_known = known is not None and (known.terms == terms or known.is_kept_out)
                if (
                    known
                    and is_known
                    and not (
                        _is_told_anew(conn, known, source, name, present)
                        or (
                            known.lacks_rates and rates.are_later(conn, shop.shop_id, known.load_id)
                        )
                    )
                ):
                    return _skip(conn, known, met, shop, source, name, fence)
            load = _Load(conn, incoming, shop, source, terms, name, fence, run_id, started_at)
            return load.run(progress)
    except psycopg.errors.DiskFull as error:
        raise DiskFull(
            f"{name}: the database's disk is full ({error}). Nothing was loaded; its size is "
            f"{path.stat().st_size} bytes. Free some space and run this again."
        ) from None
    except psycopg.OperationalError as error:
        raise StoreBusy(
            f"{name}: the warehouse stopped answering while the file was loaded "
            f"({str(error).strip()}). Nothing of it counts; run this again."
        ) from None


def _is_told_anew(
    conn: psycopg.Connection,
    known: ledger.KnownLoad,
    source: Source,
    file_name: str,
    present: Collection[str] | None,
) -> bool:
    """Whether a known content comes again to replace what later loads said of its lines."""
    if known.is_kept_out or not source.contract.line_key or known.file_name == file_name:
        return False
    if present is not None and known.file_name not in present:
        return False
    return keyed.is_told_anew(conn, known.load_id, file_name=file_name, sha256=known.sha256)


def _skip(
    conn: psycopg.Connection,
    known: ledger.KnownLoad,
    met: list[ledger.KnownLoad],
    shop: Shop,
    source: Source,
    file_name: str,
    fence: Fence,
) -> LoadSummary:
    """Add nothing; an earlier other content of this file name stops counting all the same.

    But a withdrawn content takes no other's place: it is as if the file had not come.
    """
    replaced = [] if known.is_kept_out else [m.load_id for m in met if m is not known]
    ledger.supersede(conn, replaced, known.load_id)
    ledger.resolve_refused(conn, shop.shop_id, source.name, file_name)
    if source.contract.line_key and known.line_order is not None and not known.is_kept_out:
        keyed.note_seen(
            conn,
            shop.shop_id,
            source.name,
            file_name=file_name,
            sha256=known.sha256,
            line_order=known.line_order,
        )
    with conn.cursor() as cursor:
        fence.check(cursor)
    conn.commit()
    summary = LoadSummary(
        known.load_id,
        file_name,
        known.sha256,
        is_skipped=True,
        superseded=replaced,
        withdrawn_reason=known.withdrawn_reason,
    )
    log.info("%s: %s", file_name, summary.sentence())
    return summary


class _Load:
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

    def _place(self, sha256: str, replaced: list[int]) -> keyed.Place | None:
        """Where the load stands among those of its source, if its lines have a key."""
        if not self.source.contract.line_key:
            return None
        scope = (self.conn, self.shop.shop_id, self.source.name)
        place = keyed.place_of(
            *scope,
            file_name=self.file_name,
            sha256=sha256,
            load_id=self.load_id,
            replaced=replaced,
        )
        keyed.note_seen(
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
