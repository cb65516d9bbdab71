"""What tells a mapping's lines apart besides their columns: a key, or what has no target.

What belongs here: column ``line_id``. What does not: what a key means (``ecorse.ingest.keyed``).
"""

from __future__ import annotations

import polars as pl

from ecorse.clean.rules import NTH
from ecorse.clean.values import name_of
from ecorse.schema.contract import Contract, Header


def line_id(header: Header, contract: Contract) -> pl.Expr:
    """The line's key, or the values of the columns without a target as JSON; null without these."""
    if contract.line_key:
        by_name = {c.name: name_of(c) for c in header.columns if c is not None}
        parts = [by_name.get(name, name) for name in contract.line_key]
        texts = [pl.col(part).cast(pl.String) for part in parts]
        is_numbered = contract.numbered_keys
        if len(texts) > 1 or is_numbered:  # a bar in a part is doubled: no two keys are one
            texts = [text.str.replace_all("|", "||", literal=True) for text in texts]
        joined = pl.concat_str(texts, separator="|")
        if is_numbered:  # the second of an order is another line, though it says the same
            number = pl.col(NTH).cast(pl.String)
            joined = pl.when(pl.col(NTH) > 1).then(joined + "|" + number).otherwise(joined)
        return pl.when(joined != "").then(joined)
    told = [
        c
        for c in header.columns
        if c in header.form.columns and c.target is None and not c.is_ignored
    ]
    if not told:
        return pl.lit(None, pl.String)
    fields = [pl.col(name_of(c)).cast(pl.String).alias(c.name) for c in told]
    is_nothing = pl.all_horizontal(pl.col(name_of(c)).is_null() for c in told)
    return pl.when(~is_nothing).then(pl.struct(fields).struct.json_encode())
