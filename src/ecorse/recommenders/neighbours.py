"""Recommenders that keep each product's nearest products: answering from that table.

What belongs here: what all of them share once their pairs are chosen: lists for products, baskets
and customers, evidence, the model file. What does not: choosing pairs.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.models.base import Recommender
from ecorse.models.interactions import Shape
from ecorse.models.ranked import BLOCK_CELLS, Csr, Floats, Ids, Ranked, top_k
from ecorse.recommenders.counting import IntArray
from ecorse.recommenders.evidence import explain_pairs

BEHIND = 1e-3  # weight of what only fills places that are left
PAIRS: Mapping[str, Any] = {
    "item": pl.Int32,
    "rank": pl.Int32,
    "similar_item": pl.Int32,
    "score": pl.Float64,
    "co_purchases": pl.Int32,
    "attribute_cosine": pl.Float64,
}


@dataclass(frozen=True)
class Nearest:
    """Chosen pairs and the counts behind them.

    Attributes
    ----------
    pairs
        ``PAIRS``, by item and rank; ``attribute_cosine`` is null where attributes play no part.
    item_baskets
        ``(n_items,)`` how many baskets hold each item, of ``n_baskets``.
    labels
        Words that two products may share, by kind: ``(n_items,)`` each, null where unknown.
    left_out
        Baskets of too many products, in no count.
    """

    pairs: pl.DataFrame
    item_baskets: IntArray
    n_baskets: int
    labels: Mapping[str, pl.Series]
    left_out: int = 0


class NeighbourRecommender(Recommender):
    """Answers from a table of nearest products; a subclass makes it in ``fit``."""

    answers: ClassVar = frozenset({"items", "baskets"})
    nearest: Nearest

    @property
    def n_items(self) -> int:
        """Size of the catalogue it was fitted on."""
        return len(self.nearest.item_baskets)

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the table and of one counter per product (RECOMMENDERS: 8 I K + 4 I threads)."""
        return 8 * shape.items * 64 + 16 * shape.rows

    @cached_property
    def _complements(self) -> Csr:
        """``(n_items, n_items)`` scores of pairs that are bought together; the rest 1e-6 of it."""
        pairs = self.nearest.pairs
        weight = np.where(pairs["co_purchases"].to_numpy() > 0, 1.0, BEHIND**2)
        return sparse.csr_matrix(
            (
                pairs["score"].to_numpy() * weight,
                (pairs["item"].to_numpy(), pairs["similar_item"].to_numpy()),
            ),
            shape=(self.n_items, self.n_items),
        )

    @cached_property
    def _lists(self) -> Ranked:
        pairs = self.nearest.pairs
        longest = int(pairs["rank"].max() or 0)  # type: ignore[arg-type]
        return Ranked.from_pairs(
            pairs["item"].to_numpy().astype(np.int64),
            pairs["similar_item"].to_numpy().astype(np.int64),
            pairs["score"].to_numpy(),
            self.n_items,
            longest,
        )

    def similar(self, items: Ids, k: int) -> Ranked:
        """The first ``k`` of each item's list."""
        lists = self._lists
        found = np.full((len(items), k), -1, dtype=np.int64)
        scores = np.zeros((len(items), k))
        width = min(k, lists.items.shape[1])
        found[:, :width] = lists.items[items, :width]
        scores[:, :width] = lists.scores[items, :width]
        return Ranked(found, scores)

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """What goes with a basket: items bought with what it holds, by the sum of their scores.

        Places that are left go to best sellers, then to items that are alike in attributes: a
        second phone is similar to the one in the basket, and seldom bought with it.

        Source: Deshpande, Karypis (2004), "Item-based top-N recommendation algorithms",
        https://doi.org/10.1145/963770.963776, section 4.
        """
        popular: Floats = self.nearest.item_baskets / max(1, self.nearest.n_baskets) * BEHIND
        parts = []
        step = max(1, BLOCK_CELLS // max(1, self.n_items))
        for start in range(0, max(1, baskets.shape[0]), step):
            block = baskets[start : start + step]
            scores = (block.astype(np.float64) @ self._complements).toarray() + popular
            parts.append(top_k(scores, k, seen=block))
        return Ranked(
            np.concatenate([p.items for p in parts]), np.concatenate([p.scores for p in parts])
        )

    def explain(self, rows: Ids, ranked: Ranked) -> pl.DataFrame:
        """Counts, support, lift, cosines, shared words and a sentence for each pair of a list."""
        there = ranked.is_there
        asked = pl.DataFrame(
            {
                "item": np.repeat(rows, there.sum(axis=1)).astype(np.int32),
                "similar_item": ranked.items[there].astype(np.int32),
            }
        )
        pairs = self.nearest.pairs
        if asked.height == pairs.height and asked["similar_item"].equals(pairs["similar_item"]):
            figures = pairs  # the whole table, as every night asks for it
        else:
            figures = asked.join(
                pairs, on=["item", "similar_item"], how="left", maintain_order="left"
            )
        return explain_pairs(figures, self.nearest)

    def params(self) -> Mapping[str, Any]:
        """How many baskets were counted, and how many were too large to be."""
        return {"baskets": self.nearest.n_baskets, "baskets_left_out": self.nearest.left_out}

    def dump(self) -> Mapping[str, bytes]:
        """Pairs and catalogue as parquet, which holds data and no code."""
        nearest = self.nearest
        items = pl.DataFrame({"baskets": nearest.item_baskets, **nearest.labels})
        facts = {"n_baskets": nearest.n_baskets, "left_out": nearest.left_out}
        return {
            "pairs.parquet": _parquet(nearest.pairs),
            "items.parquet": _parquet(items),
            "facts.json": json.dumps(facts, sort_keys=True).encode(),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: Any) -> Self:
        """The table again."""
        items = pl.read_parquet(io.BytesIO(files["items.parquet"]))
        facts = json.loads(files["facts.json"])
        made = cls(config)
        made.nearest = Nearest(
            pl.read_parquet(io.BytesIO(files["pairs.parquet"])),
            items["baskets"].to_numpy(),
            facts["n_baskets"],
            {name: items[name] for name in items.columns if name != "baskets"},
            facts["left_out"],
        )
        return made


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()
