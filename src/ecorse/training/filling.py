"""Best sellers behind lists that a model leaves short, so that every list is full.

What belongs here: which best sellers, and where they go. What does not: what a model names
(``customer_lists``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Csr, Floats, Ids, Ranked, rows_of, stored_in_either
from ecorse.models.recommender_file import ListKind
from ecorse.recommenders.choosing import Limits

LATE_DAYS = 7  # best sellers of late: an order counts half after so many days
OWN, POPULAR, UNSOLD = 0, 1, 2  # columns ``level``
Levels = npt.NDArray[np.int32]
NOT_SOLD = 1e-12  # the share of a product that nobody has bought, beside the best seller's 1


@dataclass(frozen=True)
class Filler:
    """Best sellers of late, for lists that a model leaves short.

    ``shares`` ``(n_items,)``: of the best seller's decayed orders; never 0, so that a list is full
    as long as the catalogue has products. No finer than float32 tells apart: sums of the same
    orders taken in another sequence differ in their last bit, and times a score they may not, so
    that products of one score would stand in the wrong order.
    """

    shares: Floats
    is_sold: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, data: Interactions) -> Filler:
        """Those of all rows, of nobody's too."""
        late = data.whole.recent_popularity(LATE_DAYS)
        shares = late / max(late.max(initial=0), 1e-300)
        is_sold = data.whole.popularity > 0
        shares = np.where(is_sold, np.maximum(shares, 2 * NOT_SOLD), NOT_SOLD)
        return cls(_coarse(shares), is_sold)

    def within(self, limits: Limits | None) -> Filler:
        """The same within the rules: nothing that is not allowed, boosted products earlier."""
        if limits is None:
            return self
        shares = np.where(limits.allowed, self.shares * limits.factors, 0.0)
        return Filler(_coarse(shares / max(shares.max(initial=0), 1e-300)), self.is_sold)

    @property
    def order(self) -> Ids:
        """The products, the best seller first, ties by number."""
        order = np.lexsort((np.arange(self.shares.size), -self.shares))
        best: Ids = order[self.shares[order] > 0].astype(np.int64)
        return best


def _coarse(shares: Floats) -> Floats:
    return shares.astype(np.float32).astype(np.float64)


def filled(
    ranked: Ranked,
    kind: ListKind,
    history: Csr,
    refused: Csr,
    filler: Filler,
    limits: Limits | None = None,
    pinned: Ids | None = None,
) -> tuple[Ranked, Levels]:
    """The lists with best sellers behind them, and each place's level.

    A best seller's score is half of the list's last times its share: lists go on falling. A list of
    what to buy again stays as short as it is. What a customer said no to (``refused``
    ``(n, n_items)``, as ``history``) fills no list. ``filler`` is the one within ``limits``;
    ``pinned`` ``(n, any)`` are products that will come into each list and count for its caps.
    """
    from ecorse.models.choosing_kernel import fill_up

    levels = np.where(ranked.is_there, OWN, POPULAR).astype(np.int32)
    own = ranked.is_there.sum(axis=1)
    short = np.flatnonzero(own < ranked.items.shape[1])
    if kind == "buy_again" or not short.size:
        return ranked, levels
    n_items, listed = filler.shares.size, rows_of(ranked, short)
    kept_out = refused[short]
    if kind == "explore":
        kept_out = stored_in_either(kept_out, history[short])
    groups, rooms = np.full(n_items, NOTHING), np.zeros((short.size, 0), dtype=np.int64)
    if limits is not None:
        beside = np.empty((len(own), 0), dtype=np.int64) if pinned is None else pinned
        groups = limits.groups
        rooms = limits.rooms(np.hstack([listed.items, beside[short]]))
    fill_up(filler.order, kept_out.indptr, kept_out.indices, groups, rooms, n_items, listed.items)
    items, scores = ranked.items.copy(), ranked.scores.copy()
    items[short] = listed.items
    added = (items != NOTHING) & ~ranked.is_there
    last = np.where(ranked.is_there, ranked.scores, np.inf).min(axis=1, initial=2.0) / 2
    scores[added] = (last[:, None] * filler.shares[items])[added]
    levels[added] = np.where(filler.is_sold[items[added]], POPULAR, UNSOLD)
    return Ranked(items, scores), levels
