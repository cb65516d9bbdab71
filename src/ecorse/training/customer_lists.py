"""Lists for customers as rows of ``user_recommendations``: each kind of list, full, with reasons.

What belongs here: which customers get which list, ids for numbers, the reasons of each row. What
does not: scoring; best sellers behind a short list (``filling``); lists of products (``lists``).

``for_you`` may name again what a customer bought, ``explore`` names only what is new to them,
``buy_again`` only what they had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from ecorse.models.base import Blocks, Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Csr, Ids, Ranked, broken_order, stored_at
from ecorse.models.ranked_lists import without
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.recommenders.choosing import Chosen, Limits, Variety, choose
from ecorse.recommenders.receipts import Receipts
from ecorse.recommenders.results import USER_RECOMMENDATIONS
from ecorse.recommenders.sales import Sales
from ecorse.training.filling import OWN, POPULAR, UNSOLD, Filler, filled
from ecorse.training.fitted import Fitted, lists_in_numbers, matrix_in_numbers, places
from ecorse.training.ruled_lists import RULED, KindRules, tell_pins, tell_rules, with_pins

BLOCK_USERS = 4096
CHECKED_USERS = 500
Rules = Mapping[ListKind, KindRules]


def ask(
    model: Recommender, kind: ListKind, users: Ids, k: int, history: Csr, among: Ids | None = None
) -> Ranked:
    """One kind of list of each customer; ``history`` ``(n, n_items)`` is theirs."""
    if kind == "explore":
        return model.recommend(users, k, seen=history, among=among)
    return model.recommend(users, k, among=among)


def customer_lists(
    fitted: Fitted,
    data: Interactions,
    shop_id: str,
    method: str,
    file: RecommenderFile,
    rules: Rules | None = None,
) -> Blocks:
    """Rows of ``user_recommendations`` for every customer who has a row tonight.

    ``fitted`` may be of an earlier night: products that left are left out, and customers who came
    since get best sellers. ``rules`` are the shop's, by kind of list.
    """
    lists = _Lists(fitted, data, file, method, rules or {})
    catalogue, customers = data.items["product_id"], data.users["customer_id"]
    active = np.flatnonzero(np.diff(data.matrix.indptr) > 0)

    def make() -> Iterator[pl.DataFrame]:
        for kind in file.lists:
            for start in range(0, max(1, active.size), BLOCK_USERS):
                rows = lists.rows(kind, active[start : start + BLOCK_USERS])
                yield rows.with_columns(
                    shop_id=pl.lit(shop_id),
                    method=pl.lit(method),
                    list=pl.lit(kind),
                    customer_id=customers.gather(rows["user"]),
                    product_id=catalogue.gather(rows["item"]),
                ).select(list(USER_RECOMMENDATIONS.columns))

    return Blocks(make)


@dataclass(frozen=True)
class _Lists:
    """Lists of one fitted model in tonight's numbers, within the shop's rules, with reasons."""

    fitted: Fitted
    data: Interactions
    file: RecommenderFile
    method: str
    rules: Rules

    @cached_property
    def users(self) -> Ids:
        """Each customer's number in the model; -1 for who came since."""
        return places(self.data.users["customer_id"], self.fitted.customer_ids)

    @cached_property
    def items(self) -> Ids:
        """Tonight's number of each of the model's products; -1 for what left."""
        return places(self.fitted.product_ids, self.data.items["product_id"])

    @cached_property
    def history(self) -> Csr:
        """``(n_users, n_items)`` in the model's numbers of products."""
        return matrix_in_numbers(self.items, self.data.matrix)

    @cached_property
    def refused(self) -> Csr:
        """``(n_users, n_items)`` what customers said no to until tonight, likewise: a model of an
        earlier night does not know all of it."""
        return matrix_in_numbers(self.items, self.data.refused)

    @cached_property
    def variety(self) -> Variety | None:
        """In the model's numbers of products."""
        declared = Variety.of(self.file.diversity, self.data.items)
        return declared.numbered(self.items) if declared else None

    @cached_property
    def filler(self) -> Filler:
        """Best sellers of tonight."""
        return Filler.of(self.data)

    @cached_property
    def receipts(self) -> Receipts:
        """Reasons in tonight's counts."""
        return Receipts.of(self.data.items, Sales.of(self.data.whole))

    def rows(self, kind: ListKind, block: Ids) -> pl.DataFrame:
        """``user, rank, item, score, level, source, reason, evidence`` of customers ``block``."""
        ruled = self.rules.get(kind)
        limits = ruled.limits if ruled else None
        history, refused = self.data.matrix[block], self.data.refused[block]
        pinned = np.empty((block.size, 0), dtype=np.int64)
        if ruled:
            pinned = ruled.pinned(kind, history, refused)
        is_known = self.users[block] != NOTHING
        asked, top_n = block[is_known], self.file.top_n
        chosen = self._chosen(kind, asked, limits, pinned[is_known])
        told = self._told(asked, chosen.own)
        own, is_kept = lists_in_numbers(chosen.shown, self.items)
        every = Ranked(
            np.full((block.size, top_n), NOTHING, dtype=np.int64), np.zeros((block.size, top_n))
        )
        every.items[is_known], every.scores[is_known] = own.items, own.scores
        filler = self.filler.within(limits)
        listed, levels = filled(every, kind, history, refused, filler, limits, pinned)
        if ruled and ruled.pins:
            n_pinned = (pinned != NOTHING).sum(axis=1)
            stays = np.arange(top_n) < top_n - n_pinned[:, None]
            is_kept[is_kept] = stays[every.is_there]
            listed, levels = with_pins(listed.where(stays), levels, ruled.pins, pinned)
        there = listed.is_there
        frame = pl.DataFrame(
            {
                "user": np.repeat(block, there.sum(axis=1)),
                "rank": (np.nonzero(there)[1] + 1).astype(np.int64),
                "item": listed.items[there],
                "score": listed.scores[there],
                "level": levels[there],
            }
        )
        return self._with_reasons(frame, None if told is None else told.filter(is_kept), ruled)

    def _chosen(self, kind: ListKind, asked: Ids, limits: Limits | None, pinned: Ids) -> Chosen:
        """The model's lists of customers whom it knows, in its own numbers."""
        rooms = limits.rooms(pinned) if limits else None
        limits = limits.numbered(self.items) if limits else None
        among = np.flatnonzero(limits.allowed) if limits else None
        users, history, refused = self.users[asked], self.history[asked], self.refused[asked]

        def wide(rows: Ids, width: int) -> Ranked:
            def of(k: int) -> Ranked:
                return ask(self.fitted.model, kind, users[rows], k, history[rows], among)

            return without(refused[rows], of, width) if refused.nnz else of(width)

        return choose(wide, len(asked), self.file.top_n, limits, self.variety, rooms)

    def _told(self, asked: Ids, ranked: Ranked) -> pl.DataFrame | None:
        """What the model says of each item of the lists; own products in tonight's numbers.

        A product that was taken back since, or left the catalogue, is no reason any more.
        """
        told = self.fitted.model.explain(self.users[asked], ranked, "users")
        if told is None or "because" not in told.columns:
            return told
        because = told["because"].to_numpy()
        moved = np.where(because == NOTHING, NOTHING, self.items[because])
        rows = np.repeat(np.arange(len(asked)), ranked.is_there.sum(axis=1))
        is_had = stored_at(
            self.data.matrix[asked], np.broadcast_to(rows[:, None], moved.shape), moved
        )
        told = told.with_columns(because=np.where(is_had, moved, NOTHING))
        if "words" in told.columns:  # they are those of the first
            told = told.with_columns(words=pl.when(pl.Series(is_had[:, 0])).then("words"))
        return told

    def _with_reasons(
        self, rows: pl.DataFrame, told: pl.DataFrame | None, ruled: KindRules | None
    ) -> pl.DataFrame:
        """The rows with ``source, reason, evidence``; ``told`` is of those of the model itself."""
        own = rows.filter(pl.col("level") == OWN)
        added = rows.filter(pl.col("level").is_in([POPULAR, UNSOLD]))
        pinned = rows.filter(pl.col("level") == RULED)
        written = [
            (own, self.receipts.write(own["item"].to_numpy(), told, self.method)),
            (added, self.receipts.write_best_sellers(added["item"].to_numpy())),
        ]
        if ruled:
            written = [
                (part, tell_rules(receipts, part["item"].to_numpy(), ruled))
                for part, receipts in written
            ]
        written.append((pinned, tell_pins(pinned["rank"].to_numpy())))
        return pl.concat([part.hstack(receipts) for part, receipts in written]).sort("user", "rank")


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
