"""What tells a mapping's lines apart besides their columns: a key, or what has no target.

What belongs here: column ``line_id``. What does not: what a key means (``ecorse.ingest.keyed``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.hashes import Hashes, hash_texts
from ecorse.clean.values import name_of
from ecorse.schema.contract import Header


def line_id(header: Header, line_key: Sequence[str], *, is_numbered: bool) -> pl.Expr:
    """The line's key, or the values of the columns without a target as JSON; null without these.

    Parameters
    ----------
    is_numbered
        Whether a number may follow the key (``Numbers``).
    """
    if line_key:
        by_name = {c.name: name_of(c) for c in header.columns if c is not None}
        parts = [by_name.get(name, name) for name in line_key]
        texts = [pl.col(part).cast(pl.String) for part in parts]
        if len(texts) > 1 or is_numbered:  # a bar within a part is doubled: no two are one text
            texts = [text.str.replace_all("|", "||", literal=True) for text in texts]
        joined = pl.concat_str(texts, separator="|")
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


@dataclass
class Numbers:
    """Which of several lines of one key of a file each is: 1, 2, 3, in the file's order.

    16 bytes a line.
    """

    _seen: Hashes = field(default_factory=Hashes)

    def number(self, keys: pl.Series) -> pl.Series:
        """The keys of a block's lines, with a number behind all but the first of each."""
        place = keys.to_frame("key").select(pl.int_range(pl.len()).over("key") + 1).to_series()
        hashes = hash_texts(keys)
        before = np.zeros(len(keys), np.int64)
        more = np.arange(len(keys))
        while len(more):  # as often as one key came before
            more = more[self._seen.find(_mixed(hashes[more], before[more] + 1)).is_known]
            before[more] += 1
        numbers = place.to_numpy() + before
        self._seen.add(_mixed(hashes, numbers), numbers)
        both = pl.DataFrame({"key": keys, "number": numbers})
        told = pl.concat_str("key", pl.col("number").cast(pl.String), separator="|")
        return both.select(pl.when(pl.col("number") > 1).then(told).otherwise("key")).to_series()


def _mixed(hashes: NDArray[np.uint64], numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One hash of a key and a number."""
    both = pl.DataFrame({"hash": hashes, "number": numbers})
    return both.hash_rows(seed=6032).to_numpy()
