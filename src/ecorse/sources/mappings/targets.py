"""The columns of a mapping's rows: what the file says, constants, defaults, and what is made of it.

What belongs here: one column after the other. What does not: money (``money``), times
(``moments``), what tells lines apart (``identity``).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from ecorse.clean.cast import DATE_ONLY
from ecorse.clean.numbers import SHARE
from ecorse.schema.contract import Contract
from ecorse.schema.dtypes import dtype_of
from ecorse.schema.staging import STATEMENTS
from ecorse.schema.table import StagedColumn
from ecorse.sources.canonical import attributes_json, customer_key, name_ids
from ecorse.sources.mappings.columns import type_of
from ecorse.sources.mappings.declare import MappingFile, word_of
from ecorse.sources.mappings.money import MONEY

BECOME: dict[str, pl.DataType] = {"line_total": MONEY, "discount_share": SHARE} | dict.fromkeys(
    STATEMENTS, pl.Boolean()
)


def filled(declared: MappingFile, frame: pl.DataFrame) -> pl.DataFrame:
    """Every target as a column: the file's, a constant, or null; declared values replaced.

    A time that the file does not have is a text, for it may be a constant.
    """
    columns = []
    for target in _attributes(declared):
        if target in declared.constants:
            columns.append(pl.lit(declared.constants[target]).alias(target))
        elif target in declared.values and target in frame.columns:
            columns += _in_our_words(declared, target)
    for target in declared.staging.targets():
        column = declared.staging.column(target)
        is_text = column is None or type_of(column) in ("", "timestamp")
        dtype = pl.String() if column is None or is_text else dtype_of(column)
        dtype = BECOME.get(target, dtype)
        if target in declared.constants:
            columns.append(_constant(declared.constants[target], dtype).alias(target))
        elif target not in frame.columns:
            columns.append(pl.lit(None, dtype).alias(target))
        elif target in declared.values:
            columns += _in_our_words(declared, target)
    return frame.with_columns(columns)


def _in_our_words(declared: MappingFile, target: str) -> list[pl.Expr]:
    """A target in the words that the mapping declares, and as the file has it."""
    words = declared.values[target]
    if all(isinstance(value, bool) for value in words.values()):
        value = pl.col(target).replace_strict(words, default=None, return_dtype=pl.Boolean)
    else:
        value = pl.col(target).replace(words)
    return [pl.col(target).alias(word_of(target)), value.alias(target)]


def staged(declared: MappingFile, contract: Contract, frame: pl.DataFrame) -> dict[str, pl.Expr]:
    """The columns of the table, by name, but for those of the row's identity and shop."""
    rows = {c.name: _as_staged(c) for c in declared.staging.columns if c.mapped}
    rows |= _made(declared.table, contract, frame)
    if declared.staging.has_attributes:
        rows["attributes"] = _as_json(_attributes(declared), frame)
    return rows


def _as_staged(column: StagedColumn) -> pl.Expr:
    """A target as its column holds it: in its type, with its default where it is empty."""
    value = pl.col(column.name)
    if column.sql_type == "integer":
        value = value.cast(dtype_of(column))
    if not column.default:
        return value
    is_boolean = column.sql_type == "boolean"
    return value.fill_null(pl.lit(column.default == "true" if is_boolean else column.default))


def _constant(value: str | int | float | bool, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Decimal):
        return pl.lit(Decimal(str(value)), dtype)
    return pl.lit(value if dtype != pl.String else str(value)).cast(dtype)


def _made(table: str, contract: Contract, frame: pl.DataFrame) -> dict[str, pl.Expr]:
    """Columns that are more than what the file has under their name."""
    first_level = pl.col("category_path").str.split(".").list.first()
    made: dict[str, pl.Expr] = {}
    if table in ("order_lines", "products"):
        made["category"] = pl.coalesce("category", first_level)
    if table in ("order_lines", "events"):
        made["customer_id"], kind = customer_key(
            contract,
            customer_id=pl.col("customer_id"),
            email=pl.col("customer_email"),
            address=pl.col("address") if table == "order_lines" else None,
        )
    if table == "order_lines":
        made["product_id"] = pl.coalesce("product_id", name_ids(pl.col("product_name")))
        made["product_name"] = pl.coalesce("product_name", "product_id")
        made["customer_key_kind"] = kind
        made["line_amount"] = pl.col("line_amount")
        made["made_of"] = pl.lit(None, pl.String)
    if table in ("order_lines", "events"):
        is_date = pl.col(DATE_ONLY) if DATE_ONLY in frame.columns else pl.lit(False)
        made[DATE_ONLY] = pl.when(is_date).then(is_date)
    return made


def _attributes(declared: MappingFile) -> list[str]:
    """The targets ``attributes.<name>`` that the mapping fills."""
    return [target for target in declared.filled if target.startswith("attributes.")]


def _as_json(targets: Sequence[str], frame: pl.DataFrame) -> pl.Expr:
    """Column ``attributes``: those that the file has, as JSON."""
    names = {t.removeprefix("attributes."): t for t in targets if t in frame.columns}
    return attributes_json(names) if names else pl.lit("{}").alias("attributes")
