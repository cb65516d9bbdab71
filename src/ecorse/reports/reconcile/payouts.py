"""The day on which a line's money is paid out, by a column of the export.

What belongs here: finding and reading that column. What does not: lines (``lines``), days
(``daily``).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ecorse.errors import ConfigError, DataError
from ecorse.reports.reconcile.declare import PaidOutTable


def with_paid_date(
    lines: pl.DataFrame, paid_out: PaidOutTable | None, of: Sequence[str]
) -> pl.DataFrame:
    """Lines with ``paid_date``; lines made of a row beside its own have the row's.

    Parameters
    ----------
    lines
        With ``extra``, the columns of the file that its mapping does not know, as JSON.
    of
        The columns that say which row of which file a line is of.

    Raises
    ------
    DataError
        A day cannot be read.
    """
    if paid_out is None:
        return lines.with_columns(paid_date=pl.lit(None, pl.Date))
    name = paid_out.name.replace("'", "\\'")
    said = pl.col("extra").cast(pl.String).str.json_path_match(f"$['{name}']")
    texts = lines.with_columns(_paid=said.max().over(*of))
    as_days = [pl.col("_paid").str.to_datetime(f, strict=False).dt.date() for f in paid_out.formats]
    read = texts.with_columns(paid_date=pl.coalesce(as_days))
    unread = read.filter(pl.col("paid_date").is_null(), pl.col("_paid").fill_null("") != "")
    if unread.height:
        raise DataError(
            f"Column {paid_out.name} of the export is {unread['_paid'][0]!r}; expected a day "
            f"written as {' or '.join(paid_out.formats)}. Say in the report's declaration how it "
            "is written (paid_out.formats)."
        )
    return read.drop("_paid")


def refuse_without(amounts: pl.DataFrame, paid_out: PaidOutTable, source: str) -> None:
    """Refuse to compare payouts with an export that tells the day of none.

    Raises
    ------
    ConfigError
        No amount has a day on which it is paid out.
    """
    if amounts["paid_date"].null_count() == amounts.height:
        raise ConfigError(
            f"What was loaded of {source} does not say when it is paid out: expected the column "
            f"{paid_out.name}. Choose it among the columns of the download, and load the file."
        )
