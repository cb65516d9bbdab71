"""Lists for customers as rows of ``user_recommendations``: each kind of list, full, with reasons.

What belongs here: which customers get which list, best sellers where a model names too few, ids
for numbers. What does not: scoring; lists of products (``lists``).

``for_you`` may name again what a customer bought, ``explore`` names only what is new to them,
``buy_again`` only what they had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.models.base import Blocks, Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import (
    NOTHING,
    Csr,
    Floats,
    Ids,
    Ranked,
    broken_order,
    stored_at,
)
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.recommenders.popular import best_not_in
from ecorse.recommenders.receipts import Receipts
from ecorse.recommenders.results import USER_RECOMMENDATIONS
from ecorse.recommenders.sales import Sales
from ecorse.training.fitted import Fitted, places

BLOCK_USERS = 4096
CHECKED_USERS = 500
LATE_DAYS = 7  # best sellers of late: an order counts half after so many days
OWN, POPULAR, UNSOLD = 0, 1, 2  # columns ``level``
Levels = npt.NDArray[np.int32]
NOT_SOLD = 1e-12  # the share of a product that nobody has bought, beside the best seller's 1


@dataclass(frozen=True)
class Filler:
    """Best sellers of late, for lists that a model leaves short.

    ``shares`` ``(n_items,)``: of the best seller's decayed orders; never 0, so that a list is full
    as long as the catalogue has products.
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
        return cls(shares, is_sold)

    def best(self, taken: Csr, k: int) -> Ranked:
        """For each row of ``taken`` ``(n, n_items)`` the ``k`` best that are not stored there."""
        return best_not_in(self.shares, taken, k)


def ask(
    model: Recommender, kind: ListKind, users: Ids, k: int, history: Csr, among: Ids | None = None
) -> Ranked:
    """One kind of list of each customer; ``history`` ``(n, n_items)`` is theirs."""
    if kind == "explore":
        return model.recommend(users, k, seen=history, among=among)
    return model.recommend(users, k, among=among)


def filled(
    ranked: Ranked, kind: ListKind, history: Csr, refused: Csr, filler: Filler
) -> tuple[Ranked, Levels]:
    """The lists with best sellers behind them, and each place's level.

    A best seller's score is half of the list's last times its share: lists go on falling. A list of
    what to buy again stays as short as it is. What a customer said no to (``refused``
    ``(n, n_items)``, as ``history``) fills no list.
    """
    levels = np.where(ranked.is_there, OWN, POPULAR).astype(np.int32)
    own = ranked.is_there.sum(axis=1)
    k = ranked.items.shape[1]
    short = np.flatnonzero(own < k)
    if kind == "buy_again" or not short.size:
        return ranked, levels
    n_items = filler.shares.size
    taken = Ranked(ranked.items[short], ranked.scores[short] + 1).as_matrix(n_items)
    taken = taken + refused[short]
    if kind == "explore":
        taken = taken + history[short]
    found = filler.best(sparse.csr_matrix(taken), k)
    items, scores = ranked.items.copy(), ranked.scores.copy()
    last = np.where(ranked.is_there, ranked.scores, np.inf).min(axis=1, initial=2.0) / 2
    rows, ranks = np.nonzero(found.is_there & (np.arange(k) < (k - own[short])[:, None]))
    places = short[rows], own[short][rows] + ranks
    items[places] = found.items[rows, ranks]
    scores[places] = found.scores[rows, ranks] * last[short][rows]
    levels[places] = np.where(filler.is_sold[items[places]], POPULAR, UNSOLD)
    return Ranked(items, scores), levels


def customer_lists(
    fitted: Fitted, data: Interactions, shop_id: str, method: str, file: RecommenderFile
) -> Blocks:
    """Rows of ``user_recommendations`` for every customer who has a row tonight.

    ``fitted`` may be of an earlier night: products that left are left out, and customers who came
    since get best sellers.
    """
    catalogue, customers = data.items["product_id"], data.users["customer_id"]
    users = places(customers, fitted.customer_ids)
    items = places(fitted.product_ids, catalogue)
    active = np.flatnonzero(np.diff(data.matrix.indptr) > 0)
    history = _in_numbers_of(items, data.matrix)
    filler = Filler.of(data)
    receipts = Receipts.of(data.items, Sales.of(data.whole))

    def rows_of(kind: ListKind, block: Ids) -> pl.DataFrame:
        known = users[block] != NOTHING
        asked = users[block[known]]
        ranked = ask(fitted.model, kind, asked, file.top_n, history[block[known]])
        told = _told(fitted.model, asked, ranked, items, data.matrix[block[known]])
        own, is_kept = _in_numbers(ranked, items)
        every = Ranked(
            np.full((block.size, file.top_n), NOTHING, dtype=np.int64),
            np.zeros((block.size, file.top_n)),
        )
        every.items[known], every.scores[known] = own.items, own.scores
        listed, levels = filled(every, kind, data.matrix[block], data.refused[block], filler)
        there = listed.is_there
        rows = pl.DataFrame(
            {
                "user": np.repeat(block, there.sum(axis=1)),
                "rank": (np.nonzero(there)[1] + 1).astype(np.int64),
                "item": listed.items[there],
                "score": listed.scores[there],
                "level": levels[there],
            }
        )
        is_own = rows["level"] == OWN
        given, added = rows.filter(is_own), rows.filter(~is_own)
        if told is not None:
            told = told.filter(is_kept)
        both = [
            given.hstack(receipts.write(given["item"].to_numpy(), told, method)),
            added.hstack(receipts.write_best_sellers(added["item"].to_numpy())),
        ]
        return pl.concat(both).sort("user", "rank")

    def make() -> Iterator[pl.DataFrame]:
        for kind in file.lists:
            for start in range(0, max(1, active.size), BLOCK_USERS):
                rows = rows_of(kind, active[start : start + BLOCK_USERS])
                yield rows.with_columns(
                    shop_id=pl.lit(shop_id),
                    method=pl.lit(method),
                    list=pl.lit(kind),
                    customer_id=customers.gather(rows["user"]),
                    product_id=catalogue.gather(rows["item"]),
                ).select(list(USER_RECOMMENDATIONS.columns))

    return Blocks(make)


def _in_numbers_of(items: Ids, matrix: Csr) -> Csr:
    """``(n_users, n_items)`` with the columns of tonight's catalogue where the model has them."""
    if np.array_equal(items, np.arange(matrix.shape[1])):
        return matrix
    is_there = items != NOTHING
    shape = (matrix.shape[1], len(items))
    move = sparse.csr_matrix(
        (np.ones(is_there.sum()), (items[is_there], np.flatnonzero(is_there))), shape=shape
    )
    return sparse.csr_matrix(matrix @ move)


def _in_numbers(ranked: Ranked, items: Ids) -> tuple[Ranked, pl.Series]:
    """The lists in tonight's numbers ``items``, closed up where a product left; and of each place
    that held an item whether it is kept."""
    there = ranked.is_there
    moved = np.where(there, items[ranked.items], NOTHING)
    is_kept = moved != NOTHING
    order = np.argsort(~is_kept, axis=1, kind="stable")
    closed = Ranked(
        np.take_along_axis(moved, order, axis=1),
        np.take_along_axis(np.where(is_kept, ranked.scores, 0.0), order, axis=1),
    )
    return closed, pl.Series(is_kept[there])


def _told(
    model: Recommender, asked: Ids, ranked: Ranked, items: Ids, history: Csr
) -> pl.DataFrame | None:
    """What the model says of each item of the lists; own products in tonight's numbers ``items``.

    ``history`` ``(n, n_items)`` is tonight's: a product that was taken back since, or left the
    catalogue, is no reason any more.
    """
    told = model.explain(asked, ranked, "users")
    if told is None or "because" not in told.columns:
        return told
    because = told["because"].to_numpy()
    moved = np.where(because == NOTHING, NOTHING, items[because])
    rows = np.repeat(np.arange(len(asked)), ranked.is_there.sum(axis=1))
    is_had = stored_at(history, np.broadcast_to(rows[:, None], moved.shape), moved)
    told = told.with_columns(because=np.where(is_had, moved, NOTHING))
    if "words" in told.columns:  # they are those of the first
        told = told.with_columns(words=pl.when(pl.Series(is_had[:, 0])).then("words"))
    return told


def broken_lists(
    model: Recommender, kinds: Sequence[ListKind], k: int, data: Interactions
) -> list[str]:
    """The rules that a fitted recommender's lists break, in words; before anything is written.

    ``CHECKED_USERS`` customers, evenly spread, are asked for; the night's audit looks at all.
    """
    broken: list[str] = []
    if data.users.height:
        some = np.unique(np.linspace(0, data.users.height - 1, CHECKED_USERS).astype(np.int64))
        history = data.matrix[some]
        for kind in kinds:
            ranked = ask(model, kind, some, k, history)
            broken += [
                f"{kind}: {rule}" for rule in broken_order(ranked, n_items=data.items.height)
            ]
            overlap = (ranked.as_matrix(data.items.height) > 0).multiply(history > 0).nnz
            if kind == "explore" and overlap:
                broken.append("explore: a customer had it before")
            if kind == "buy_again" and overlap < ranked.is_there.sum():
                broken.append("buy_again: a customer never had it")
    return list(dict.fromkeys(broken))
