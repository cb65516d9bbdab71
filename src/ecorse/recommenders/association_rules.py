"""Association rules of one product to one: what is in the order too, and how often.

What belongs here: this recommender. What does not: counting (``counting``), answering
(``neighbours``).

Sources: Agrawal, Imielinski, Swami, Mining association rules between sets of items in large
databases, SIGMOD 1993, https://doi.org/10.1145/170035.170072 (support, confidence); Brin et al.,
Dynamic itemset counting and implication rules for market basket data, SIGMOD 1997,
https://doi.org/10.1145/253260.253325 (lift, there: interest); Geng, Hamilton, Interestingness
measures for data mining: a survey, ACM Computing Surveys 38 (2006),
https://doi.org/10.1145/1132960.1132963 (added value).
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from ecorse.models.base import Answer
from ecorse.models.ranked import Ids, Ranked
from ecorse.recommenders.co_purchase import CoPurchase, CoPurchaseConfig
from ecorse.recommenders.counting import FloatArray, IntArray, choose_top, map_blocks
from ecorse.recommenders.neighbours import Pairs


class AssociationRulesConfig(CoPurchaseConfig):
    """Which rules are kept: ``min_co_purchases`` (least support), ``min_lift``, ``min_confidence``.

    ``rank_by``: ``confidence`` ``P(j | i)``, or ``added_value`` ``P(j | i) - P(j)``, which is
    ``confidence * (1 - 1 / lift)``: what is in every order anyway comes last.
    """

    min_confidence: float = Field(0.0, ge=0, le=1)
    rank_by: Literal["confidence", "added_value"] = "added_value"


class AssociationRules(CoPurchase):
    """Rules ``{i} -> j`` over all baskets, ``neighbours`` of each ``i``.

    With ``n`` baskets, ``n_i`` with i and ``n_ij`` with both: support ``n_ij / n``, confidence
    ``n_ij / n_i``, lift ``n_ij n / (n_i n_j)``. Every count is of all baskets. Looked
    at is each pair that meets in a basket of up to ``max_basket_products``: pairing larger ones
    costs the square of their size, and what meets nowhere else is no habit.
    """

    config_class = AssociationRulesConfig
    config: AssociationRulesConfig

    @cached_property
    def complements(self) -> Pairs:
        """Each item's rules, the best first, ties by item number."""
        baskets, config = self.baskets, self.config

        def one_block(start: int, end: int) -> Pairs:
            met = baskets.pairs(start, end)
            is_pair = met.rows != met.cols
            rows, cols, small = met.rows[is_pair], met.cols[is_pair], met.counts[is_pair]
            together = small.astype(np.int64) + self.large.together(rows, cols)
            scores = self._scores(rows, cols, together)
            chosen = choose_top(rows, cols, scores, baskets.n_items, config.neighbours)
            keys = rows * np.int64(baskets.n_items) + cols
            place = np.searchsorted(keys, chosen.rows * np.int64(baskets.n_items) + chosen.cols)
            return Pairs(chosen.rows, chosen.cols, chosen.scores, together[place])

        return Pairs.concatenate(list(map_blocks(one_block, baskets.blocks(), config.threads)))

    def _scores(self, rows: IntArray, cols: IntArray, together: IntArray) -> FloatArray:
        """What rules are ranked by, 0 to 1; 0 where a pair is no rule."""
        config, counts = self.config, self.counts
        mine, theirs = counts.item_baskets[rows], counts.item_baskets[cols]
        confidence = together / np.maximum(mine, 1)
        # products of whole numbers are exact: a lift of exactly min_lift = 1 is none
        is_rule = (
            (together >= config.min_co_purchases)
            & (together * counts.n_baskets > config.min_lift * (mine * theirs))
            & (together >= config.min_confidence * mine)
        )
        scores = confidence
        if config.rank_by == "added_value":
            scores = confidence - theirs / max(1, counts.n_baskets)
        kept: FloatArray = np.where(is_rule, np.maximum(scores, 0.0), 0.0)
        return kept

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame:
        """Counts, support, confidence, lift and a sentence for each rule of a list."""
        evidence = super().explain(rows, ranked, answer)
        noun = self.counts.nature.baskets
        one = "purchases" if noun == "orders" else "visits"
        return evidence.with_columns(
            confidence=(pl.col(f"co_{one}") / pl.col(noun)).round(9),
        )


RECOMMENDER = AssociationRules
