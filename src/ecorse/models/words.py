"""Columns of few different texts and many rows, as numbers with names.

What belongs here: making them, and looking numbers up. What does not: which columns are such.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl


def as_words(texts: pl.Series) -> pl.Series:
    """Texts as ``Enum``, in the order of the texts: they sort as before, in four bytes or less."""
    if isinstance(texts.dtype, pl.Enum):
        return texts
    return texts.cast(pl.Enum(texts.drop_nulls().unique().cast(pl.String).sort()))


def look_up(texts: pl.Series, number_of: Mapping[str, int]) -> npt.NDArray[np.int32]:
    """The number of each text, ``(n,)``; -1 for what is missing or has none."""
    is_words = isinstance(texts.dtype, pl.Enum | pl.Categorical)
    words = as_words(texts if is_words else texts.cast(pl.String))
    assert isinstance(words.dtype, pl.Enum)
    numbers = [number_of.get(word, -1) for word in words.dtype.categories]
    places = words.to_physical().cast(pl.UInt32).fill_null(len(numbers)).to_numpy()
    found: npt.NDArray[np.int32] = np.array([*numbers, -1], dtype=np.int32)[places]
    return found
