"""Products that match what somebody searched for: TF-IDF of names and categories.

What belongs here: words to products. What does not: how words are found in a text
(``recommenders.content``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.errors import DataError
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Csr, Floats
from ecorse.recommenders.content import Content, ContentConfig, words_of

FADES = 0.5  # how much of a query's weight remains with each later one
AS_TEXT = ContentConfig(
    texts=("product_name", "category"), labels=(), least_products=1, most_share=1.0, threads=1
)


@dataclass(frozen=True)
class Matches:
    """``scores`` ``(n_items,)``, 0 where nothing matches; the words that no product has, with near
    ones; the words that matched, by item number."""

    scores: Floats
    unknown: tuple[str, ...]
    matched: dict[int, list[str]]


class WordIndex:
    """The words of a catalogue: ``product_id, product_name, category``, sorted by id."""

    def __init__(self, catalogue: pl.DataFrame) -> None:
        no_rows = pl.DataFrame(schema={"product_id": pl.String, "at": pl.Datetime("us")})
        data = Interactions.from_frames(catalogue, no_rows)
        model = Content(AS_TEXT).fit(data, Task("words", ""))
        self.words, self.vectors = model.words, model.vectors
        self._number = {word: number for number, word in enumerate(self.words)}
        holders = np.bincount(self.vectors.indices, minlength=len(self.words))
        self._idf = np.log((1 + catalogue.height) / (1 + holders)) + 1
        self._across = sparse.csr_matrix(self.vectors.T)

    def match(self, queries: Sequence[str]) -> Matches:
        """Cosine of each product and the sum of the queries, each later one counting double.

        Raises
        ------
        DataError
            No product has any of the words.
        """
        wanted = np.zeros(len(self.words), dtype=np.float64)
        unknown: list[str] = []
        for age, query in enumerate(reversed(queries)):
            own = np.zeros_like(wanted)
            for word in words_of(query):
                number = self._number.get(word)
                if number is None:
                    unknown.append(self._told(word))
                else:
                    own[number] += self._idf[number]
            length = np.sqrt((own * own).sum())
            wanted += FADES**age * own / (length or 1.0)
        if not wanted.any():
            if not unknown:
                raise DataError(f"{', '.join(map(repr, queries))}: there is no word to search for.")
            told = ", ".join(dict.fromkeys(unknown))
            raise DataError(f"No product's name or category has {told}.")
        row = sparse.csr_matrix(wanted / np.sqrt((wanted * wanted).sum()))
        scores = np.asarray((row @ self._across).todense()).ravel()
        return Matches(scores, tuple(dict.fromkeys(unknown)), self._matched(row, scores))

    def _matched(self, row: Csr, scores: Floats) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {int(item): [] for item in np.flatnonzero(scores > 0)}
        for number in row.indices:
            for item in self._across[number].indices:
                if int(item) in found:
                    found[int(item)].append(self.words[number])
        return found

    def _told(self, word: str) -> str:
        near = get_close_matches(word, self.words, n=3, cutoff=0.75)
        return f"{word!r}" + (f" (near: {', '.join(near)})" if near else "")
