"""Products that are described alike: TF-IDF of names, descriptions and attributes.

What belongs here: this recommender, and its keywords per product. What does not: who bought what.

Source: Manning, Raghavan, Schütze (2008), Introduction to Information Retrieval, section 6.2,
https://nlp.stanford.edu/IR-book/html/htmledition/term-frequency-and-weighting-1.html.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.models.base import Answer, Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import NOTHING, Csr, Floats, Ids, Ranked, top_k_sparse
from ecorse.models.threads import in_threads
from ecorse.recommenders import arrays
from ecorse.recommenders.history import (
    HistoryConfig,
    HistoryRecommender,
    Scores,
    products_of_rows,
    scaled_rows,
    to_power,
)

WORD = re.compile(r"[^\W\d_][\w'’-]+|\d+[^\W\d_]+", re.UNICODE)
TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
BLOCK_ROWS = 1024
MOST_KEYWORDS = 5
SHARED_WORDS = 3  # that a receipt names


class ContentConfig(HistoryConfig):
    """``texts``: columns whose words count; ``labels``: columns whose value counts as one word.

    Columns that the shop's products have not are left out. ``most_share``: words in a larger share
    of products say nothing; ``least_products``: nor do words of fewer products.
    """

    texts: tuple[str, ...] = ("product_name", "description")
    labels: tuple[str, ...] = ("category", "brand", "price_band")
    label_weight: float = Field(1.0, ge=0)
    least_products: int = Field(2, ge=1)
    most_share: float = Field(0.5, gt=0, le=1)


class Content(HistoryRecommender):
    """Scores the cosine of a product and the sum of a customer's products.

    It needs no sale: a new product is near to what it is described like.
    """

    config_class = ContentConfig
    config: ContentConfig
    answers: ClassVar = frozenset({"items", "users", "baskets"})

    words: list[str]
    vectors: Csr  # (n_items, n_words) of length 1, or empty

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of some 30 words per product, and of the histories."""
        return 12 * 30 * 2 * shape.items + 12 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Weigh the words of the catalogue."""
        self.remember(data)
        key = ("words", self.config.texts, self.config.labels, self.config.label_weight > 0)
        if key not in data.of_products:
            data.of_products[key] = _count(data.items, self.config)
        self.words, self.vectors = described(data.items, self.config, data.of_products[key])
        return self

    def score(self, histories: Csr) -> Scores:
        """``(n, n_items)`` cosines of the products and each row's sum of products."""
        profile = sparse.csr_matrix(histories @ self.vectors)
        lengths = np.sqrt(np.asarray(profile.multiply(profile).sum(axis=1), float).ravel())
        found: Scores = (scaled_rows(profile, to_power(lengths, -1)) @ self.vectors.T).toarray()
        return np.asarray(np.minimum(found, 1), dtype=np.float32)

    def _contributions(self, own: Csr, items: Ids, rows: Ids) -> Floats:
        asked = np.repeat(items, np.diff(own.indptr))
        profile = sparse.csr_matrix(own @ self.vectors)
        lengths = np.sqrt(np.asarray(profile.multiply(profile).sum(axis=1), float).ravel())
        share = np.repeat(to_power(lengths, -1), np.diff(own.indptr))
        found: Floats = own.data * products_of_rows(self.vectors, own.indices, asked) * share
        return found

    def similar(self, items: Ids, k: int) -> Ranked:
        """The products described most alike, by cosine."""
        across = sparse.csr_matrix(self.vectors.T)

        def one_block(start: int) -> Ranked:
            asked = items[start : start + BLOCK_ROWS]
            found = sparse.csr_matrix(self.vectors[asked] @ across)
            found.data = np.minimum(np.round(found.data.astype(np.float64), 6), 1.0)
            own = sparse.csr_matrix(
                (np.ones(len(asked)), asked, np.arange(len(asked) + 1)), shape=found.shape
            )
            return top_k_sparse(found, k, seen=own)

        blocks = range(0, max(1, len(items)), BLOCK_ROWS)
        parts = list(in_threads(one_block, blocks, self.config.threads))
        return Ranked(
            np.concatenate([part.items for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame | None:
        """Own products that are described alike, and the words shared with the nearest of them."""
        items = ranked.items[ranked.is_there]
        if answer == "items":
            asked = np.repeat(rows, ranked.is_there.sum(axis=1))
            alike = pl.format("Described alike: {}", pl.col("words").list.join(", "))
            return self._shared_words(items, asked).with_columns(sentence=alike)
        told = super().explain(rows, ranked)
        if told is None:
            return None
        return told.hstack(self._shared_words(items, told["because"].to_numpy()[:, 0]))

    def _shared_words(self, items: Ids, nearest: Ids) -> pl.DataFrame:
        """Column ``words``: those that weigh most of what each pair shares; null if there is none.

        ``nearest`` may be ``NOTHING``.
        """
        both = self.vectors[items].multiply(self.vectors[np.maximum(nearest, 0)])
        shared = top_k_sparse(sparse.csr_matrix(both), SHARED_WORDS)
        shared.items[nearest == NOTHING] = NOTHING
        known = pl.Series(self.words, dtype=pl.String)
        columns = [
            known.gather(pl.Series(column).replace(NOTHING, None)) for column in shared.items.T
        ]
        named = pl.DataFrame(columns, schema=[f"word_{n}" for n in range(SHARED_WORDS)])
        lists = pl.concat_list(pl.all()).list.drop_nulls()
        return named.select(words=pl.when(lists.list.len() > 0).then(lists))

    def keywords(self, item: int) -> list[str]:
        """The words that say most about a product, the heaviest first."""
        row = self.vectors[item]
        order = np.lexsort((row.indices, -row.data))[:MOST_KEYWORDS]
        return [self.words[number] for number in row.indices[order]]

    def dump(self) -> Mapping[str, bytes]:
        """Vectors and histories as npy, words as JSON."""
        return {
            **arrays.to_files(vectors=self.vectors, **self.kept()),
            "words.json": json.dumps(self.words, ensure_ascii=False).encode(),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: ContentConfig) -> Self:
        """The model again."""
        made = cls(config)
        made.words = json.loads(files["words.json"])
        made.vectors = arrays.matrix(files, "vectors")
        made.keep(files)
        return made


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without HTML; numbers alone are no words."""
    plain = html.unescape(TAG.sub(" ", html.unescape(text)))
    return [word.casefold() for word in WORD.findall(plain)]


def described(
    items: pl.DataFrame, config: ContentConfig, counted: tuple[Csr, list[str]] | None = None
) -> tuple[list[str], Csr]:
    """The words that count, and ``(n_items, n_words)`` what each product is described by.

    A row's length is 1, or 0 for a product without such a word; indices are sorted. ``counted`` are
    the words of these products, where they were counted before.
    """
    counts, words = counted or _count(items, config)
    holders = np.bincount(counts.indices, minlength=len(words))
    n = max(1, counts.shape[0])
    is_kept = (holders >= config.least_products) & (holders <= config.most_share * n)
    kept_counts = sparse.csr_matrix(counts[:, np.flatnonzero(is_kept)], dtype=np.float32)
    kept_counts.data = 1 + np.log(kept_counts.data)
    idf = np.log((1 + n) / (1 + holders[is_kept])) + 1
    kept_counts.data *= idf.astype(np.float32)[kept_counts.indices]
    lengths = np.sqrt(np.asarray(kept_counts.multiply(kept_counts).sum(axis=1), float).ravel())
    vectors = scaled_rows(kept_counts, to_power(lengths, -1))
    vectors.sort_indices()
    return [word for word, kept in zip(words, is_kept, strict=True) if kept], vectors


def _count(items: pl.DataFrame, config: ContentConfig) -> tuple[Csr, list[str]]:
    """How often each word stands in each product's texts, ``(n_items, n_words)``; the words."""
    rows: list[int] = []
    tokens: list[str] = []
    for name in (c for c in config.texts if c in items.columns):
        for row, text in enumerate(items[name].cast(pl.String).fill_null("")):
            found = words_of(text)
            rows += [row] * len(found)
            tokens += found
    for name in (c for c in config.labels if c in items.columns and config.label_weight):
        for row, label in enumerate(items[name].cast(pl.String)):
            if label:
                rows.append(row)
                tokens.append(f"{name.replace('_', ' ')}: {label}")
    words = sorted(set(tokens))
    number_of = {word: number for number, word in enumerate(words)}
    counts = sparse.csr_matrix(
        (np.ones(len(rows)), (rows, [number_of[token] for token in tokens])),
        shape=(items.height, len(words)),
    )
    counts.sum_duplicates()
    return counts, words


RECOMMENDER = Content
