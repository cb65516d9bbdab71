"""What Ecorse loaded of a source: its lines at the loads that count, and rows kept out of them.

What belongs here: reading the database and the archive. What does not: what a line's money is
(``amounts``), reading a report (``report``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
import psycopg
from psycopg import sql

from ecorse.clean.rates import Rates
from ecorse.errors import ConfigError, ContractError
from ecorse.ingest.archive import archived_path
from ecorse.ingest.rates import rates_of_shop
from ecorse.ingest.selection import find_source
from ecorse.ingest.shops import Shop
from ecorse.refresh.relations import staging_at
from ecorse.reports.reconcile.amounts import LINE, amounts_of, with_cancelled
from ecorse.reports.reconcile.beyond import CURRENCY, lines_of_file
from ecorse.reports.reconcile.declare import PaidOutTable
from ecorse.reports.reconcile.payouts import with_paid_date
from ecorse.schema.source import LookingUp, Source
from ecorse.schema.staging import STAGING_TABLES
from ecorse.settings import get_settings
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

OF_ROW = ("load_id", "source_line")
_UNITS = ("unit_price", "line_amount", "discount_amount")


class _Load(NamedTuple):
    load_id: int
    file_name: str
    sha256: str
    rejected: int
    repeated: int
    left_out: int

    @property
    def kept_out(self) -> str:
        """How many of its rows are in no table, in words; empty: none."""
        counts = (
            (self.rejected, "rejected"),
            (self.repeated, "repeated"),
            (self.left_out, "left out"),
        )
        return ", ".join(f"{rows:,} {word}" for rows, word in counts if rows)


@dataclass(frozen=True)
class Loaded:
    """The amounts of a shop's source by pool (``amounts_of``), and what a person should know."""

    shop: Shop
    source: str
    files: int
    amounts: pl.DataFrame
    notes: Sequence[str]


def read_loaded(
    source: str, shop_id: str | None = None, paid_out: PaidOutTable | None = None
) -> Loaded:
    """Read all that was loaded of a source for one shop, and the rows that were kept out.

    Parameters
    ----------
    paid_out
        The column of the files with the day on which a row's money is paid out, if that matters.

    Raises
    ------
    ConfigError
        Nothing was loaded of it, it is no source of order lines, or several shops have it.
    """
    declared = get_source(source)
    if declared.contract.table != "order_lines":
        raise ConfigError(f"Source {source} is of {declared.contract.table}, which have no money.")
    with connect(application_name="ecorse reconcile") as conn:
        shop_id = _whose(conn, source, shop_id)
        loads = _loads(conn, source, shop_id)
        lines = _lines(conn, source, shop_id, paid_out)
        shop, used = find_source(shop_id, source, is_named=True)
        converts = declared.contract.foreign_currency == "convert"
        rates = rates_of_shop(conn, shop) if converts else None
    notes: list[str] = []
    beyond = _beyond(loads, get_source(source, used.reading), shop, rates, lines, notes, paid_out)
    return Loaded(shop, source, len(loads), pooled(lines.select(list(LINE)), beyond), notes)


def pooled(kept: pl.DataFrame, beyond: pl.DataFrame) -> pl.DataFrame:
    """The amounts of lines that count and, by pool, of those that were kept out.

    An order of which some rows were kept out is counted once.
    """
    parts = [with_cancelled(amounts_of(kept), kept)]
    parts += [
        amounts_of(rows.select(list(LINE)), str(pool))
        for (pool,), rows in beyond.group_by("pool", maintain_order=True)
    ]
    amounts = pl.concat(parts)
    is_order = pl.col("part") == "orders"
    counted = amounts.filter(is_order, pl.col("pool").is_in(["counted", "cancelled"]))
    again = pl.col("order_id").is_in(counted["order_id"].implode()) & is_order
    return amounts.filter(~again | pl.col("pool").is_in(["counted", "cancelled"]))


def _whose(conn: psycopg.Connection, source: str, shop_id: str | None) -> str:
    found = conn.execute(
        "select distinct shop_id from ops.load where superseded_at is null and source = %s "
        "and shop_id = coalesce(%s, shop_id) order by 1",
        (source, shop_id),
    ).fetchall()
    shops = [shop for (shop,) in found]
    if not shops:
        of_shop = f" for shop {shop_id!r}" if shop_id else ""
        raise ConfigError(
            f"Nothing is loaded of source {source}{of_shop}. `ecorse ingest --source {source} "
            "--data FILE` loads the platform's export; then compare its report."
        )
    if len(shops) > 1:
        raise ConfigError(f"Shops {', '.join(shops)} have source {source}; say --shop which.")
    return str(shops[0])


def _loads(conn: psycopg.Connection, source: str, shop_id: str) -> list[_Load]:
    rows = conn.execute(
        "select load_id, file_name, sha256, rows_rejected, rows_duplicate, rows_ignored "
        "from ops.load where superseded_at is null and source = %s and shop_id = %s "
        "order by load_id",
        (source, shop_id),
    ).fetchall()
    return [_Load(*row) for row in rows]


def _lines(
    conn: psycopg.Connection, source: str, shop_id: str, paid_out: PaidOutTable | None
) -> pl.DataFrame:
    """The lines that count now: ``LINE`` and ``load_id``, money in whole ten-thousandths."""
    loads = sql.SQL(
        "(select 0 as build_id, load_id, line_order from ops.load "
        "where superseded_at is null and source = {} and shop_id = {})"
    ).format(sql.Literal(source), sql.Literal(shop_id))
    staged = staging_at("order_lines", "0", as_of=None, loads=loads.as_string(conn))
    held = STAGING_TABLES["order_lines"].column_names
    shown = [
        f"cast({name} * 10000 as bigint) as {name}" if name in _UNITS else name
        for name in (*LINE, *OF_ROW, *(["extra"] if paid_out else []))
        if name in held or name in OF_ROW
    ]
    frame = read_frame(conn, f"select {', '.join(shown)} from {staged} as s")
    frame = with_paid_date(frame, paid_out, OF_ROW)
    return frame.select(*(pl.col(name).cast(dtype) for name, dtype in LINE.items()), "load_id")


def _beyond(
    loads: Sequence[_Load],
    source: Source,
    shop: Shop,
    rates: Rates | None,
    lines: pl.DataFrame,
    notes: list[str],
    paid_out: PaidOutTable | None,
) -> pl.DataFrame:
    """Rows kept out, of each order and pool those of the latest file that has them."""
    parts = [pl.DataFrame(schema={**LINE, "pool": pl.String(), "load_id": pl.Int64()})]
    lost: dict[str, int] = {}
    for load in loads:
        path = archived_path(get_settings().home, load.sha256)
        if not load.kept_out:
            continue
        if isinstance(source, LookingUp) and source.looks_up:
            notes.append(
                f"{load.file_name}: of its rows, {load.kept_out} are not looked at. It was read "
                f"together with {', '.join(source.looks_up)}, which the archive does not keep "
                "beside it. If the report has their money, it is unexplained."
            )
            continue
        try:
            of_file = lines_of_file(path, load.file_name, source, shop, rates, paid_out)
        except (OSError, ContractError) as error:
            notes.append(
                f"{load.file_name}: of its rows, {load.kept_out} are not looked at: it cannot "
                f"be read again from the archive ({error}). If the report has their money, it is "
                "unexplained."
            )
            continue
        for rule, rows in of_file.lost.items():
            lost[rule] = lost.get(rule, 0) + rows
        parts.append(of_file.beyond.with_columns(load_id=pl.lit(load.load_id, pl.Int64)))
    for rule, rows in sorted(lost.items()):
        notes.append(
            f"{rows:,} rows were rejected by rule {rule} and cannot be read as money at all; if "
            "the report has them, their money is unexplained. `ecorse status` shows them."
        )
    beyond = pl.concat(parts)
    if rates is not None:
        notes += [
            f"Orders in {str(pool).partition(':')[2]} have no rate into {shop.currency} among the "
            "shop's rates, so their money is not known in it. Load the rates, then `ecorse replay`."
            for pool in beyond["pool"].unique().sort()
            if str(pool).startswith(CURRENCY)
        ]
    latest = lines.group_by("order_id").agg(pl.col("load_id").cast(pl.Int64).max().alias("_latest"))
    newest = pl.col("load_id") == pl.col("load_id").max().over("order_id", "pool")
    return (
        beyond.filter(newest)
        .join(latest, on="order_id", how="left")
        .filter(pl.col("_latest").is_null() | (pl.col("_latest") <= pl.col("load_id")))
        .drop("_latest")
    )
