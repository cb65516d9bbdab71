"""What comes next in a session: what followed these products, and what like sessions hold.

What belongs here: this recommender. What does not: its loops (``models.session_kernel``).

Sources: Ludewig, Jannach, Evaluation of session-based recommendation algorithms, User Modeling and
User-Adapted Interaction 28 (2018), https://arxiv.org/abs/1803.09587 (V-SKNN, section 3.3, and
sequential rules SR, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.models.base import Answer, Recommender, Task
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import (
    BLOCK_CELLS,
    NOTHING,
    Csr,
    Floats,
    Ids,
    Ranked,
    stored_in_either,
    top_k,
)
from ecorse.models.threads import in_threads
from ecorse.recommenders import arrays
from ecorse.recommenders.session_rows import (
    best_of_rows,
    last_places,
    last_sessions,
    rows_in_order,
)


class SessionConfig(Table):
    """``rules``: the share of what followed; like sessions have the rest.

    ``steps``: how far apart what follows may be. Of the ``recent`` latest sessions that share a
    product, the ``neighbours`` most alike count. ``rules_per_item``: how many are kept.
    ``max_basket_products``: a larger session (a robot, a merged order) teaches nothing.
    """

    rules: float = Field(0.7, ge=0, le=1)
    steps: int = Field(10, ge=1)
    recent: int = Field(1000, ge=1)
    neighbours: int = Field(100, ge=1)
    rules_per_item: int = Field(200, ge=1)
    max_basket_products: int = Field(50, ge=2)
    threads: int = Field(0, ge=0)


class Session(Recommender):
    """Scores ``rules * r / max r + (1 - rules) * l / max l``.

    ``r`` of an item: the sum of 1 / distance over sessions in which it followed the last item, at
    most ``steps`` later. ``l``: the sum of the likeness of neighbouring sessions that hold it; the
    likeness is the product of two vectors, 1 for what the other session holds and
    ``place / length`` for what this one has, so that the last counts 1 and the first least.

    A basket has no order: all that it holds counts 1, and ``r`` is the mean over it. Rows of one
    instant are beside each other, either way. Customers are answered by their last session.
    """

    config_class = SessionConfig
    config: SessionConfig
    answers: ClassVar = frozenset({"users", "baskets"})

    sessions: Csr  # (n_sessions, n_items) in the order of their ends
    following: Csr  # (n_items, n_items) r of what followed each item
    last: Csr  # (n_users, n_items) places, from 1, of what each customer's last session holds
    refused: Csr  # (n_users, n_items) what customers said no to

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the pairs that are counted, the sessions both ways, and the rules kept."""
        kept = min(shape.items * self.config.rules_per_item, shape.rows * self.config.steps)
        return 40 * shape.rows * self.config.steps + 24 * shape.rows + 12 * kept

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Put sessions in order, and count what follows what."""
        shape = (data.users.height, data.items.height)
        rows = rows_in_order(data)
        self.refused, self.last = data.refused, last_sessions(rows, shape)
        small = rows.filter(
            pl.col("item").n_unique().over("session") <= self.config.max_basket_products
        ).with_columns(session=pl.col("session").rank("dense").cast(pl.Int64) - 1)
        numbers, items = small["session"].to_numpy(), small["item"].to_numpy()
        n = int(numbers.max(initial=-1)) + 1
        self.sessions = sparse.csr_matrix(
            (np.ones(len(items), np.float32), (numbers, items)), shape=(n, shape[1])
        )
        self.sessions.data[:] = 1
        self.following = self._rules(numbers, items, small["place"].to_numpy(), shape[1])
        return self

    def _rules(self, numbers: Ids, items: Ids, places: Ids, n_items: int) -> Csr:
        from ecorse.models.session_kernel import followers

        starts = np.searchsorted(numbers, np.arange(int(numbers.max(initial=-1)) + 2))
        parts = (starts.astype(np.int64), items, places, self.config.steps)
        none = np.empty(0, np.int64)
        n = followers(*parts, none, none, np.empty(0))
        one, other, weights = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
        if n:
            followers(*parts, one, other, weights)
        rules = sparse.csr_matrix((weights, (one, other)), shape=(n_items, n_items))
        rules.sort_indices()
        return best_of_rows(rules, self.config.rules_per_item)

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The ``k`` likeliest next items of each customer, by the customer's last session."""
        seen = stored_in_either(seen, self.refused[users])
        return self._next(self.last[users], k, seen, among)

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """The ``k`` items that go with a basket, whose order is not known."""
        held = sparse.csr_matrix(baskets, dtype=np.float64, copy=True)
        held.data[:] = 1.0
        return self._next(held, k, baskets)

    def answer_session(self, items_in_order: Sequence[Ids], k: int) -> Ranked:
        """The ``k`` likeliest next items of each session, given as item numbers in order.

        What a session holds is not given.
        """
        n_items = self.following.shape[0]
        sizes = [len(items) for items in items_in_order]
        ordered = sparse.lil_matrix((len(sizes), n_items))
        for row, items in enumerate(items_in_order):
            for place, item in enumerate(items, start=1):
                ordered[row, item] = place
        asked = sparse.csr_matrix(ordered)
        return self._next(asked, k, asked)

    def _next(self, asked: Csr, k: int, seen: Csr | None, among: Ids | None = None) -> Ranked:
        """The best for rows of places (all the same: no order)."""
        step = _rows_of_a_block(asked.shape[1])

        def one_block(start: int) -> Ranked:
            part = slice(start, start + step)
            scores, _, _ = self._score(asked[part])
            return top_k(scores, k, seen=None if seen is None else seen[part], among=among)

        blocks = range(0, max(1, asked.shape[0]), step)
        found = list(in_threads(one_block, blocks, self.config.threads))
        return Ranked(
            np.concatenate([part.items for part in found]),
            np.concatenate([part.scores for part in found]),
        )

    def _score(self, asked: Csr) -> tuple[Floats, Ids, Ids]:
        """Scores ``(n, n_items)``, how many neighbours hold each item, and of how many."""
        followed, alike, holders, sizes = self._parts(asked)
        for part in (followed, alike):
            best = part.max(axis=1, initial=0.0, keepdims=True)
            np.divide(part, best, out=part, where=best > 0)
        share = self.config.rules
        return share * followed + (1 - share) * alike, holders, sizes

    def _parts(self, asked: Csr) -> tuple[Floats, Floats, Ids, Ids]:
        """What followed, what like sessions hold, by how many of how many neighbours."""
        from ecorse.models.session_kernel import like_sessions

        n, n_items = asked.shape
        followed = np.asarray((last_places(asked) @ self.following).todense(), dtype=np.float64)
        alike, holders = np.zeros((n, n_items)), np.zeros((n, n_items), np.int64)
        sizes, room = np.zeros(n, np.int64), np.zeros(self.sessions.shape[0])
        starts, items, of_item_starts, of_item = self._index
        # places and not place / length: whole numbers add up to ties that are ties, and max l
        # takes the length out again
        closeness = asked.data.astype(np.float64)
        for row in range(n):
            part = slice(asked.indptr[row], asked.indptr[row + 1])
            sizes[row] = like_sessions(
                asked.indices[part].astype(np.int64),
                closeness[part],
                of_item_starts,
                of_item,
                starts,
                items,
                self.config.recent,
                self.config.neighbours,
                room,
                alike[row],
                holders[row],
            )
        return followed, alike, holders, sizes

    @property
    def _index(self) -> tuple[Ids, Ids, Ids, Ids]:
        """Sessions to items and items to sessions, made once: threads find it there."""
        if "_ways" not in self.__dict__:
            across = sparse.csc_matrix(self.sessions)
            across.sort_indices()
            self.__dict__["_ways"] = tuple(
                values.astype(np.int64)
                for matrix in (self.sessions, across)
                for values in (matrix.indptr, matrix.indices)
            )
        ways: tuple[Ids, Ids, Ids, Ids] = self.__dict__["_ways"]
        return ways

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame:
        """In how many like sessions each item is, and how often it followed, with a sentence."""
        step = _rows_of_a_block(self.last.shape[1])
        figures = pl.concat(
            self._figures(self.last[rows[start : start + step]], ranked.items[start : start + step])
            for start in range(0, max(1, len(rows)), step)
        )
        return figures.with_columns(
            sentence=pl.when(pl.col("like_sessions_with") > 0)
            .then(
                pl.format(
                    "In {} of the {} sessions most like the last one",
                    "like_sessions_with",
                    "like_sessions",
                )
            )
            .otherwise(pl.lit("Often follows what the last session ended with"))
        )

    def _figures(self, asked: Csr, items: Ids) -> pl.DataFrame:
        followed, _, holders, sizes = self._parts(asked)
        there = items != NOTHING
        row, items = np.repeat(np.arange(len(items)), there.sum(axis=1)), items[there]
        return pl.DataFrame(
            {
                "like_sessions_with": holders[row, items],
                "like_sessions": sizes[row],
                "followed": followed[row, items].round(6),
            }
        )

    def dump(self) -> Mapping[str, bytes]:
        """Sessions, rules and customers' last sessions as npy."""
        return arrays.to_files(
            sessions=self.sessions,
            following=self.following,
            last=self.last,
            refused=self.refused,
        )

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: SessionConfig) -> Self:
        """The model again."""
        made = cls(config)
        for name in ("sessions", "following", "last", "refused"):
            setattr(made, name, arrays.matrix(files, name))
        return made


def _rows_of_a_block(n_items: int) -> int:
    return max(1, BLOCK_CELLS // max(1, 8 * n_items))


RECOMMENDER = Session
