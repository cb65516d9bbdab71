"""Customers and products without a history, on the simulated shop's planted tastes.

What belongs here: what the shipped recommenders have for customers of no and of one purchase, and
for products that nobody has bought, beside best sellers. What does not: customers with a history
(``bench_recommenders``).

What a list of ten is worth to a customer is known, as the shop is simulated: the share of
what the customer will buy that is on it (``ShopOfTastes.liked``). Of a customer who has bought
nothing there is what they looked at; whoever has done nothing at all gets best sellers, and nothing
can be better.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from contest import DAYS, K
from judging import TASK, shipped, told
from scipy import sparse

from ecorse.answering.saved import SavedModel
from ecorse.evaluate.cases import Questions, judge, questions
from ecorse.evaluate.intervals import means
from ecorse.evaluate.origins import Origin, check_no_leak, origins
from ecorse.models.base import Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Floats, Ids, Ranked
from ecorse.models.recommender_file import ListKind
from ecorse.testing.tastes import ShopOfTastes, shop_of_tastes
from ecorse.training.filling import Filler, filled
from ecorse.training.fitted import Fitted
from ecorse.training.lists import item_lists

YOUNG = 60  # days of a shop in which many customers have bought nothing yet
NEW_SHARE = 0.1  # of products, whose sales before the window are taken out
WIDE = 50  # of 200 products


@dataclass(frozen=True)
class Row:
    """One line of the table: ours and best sellers' figure of each case."""

    what: str
    figure: str
    of: Ids  # (n,) whose case each is
    ours: Floats
    best_sellers: Floats
    full: float  # share of our lists that are full

    def told(self) -> str:
        """The line, with intervals."""
        values = np.column_stack([self.ours, self.best_sellers, self.ours - self.best_sellers])
        own, usual, gap = means(self.of, np.zeros(len(self.of), int), values, TASK.seed)
        cells = [self.what, self.figure, f"{len(self.of):,}", f"{self.full:.0%}", told(own)]
        return f"| {' | '.join(cells)} | {told(usual)} | {gap.told} |"


def tables() -> list[str]:
    """Print the table; gives the comparisons."""
    shop = shop_of_tastes()
    rows = [*of_customers(shop), *of_products(shop)]
    print("== cold start ==")
    print("| of | figure | cases | full lists | shipped | best sellers | difference |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(row.told(), flush=True)
    lines = []
    for row in rows:
        own, usual = row.ours.mean(), row.best_sellers.mean()
        if usual > 0:
            name = re.sub(r"[^a-z0-9]+", "_", f"{row.what} {row.figure.split()[0]}".lower())
            word = "better" if own >= usual else "worse"
            lines.append(f"bench cold_start_{name} {own / usual:.3f} {word} than best sellers")
    return lines


def fitted(name: str, data: Interactions) -> Recommender:
    """A shipped recommender, fitted."""
    model: Recommender = shipped(name).create()
    return model.fit(data, TASK)


def filled_up(
    ranked: Ranked, kind: ListKind, had: sparse.csr_matrix, filler: Filler
) -> tuple[Ids, float]:
    """Lists as a night makes them, ``(n, K)``, and which share of them is full."""
    full, _ = filled(ranked, kind, had, sparse.csr_matrix(had.shape), filler)
    return full.items, float((full.items != NOTHING).all(axis=1).mean())


def of_customers(shop: ShopOfTastes) -> list[Row]:
    """Those of no purchase and of one, in a shop of two months."""
    first = shop.data.rows["at"].min()
    begins = first + timedelta(days=YOUNG)  # type: ignore[operator]
    ends = begins + timedelta(days=DAYS)
    origin = Origin(shop.data.ended(None, begins), shop.data.ended(begins, ends), begins, ends)
    check_no_leak(origin)
    earlier, filler = origin.earlier, Filler.of(origin.earlier)
    model, popular = (fitted(name, earlier) for name in ("for_customers", "best_sellers_lately"))
    sizes = np.diff(earlier.matrix.indptr)
    looks = (
        shop.views.filter(pl.col("at") < begins).group_by("user", maintain_order=True).agg("item")
    )
    looked = dict(looks.iter_rows())
    saved, ids = SavedModel(Fitted.on(model, earlier), "customers"), earlier.items["product_id"]
    number = {product: place for place, product in enumerate(ids)}
    found = []
    for history, kinds in ((0, ("for_you",)), (1, ("for_you", "explore"))):
        users = np.flatnonzero(sizes == history)
        if not history:
            users = np.array([user for user in users if user in looked])
        for kind in kinds:
            had = earlier.matrix[users]
            seen = had if kind == "explore" else None
            if history:
                ranked = model.recommend(users, K, seen=seen)
            else:
                ranked = _by_session(saved, [[ids[i] for i in looked[u]] for u in users], number)
            ours, full = filled_up(ranked, kind, had, filler)
            usual, _ = filled_up(popular.recommend(users, K, seen=seen), kind, had, filler)
            what = (
                f"{history} purchases, looks only" if not history else f"{history} product, {kind}"
            )
            worth = [np.take_along_axis(shop.liked[users], lists, axis=1).sum(axis=1)
                     for lists in (ours, usual)]  # fmt: skip
            found.append(Row(what, "planted share of ten", users, *worth, full))
            asked = questions(origin, 0, kind)
            place = {user: n for n, user in enumerate(users)}
            is_in = np.array([user in place for user in asked.users])
            rows = np.array([place[user] for user in asked.users[is_in]])
            few = _some(asked, is_in)
            gains = [judge(few, _listed(lists[rows]), K) for lists in (ours, usual)]
            own, best = (each.gains[each.primary] for each in gains)
            found.append(Row(what, f"nDCG@{K} of {DAYS} days", few.users, own, best, full))
    return found


def _by_session(saved: SavedModel, sessions: list[list[str]], number: dict[str, int]) -> Ranked:
    """What ``night.recommend(session=...)`` asks of the saved model, visitor by visitor."""
    items = np.full((len(sessions), K), NOTHING)
    scores = np.zeros(items.shape)
    for row, session in enumerate(sessions):
        answer = saved.for_session(session, K)
        own = [number[product] for product in answer["product_id"]]
        items[row, : len(own)], scores[row, : len(own)] = own, answer["score"]
    return Ranked(items, scores)


def _listed(items: Ids) -> Ranked:
    return Ranked(items, np.where(items == NOTHING, 0.0, 1 / (1.0 + np.arange(items.shape[1]))))


def _some(asked: Questions, rows: np.ndarray) -> Questions:
    return Questions(asked.origin, asked.kind, asked.users[rows], asked.wanted[rows],
                     asked.had[rows], asked.refused[rows], asked.is_new)  # fmt: skip


def without_sales(data: Interactions, items: Ids) -> Interactions:
    """The same with no row of these products: as on the day on which they came."""
    rows = data.rows.filter(~pl.col("item").is_in(items.tolist()))
    return Interactions(data.items, data.users, rows)


def of_products(shop: ShopOfTastes) -> list[Row]:
    """Those that nobody has bought: who gets them, and what stands beside them."""
    origin = origins(shop.data, DAYS, 1)[0]
    n_items = shop.data.items.height
    new = np.sort(np.random.default_rng(1).permutation(n_items)[: int(NEW_SHARE * n_items)])
    earlier = without_sales(origin.earlier, new)
    later = Interactions(shop.data.items, shop.data.users,
                         origin.later.rows.filter(pl.col("item").is_in(new.tolist())))  # fmt: skip
    asked = questions(Origin(earlier, later, origin.begins, origin.ends), 0, "explore")
    asked = _some(asked, asked.history > 0)
    filler = Filler.of(earlier)
    blend, popular = (fitted(name, earlier) for name in ("for_customers", "best_sellers_lately"))
    found = []
    places = (("among all products", None, K), ("among all products", None, WIDE),
              ("among the new", new, K))  # fmt: skip
    for what, among, k in places:
        lists = []
        for model in (blend, popular):
            ranked = model.recommend(asked.users, k, seen=asked.had, among=among)
            lists.append(filled_up(ranked, "explore", asked.had, _within(filler, among)))
        figure = f"ndcg_at_{k}" if k == K else f"recall_at_{k}"
        own, best = (judge(asked, _listed(each), k).gains[figure] for each, _ in lists)
        told_as = figure.replace("_at_", "@").replace("ndcg", "nDCG")
        told_as = f"{told_as} of {DAYS} days"
        found.append(Row(f"new products {what}", told_as, asked.users, own, best, lists[0][1]))
    found.append(_beside(shop, earlier, new, filler))
    return found


def _within(filler: Filler, among: Ids | None) -> Filler:
    """Best sellers of some products only."""
    if among is None:
        return filler
    shares = np.zeros(len(filler.shares))
    shares[among] = filler.shares[among]
    return Filler(shares, filler.is_sold)


def _beside(shop: ShopOfTastes, earlier: Interactions, new: Ids, filler: Filler) -> Row:
    """Lists of similar products of those that nobody has bought, as the night writes them."""
    declaration, n_items = shipped("item_similarity"), earlier.items.height
    model = Fitted.on(fitted("item_similarity", earlier), earlier)
    rows = pl.concat(list(item_lists(model, earlier, "", "", declaration.file)))
    number = {product: place for place, product in enumerate(earlier.items["product_id"])}
    near: dict[int, list[int]] = {item: [] for item in new.tolist()}
    for one, other in rows.sort("rank").select("product_id", "similar_product_id").iter_rows():
        if number[one] in near:
            near[number[one]].append(number[other])
    full = np.mean([len(own) == declaration.file.top_n for own in near.values()])
    usual = np.array([[item for item in filler.order if item != one][:K] for one in new])
    related = sparse.csr_matrix(shop.related[new].astype(float))
    nothing = sparse.csr_matrix(related.shape)
    asked = Questions(0, "explore", new, related, nothing, nothing, np.zeros(n_items, dtype=bool))
    own, best = (
        judge(asked, _listed(lists), K).gains[f"ndcg_at_{K}"]
        for lists in (np.array([own[:K] for own in near.values()]), usual)
    )
    return Row("beside a new product", f"nDCG@{K} of relations", new, own, best, float(full))
