"""What a staging table could not hold, refused with a reason before the database refuses it.

What belongs here: the limits that ``schema.staging`` declares, for the rows of every source. What
does not: what a source promises of its own (rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from ecorse.clean.values import reasons_of
from ecorse.schema.contract import Column
from ecorse.schema.staging import KEY
from ecorse.schema.table import StagedColumn, StagingTable


def unholdable(
    frame: pl.DataFrame, table: StagingTable, names: dict[str, str]
) -> list[pl.DataFrame]:
    """Reasons of canonical rows that are too long, impossible, or lack what every row needs.

    Parameters
    ----------
    names
        What the file calls a column, by target.
    """
    reasons: list[pl.DataFrame] = []
    bytes_of = _longest(frame)
    for column in table.columns:
        if column.name in frame.columns:
            values = frame[column.name]
            called = Column(names.get(column.name, column.name), column.name)
            for rule, failed, sentence in _broken(values, column, bytes_of.get(column.name, 0)):
                told = values.cast(pl.String)
                found = reasons_of(failed, told, called, f"{column.name}_{rule}", sentence)
                rows = frame["_row"]
                reasons += [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]
    return reasons


def _longest(frame: pl.DataFrame) -> dict[str, int]:
    """The bytes of the longest value of each text column: all at once, for it is for each block."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    longest = frame.select(pl.col(texts).str.len_bytes().max())
    return {name: longest[name][0] or 0 for name in texts}


def without_key(frame: pl.DataFrame, line_key: Sequence[str]) -> list[pl.DataFrame]:
    """Reasons of rows without the key by which their source knows lines, or with a long one."""
    if not line_key:
        return []
    called, keys = Column(" or ".join(line_key), None), frame["line_id"]
    found = reasons_of(
        keys.is_null(), keys, called, "line_key_empty",
        "without its key a line cannot be told from others",
    )  # fmt: skip
    found += reasons_of(
        (keys.str.len_chars() > KEY).fill_null(False), keys, called, "line_key_too_long",
        f"is longer than {KEY} characters, the most that a key may have",
    )  # fmt: skip
    rows = frame["_row"]
    return [r.with_columns(rows.gather(r["_row"]).alias("_row")) for r in found]


def _broken(
    values: pl.Series, column: StagedColumn, longest: int
) -> list[tuple[str, pl.Series, str]]:
    broken = []
    if column.is_needed and not column.default and values.null_count():
        broken.append(("empty", values.is_null(), "every row needs one"))
    if column.longest and longest > column.longest:
        failed = (values.str.len_chars() > column.longest).fill_null(False)
        sentence = f"is longer than {column.longest} characters, the most that it may have"
        if failed.any():
            broken.append(("too_long", failed, sentence))
    if column.bounds and values.dtype.is_temporal():
        least, most = (_time(b, values) for b in (column.bounds.least, column.bounds.most))
        # not by min() and max(): an instant may be in a year that Python does not know
        failed = ((values < least) | (values >= most)).fill_null(False)
        if failed.any():
            broken.append(("impossible", failed, column.bounds.sentence))
    return broken


def _time(text: str, like: pl.Series) -> datetime:
    zone = getattr(like.dtype, "time_zone", None)
    bound = datetime.fromisoformat(text)
    return bound.replace(tzinfo=UTC) if zone else bound
