"""Loads one file into staging, if its content is not there yet or is read otherwise now.

What belongs here: whether there is anything to load, and what else becomes of a file whose content
is known. What does not: the load (``one_load``), and which files there are (``run``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from ecorse.errors import DiskFull, StoreBusy
from ecorse.ingest import ledger, places, rates
from ecorse.ingest.archive import Incoming
from ecorse.ingest.one_load import Load
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
            load = Load(conn, incoming, shop, source, terms, name, fence, run_id, started_at)
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
    return places.is_told_anew(conn, known.load_id, file_name=file_name, sha256=known.sha256)


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
        places.note_seen(
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
