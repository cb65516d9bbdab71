"""What a mapping's rows say of whom the shop may write to, as rows of ``staging.consents``.

What belongs here: statements beside the rows of orders and customers. What does not: which of
several counts (``marts.customer_consents``), who is left out (``ecorse.segments.audience``).

A row that states nothing where its file has such a column is a statement too: of nothing. A column
that looks like one and is not declared is stated by its name, so that an audience asks about it.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ecorse.schema.consent_words import looks_allowed, looks_forbidden
from ecorse.schema.contract import Header
from ecorse.schema.staging import STATEMENTS
from ecorse.sources.mappings.declare import MappingFile

CONSENTS = "consents"
ATTRIBUTE = "attributes."


def statements(
    declared: MappingFile, name: str, frame: pl.DataFrame, lines: pl.DataFrame, header: Header
) -> pl.DataFrame | None:
    """Rows of ``staging.consents`` beside a block's rows; ``None`` where its files state none.

    Parameters
    ----------
    frame
        Typed rows, targets filled.
    lines
        The canonical rows made of them.
    """
    if declared.table not in ("order_lines", "customers"):
        return None
    stated = dict(_stated(declared, frame))
    asked = list(_asked(header))
    if not stated and not asked:
        return None
    at = pl.lit(None, pl.Datetime("us", "UTC"))
    if declared.table == "order_lines":
        at = pl.col("ordered_at")
    of_row = lines.filter(pl.col("customer_id").is_not_null()).select(
        "_row", "shop_id", "is_simulated", "customer_id", pl.lit(name).alias("source"),
        at.alias("stated_at"),
    )  # fmt: skip
    parts = [
        of_row.join(frame.select("_row", is_so=value), on="_row", maintain_order="left")
        .with_columns(statement=pl.lit(statement))
        for statement, value in stated.items()
    ]  # fmt: skip
    # that it is there is enough to be asked about
    parts += [
        of_row.head(1).with_columns(statement=pl.lit(column), is_so=pl.lit(None, pl.Boolean))
        for column in asked
    ]
    return pl.concat(part.select(sorted(part.columns)) for part in parts)


def _stated(declared: MappingFile, frame: pl.DataFrame) -> Iterator[tuple[str, pl.Expr]]:
    """What the mapping declares, and its column."""
    prefix = ATTRIBUTE if declared.table == "customers" else ""
    for statement in STATEMENTS:
        target = f"{prefix}{statement}"
        if target in declared.filled:
            is_there = target in frame.columns
            yield statement, pl.col(target) if is_there else pl.lit(None, pl.Boolean)


def _asked(header: Header) -> Iterator[str]:
    """Columns that look like statements and are neither declared as one nor to be ignored, and such
    attributes: of a customer only those of the latest row are known later."""
    for name, column in zip(header.names, header.columns, strict=True):
        called = name
        if column is not None and column.target is not None:
            attribute = column.target.removeprefix(ATTRIBUTE)
            if attribute == column.target or attribute in STATEMENTS:
                continue
            called = attribute
        elif column is not None and column.is_ignored:
            continue
        if looks_allowed(called) or looks_forbidden(called):
            yield called
