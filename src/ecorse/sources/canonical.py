"""What sources share in making canonical rows: shops, instants, customer keys, JSON columns.

What belongs here: expressions that several sources use. What does not: any one source.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping

import polars as pl

from ecorse.clock import local_to_utc
from ecorse.columns import SIMULATED_PREFIX, SIMULATED_SUFFIX
from ecorse.schema.contract import CUSTOMER_RUNGS, Column, Contract, Header, is_instant, own_name
from ecorse.schema.source import Shop
from ecorse.zones import zone_of


def shop_of_row(shop: Shop, marked_id: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Columns ``shop_id`` and ``is_simulated``: simulated rows belong to a shop of their own.

    ``marked_id`` is the id that carries the mark: of an order, else a session, a customer or a
    product.
    """
    is_simulated = marked_id.str.starts_with(SIMULATED_PREFIX).fill_null(False)
    return (
        pl.when(is_simulated)
        .then(pl.lit(shop.shop_id + SIMULATED_SUFFIX))
        .otherwise(pl.lit(shop.shop_id))
        .alias("shop_id"),
        is_simulated.alias("is_simulated"),
    )


def to_instants(
    times: pl.Series, column: Column, shop: Shop, zones: pl.Series | None = None
) -> pl.Series:
    """The UTC instants of a timestamp column, by the zone that its declaration names.

    Parameters
    ----------
    zones
        The words for each row's own zone, where the file has some; a word that stands for no zone
        makes no instant.
    """
    if is_instant(column):
        return times.dt.replace_time_zone("UTC")
    zone = shop.time_zone if column.zone == "shop" else column.zone
    made = times.dt.replace_time_zone("UTC") if zone == "UTC" else local_to_utc(times, zone)
    if zones is None:
        return made
    for word in zones.drop_nulls().unique().to_list():
        rows = (zones == word).fill_null(False).arg_true()
        own = zone_of(word)
        there = times.gather(rows)
        instants = local_to_utc(there, own) if own is not None else made.clear(len(rows))
        made = made.clone().scatter(rows, instants)
    return made


def to_wall_clock(instants: pl.Series, shop: Shop) -> pl.Series:
    """The shop's wall clock at UTC instants, without zone."""
    return instants.dt.convert_time_zone(shop.time_zone).dt.replace_time_zone(None)


def customer_key(
    contract: Contract,
    *,
    customer_id: pl.Expr | None = None,
    email: pl.Expr | None = None,
    address: pl.Expr | None = None,
) -> tuple[pl.Expr, pl.Expr]:
    """Columns ``customer_id`` and ``customer_key_kind`` by the ladder id, e-mail, address, none.

    The kind is the strongest rung a row has. The key is that rung's, if the contract lets the rung
    make customers; else null. E-mail and postal addresses are hashed: a key names nobody.
    """
    rungs = {"id": customer_id, "email": email, "address": address}
    kind, key = pl.lit("none"), pl.lit(None, pl.String)
    for rung in reversed(CUSTOMER_RUNGS):
        value = rungs[rung]
        if value is None:
            continue
        made = pl.lit(None, pl.String)
        if rung in contract.customer_rungs:
            made = value if rung == "id" else hashed(rung, value)
        kind = pl.when(value.is_not_null()).then(pl.lit(rung)).otherwise(kind)
        key = pl.when(value.is_not_null()).then(made).otherwise(key)
    return key.alias("customer_id"), kind.alias("customer_key_kind")


def hashed(kind: str, text: pl.Expr) -> pl.Expr:
    """A key that does not tell what it was made of: the kind, and 16 digits of a SHA-256.

    Case and white space make no difference.
    """
    return text.map_batches(lambda texts: _hashes(kind, texts), return_dtype=pl.String)


def _hashes(kind: str, texts: pl.Series) -> pl.Series:
    seen: dict[str, str] = {
        text: hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:16]
        for text in texts.unique().drop_nulls()
    }
    keys = texts.replace_strict(seen, default=None, return_dtype=pl.String)
    return pl.select(pl.lit(f"{kind}-") + pl.lit(keys)).to_series()


def name_key(name: str) -> str:
    """A name without differences in case, width and white space."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def slug(key: str) -> str:
    """The letters and digits of a key, parted by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", key).strip("-")


def name_id(name: str) -> str:
    """A readable id made from a name; equal exactly for names with an equal key.

    Where the slug loses something (punctuation, other scripts), eight hexadecimal digits of
    the key's SHA-256 keep two names apart.
    """
    key = name_key(name)
    if (short := slug(key)).replace("-", " ") == key:
        return short
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{short[:60]}-{digest}".strip("-")


def name_ids(names: pl.Expr) -> pl.Expr:
    """The ids of a column of names (``name_id``); null where there is no name."""
    return names.map_batches(_ids_of_names, return_dtype=pl.String)


def _ids_of_names(names: pl.Series) -> pl.Series:
    ids = {name: name_id(name) for name in names.unique().drop_nulls()}
    return names.replace_strict(ids, default=None, return_dtype=pl.String)


def attributes_json(names: Mapping[str, str]) -> pl.Expr:
    """Column ``attributes``: a JSON object of typed columns, ``{key: column}``; nulls stay null."""
    fields = [pl.col(column).alias(key) for key, column in names.items()]
    return pl.struct(*fields).struct.json_encode().alias("attributes")


def extra_json(header: Header) -> pl.Expr | None:
    """Column ``extra``: a JSON object of the columns that the contract does not know."""
    if not header.extra:
        return None
    columns = [pl.col(own_name(name)).alias(name) for name in header.extra]
    return pl.struct(*columns).struct.json_encode().alias("extra")
