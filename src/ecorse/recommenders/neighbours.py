"""Recommenders that keep each product's nearest products: answering from that table.

What belongs here: what all of them share once their pairs are chosen: lists for products and
baskets, evidence, the model file. What does not: choosing pairs.
"""

from __future__ import annotations

import io
import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.models.base import Answer, Recommender
from ecorse.models.interactions import Nature, Shape
from ecorse.models.ranked import Csr, Floats, Ids, Ranked, top_k_sparse
from ecorse.recommenders.counting import FloatArray, IntArray
from ecorse.recommenders.evidence import Counts, explain_pairs
from ecorse.recommenders.popular import best_sellers

BEHIND = 1e-6  # weight of what only fills places that are left
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Pairs:
    """Chosen pairs, by item and rank: parallel arrays.

    ``together`` counts all baskets with both. ``likeness`` is the attribute cosine; ``None`` where
    attributes play no part.
    """

    items: IntArray
    similar: IntArray
    scores: FloatArray
    together: IntArray
    likeness: FloatArray | None = None

    @classmethod
    def concatenate(cls, parts: list[Pairs]) -> Pairs:
        """The pairs of consecutive blocks of items behind each other."""

        def joined(name: str) -> Any:
            return np.concatenate([getattr(part, name) for part in parts])

        if not parts:
            none = np.empty(0, dtype=np.int32)
            return cls(none, none, np.empty(0), none)
        likeness = None if parts[0].likeness is None else joined("likeness")
        return cls(
            joined("items"), joined("similar"), joined("scores"), joined("together"), likeness
        )

    def frame(self) -> pl.DataFrame:
        """The arrays as columns."""
        likeness = {} if self.likeness is None else {"likeness": self.likeness}
        return pl.DataFrame(
            {
                "item": self.items.astype(np.int32),
                "similar": self.similar.astype(np.int32),
                "score": self.scores,
                "together": self.together.astype(np.int32),
                **likeness,
            }
        )

    @classmethod
    def of_frame(cls, frame: pl.DataFrame) -> Pairs:
        """The arrays again."""
        arrays = [frame[name].to_numpy() for name in ("item", "similar", "score", "together")]
        likeness = frame["likeness"].to_numpy() if "likeness" in frame.columns else None
        return cls(arrays[0], arrays[1], arrays[2], arrays[3], likeness)


class NeighbourRecommender(Recommender):
    """Answers from tables of nearest products; a subclass makes them.

    ``fit`` only keeps what they are made from: lists of products need ``pairs``, answers to
    baskets need ``complements``, and a night that asks for one does not pay for the other.
    """

    answers: ClassVar = frozenset({"items", "baskets"})
    counts: Counts

    @property
    @abstractmethod
    def pairs(self) -> Pairs:
        """Each item's nearest, as they are listed."""

    @property
    @abstractmethod
    def complements(self) -> Pairs:
        """Each item's nearest among those it is bought with."""

    @property
    def n_items(self) -> int:
        """Size of the catalogue it was fitted on."""
        return len(self.counts.item_baskets)

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of two tables of 20 neighbours and of the basket matrix."""
        return 2 * shape.items * 20 * 24 + 16 * shape.rows

    @cached_property
    def _bought_with(self) -> Csr:
        """``(n_items, n_items)`` scores of complements."""
        pairs = self.complements
        return sparse.csr_matrix(
            (pairs.scores, (pairs.items, pairs.similar)), shape=(self.n_items, self.n_items)
        )

    @cached_property
    def _places(self) -> tuple[Ids, Ids]:
        """Sorted keys of the listed pairs, and where each stands."""
        keys = self.pairs.items * np.int64(self.n_items) + self.pairs.similar
        order = np.argsort(keys)
        return keys[order], order

    def similar(self, items: Ids, k: int) -> Ranked:
        """The first ``k`` of each item's list."""
        pairs = self.pairs
        starts = np.searchsorted(pairs.items, np.arange(self.n_items + 1))
        lengths = np.minimum(np.diff(starts)[items], k)
        rows = np.repeat(np.arange(len(items)), lengths)
        ranks = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        place = starts[items][rows] + ranks
        return Ranked.from_pairs(rows, pairs.similar[place], pairs.scores[place], len(items), k)

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """What goes with a basket: items bought with what it holds, by the sum of their scores.

        Places that are left go to best sellers: a second phone is similar to the one in the
        basket, and seldom bought with it.

        Source: Deshpande, Karypis (2004), "Item-based top-N recommendation algorithms",
        https://doi.org/10.1145/963770.963776, section 4.
        """
        shares: Floats = self.counts.item_baskets / max(1, self.counts.n_baskets)
        parts = []
        for start in range(0, max(1, baskets.shape[0]), BLOCK_ROWS):
            block = baskets[start : start + BLOCK_ROWS].astype(np.float64)
            scores = block @ self._bought_with + BEHIND * best_sellers(shares, block, k)
            parts.append(top_k_sparse(sparse.csr_matrix(scores), k, seen=block))
        return Ranked(
            np.concatenate([p.items for p in parts]), np.concatenate([p.scores for p in parts])
        )

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame:
        """Counts, support, lift, cosines, shared words and a sentence for each pair of a list."""
        there = ranked.is_there
        asked = np.repeat(rows, there.sum(axis=1))
        similar = ranked.items[there]
        pairs = self.pairs
        keys, order = self._places
        place = order[np.searchsorted(keys, asked * np.int64(self.n_items) + similar)]
        figures = pl.DataFrame(
            {"item": asked, "similar_item": similar, "together": pairs.together[place]}
        ).with_columns(
            attribute_cosine=pl.lit(None, pl.Float64)
            if pairs.likeness is None
            else pl.Series(pairs.likeness[place])
        )
        return explain_pairs(figures, self.counts)

    def params(self) -> Mapping[str, Any]:
        """How many baskets there were, and how many of them too large to play a part in scores."""
        return {"baskets": self.counts.n_baskets, "large_baskets": self.counts.large}

    def dump(self) -> Mapping[str, bytes]:
        """Both tables and the catalogue as parquet, which holds data and no code."""
        counts = self.counts
        facts = {
            "n_baskets": counts.n_baskets,
            "large": counts.large,
            "least": counts.least,
            "min_lift": counts.min_lift,
            "nature": asdict(counts.nature),
        }
        files = {
            "pairs.parquet": _parquet(self.pairs.frame()),
            "items.parquet": _parquet(
                pl.DataFrame({"baskets": counts.item_baskets, **counts.labels})
            ),
            "facts.json": json.dumps(facts, sort_keys=True).encode(),
        }
        if self.complements is not self.pairs:
            files["complements.parquet"] = _parquet(self.complements.frame())
        return files

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: Any) -> Self:
        """The tables again."""
        items = _read(files["items.parquet"])
        facts = json.loads(files["facts.json"])
        made = cls(config)
        made.counts = Counts(
            items["baskets"].to_numpy(),
            facts["n_baskets"],
            {name: items[name] for name in items.columns if name != "baskets"},
            large=facts["large"],
            least=facts["least"],
            min_lift=facts["min_lift"],
            nature=Nature(**facts["nature"]),
        )
        pairs = Pairs.of_frame(_read(files["pairs.parquet"]))
        complements = pairs
        if "complements.parquet" in files:
            complements = Pairs.of_frame(_read(files["complements.parquet"]))
        # where a property is computed once, this is what it would have computed
        made.__dict__ |= {"pairs": pairs, "complements": complements}
        return made


def _read(data: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(data))


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()
