"""The time columns of a mapping's rows and of lines beside them: instants and wall clocks.

What belongs here: which of them a mapping fills and what becomes of the others. What does not:
reading a time (``clean.times``), zones (``sources.canonical``).
"""

from __future__ import annotations

import polars as pl

from ecorse.clean.values import name_of, reasons_of
from ecorse.schema.contract import Column, Header
from ecorse.schema.source import Shop
from ecorse.sources.canonical import to_instants, to_wall_clock
from ecorse.sources.mappings.columns import type_of
from ecorse.sources.mappings.declare import MappingFile
from ecorse.zones import zone_of

AT, LOCAL = "_at ", "_at_local "  # columns of times that lines beside a row's own have
# a time on the shop's wall clock and the same as an instant: a mapping fills one of them
TWINS = {
    "ordered_at": "ordered_local",
    "ordered_local": "ordered_at",
    "refunded_at": "refunded_local",
    "refunded_local": "refunded_at",
}


def time_columns(
    mapping: MappingFile, frame: pl.DataFrame, header: Header, shop: Shop
) -> list[pl.Series]:
    """Every time column of the mapping's table, from the typed rows; null where nothing is said."""
    declared = {c.target: c for c in header.columns if c is not None}
    made = []
    for column in mapping.staging.columns:
        if not column.mapped or type_of(column) != "timestamp":
            continue
        name, twin = column.name, TWINS.get(column.name, "")
        is_given = name in declared or name in mapping.constants
        if not is_given and (twin in declared or twin in mapping.constants):
            name = twin
        at = _instants(name, frame, declared.get(name), shop, header)
        is_wall_clock = column.sql_type == "timestamp"
        made.append((to_wall_clock(at, shop) if is_wall_clock else at).alias(column.name))
    return made


def moments_beside(
    mapping: MappingFile, frame: pl.DataFrame, header: Header, shop: Shop
) -> list[pl.Series]:
    """The times that lines beside the rows' own have: instants and wall clocks.

    Made of the times as the file writes them, before those of targets become instants.
    """
    declared = {c.name: c for c in header.columns if c is not None}
    named = {one.at for one in mapping.also} | {back.at for back in mapping.taken_back}
    made = []
    for name in declared.keys() & named:
        times = frame[name_of(declared[name])].cast(pl.Datetime("us"))
        zones = zones_of(frame, declared[name], header)
        instants = to_instants(times, declared[name], shop, zones)
        made += [instants.alias(AT + name), to_wall_clock(instants, shop).alias(LOCAL + name)]
    return made


def moment(name: str | None, frame: pl.DataFrame) -> tuple[pl.Series, pl.Series] | None:
    """The instants and wall clocks of a column with a time of its own (``moments_beside``)."""
    if name is None or AT + name not in frame.columns:
        return None
    return frame[AT + name], frame[LOCAL + name]


def unknown_zones(frame: pl.DataFrame, header: Header) -> list[pl.DataFrame]:
    """Reasons of rows whose own time zone is named by a word that stands for none."""
    reasons: list[pl.DataFrame] = []
    for column in header.columns:
        zones = None if column is None else zones_of(frame, column, header)
        if column is None or zones is None:
            continue
        strange = [word for word in zones.drop_nulls().unique() if zone_of(word) is None]
        found = reasons_of(
            zones.is_in(strange), zones, Column(column.zone_column, None), "zone_unknown",
            "no time zone is known by this word; write its IANA name, such as America/New_York",
        )  # fmt: skip
        rows = frame["_row"]
        reasons += [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]
    return reasons


def zones_of(frame: pl.DataFrame, column: Column, header: Header) -> pl.Series | None:
    """The words for each row's own zone; None where the column or the file has none."""
    names = {c.name: name_of(c) for c in header.columns if c is not None}
    name = names.get(column.zone_column)
    return frame[name] if name is not None else None


def _instants(
    name: str, frame: pl.DataFrame, column: Column | None, shop: Shop, header: Header
) -> pl.Series:
    if column is not None:
        return to_instants(frame[name], column, shop, zones_of(frame, column, header))
    # a constant: a date, or a time on the shop's wall clock; or nothing
    time = pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    date = pl.col(name).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    return to_instants(frame.select(pl.coalesce(time, date))[name], Column(name, name), shop)
