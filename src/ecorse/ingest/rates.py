"""The rates of a shop: of its fx_rates sources in the warehouse, or of a file.

What belongs here: bringing them together for cleaning. What does not: which rate holds for a line
(``clean.rates``).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import psycopg

from ecorse.clean.rates import RATES_SCHEMA, Rates
from ecorse.ingest.dry import dry_load
from ecorse.schema.source import Shop, Source

RATES_OF = """
with rates as (
    select * from staging.fx_rates union all select * from staging.repeated_fx_rates
)
select distinct
    r.rate_date, r.from_currency, r.to_currency, r.rate, r.is_two_way
from rates as r
inner join ops.load as l on l.load_id = r.load_id
where l.shop_id = %(shop)s and l.superseded_at is null
    and %(currency)s in (r.from_currency, r.to_currency)
"""
KNOWN_AT = """
select max(known_at) from ops.load
where shop_id = %s and superseded_at is null and rows_by_table ? 'fx_rates'
"""


def rates_of_shop(conn: psycopg.Connection, shop: Shop) -> Rates:
    """The rates that are loaded for a shop, into its currency.

    Raises
    ------
    ContractError
        Two loads contradict each other.
    """
    rows = conn.execute(RATES_OF, {"shop": shop.shop_id, "currency": shop.currency}).fetchall()
    known = conn.execute(KNOWN_AT, (shop.shop_id,)).fetchone()
    frame = pl.DataFrame(rows, schema=RATES_SCHEMA, orient="row")
    return Rates.of(frame, shop.currency, known[0] if known else None)


def are_later(conn: psycopg.Connection, shop_id: str, load_id: int) -> bool:
    """Whether rates of a shop came to be known after a load, so that it may lack fewer now."""
    row = conn.execute(
        "select known_at < (" + KNOWN_AT + ") from ops.load where load_id = %s",
        (shop_id, load_id),
    ).fetchone()
    return bool(row and row[0])


def rates_of_file(path: Path, source: Source, shop: Shop) -> Rates:
    """The rates of a file, as a load of it would read them.

    Raises
    ------
    ContractError
        A load would refuse the file, or it contradicts itself.
    """
    rows = dry_load(path, source, shop, keep=True).rows
    if rows.is_empty():
        rows = pl.DataFrame(schema=RATES_SCHEMA)
    return Rates.of(rows.select(*RATES_SCHEMA), shop.currency)
