"""Several recommenders as one list: weights learned on the weeks before, by length of history.

What belongs here: which parts there are, fitting and asking them. What does not: the arithmetic of
a blend (``blend``), learning weights (``hybrid_weights``).

The weights are learned on the window before the last row: parts are fitted on what came earlier,
and the weights are those under which their lists would have foreseen the window best. A random
holdout rates what is popular now as if it had been known before. Customers are parted by how many
products they have; the weights of few are drawn to everybody's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse import declared, registry
from ecorse.evaluate.origins import last_window
from ecorse.models.base import Answer, Recommender, SharedFits, Task
from ecorse.models.fits import Fits
from ecorse.models.interactions import Interactions, Shape
from ecorse.models.ranked import NOTHING, Csr, Floats, Ids, Ranked, first_of, joined, rows_of
from ecorse.models.ranked_lists import behind, replaced
from ecorse.recommenders.blend import blended
from ecorse.recommenders.history import OWN_PRODUCTS
from ecorse.recommenders.hybrid_config import HybridConfig
from ecorse.recommenders.hybrid_weights import group_names, group_of, learned_weights, scaled

Kind = Literal["for_you", "explore"]
KINDS: tuple[Kind, ...] = ("for_you", "explore")
Named = Callable[[Ids, int], dict[str, Ranked]]  # of these rows, so many items of each part
BLOCK_USERS = 2048
WIDER = 4  # times as many are named by each part where all of them are not enough
LEAST_SALES = 1e-3  # of a basket: so much is left of one ten half-lives ago


class Hybrid(Recommender):
    """The weighted sum of the parts' normalised scores, see ``blend``.

    Lists without what was seen have weights of their own (``explore``): a part that names only what
    a customer had, or knows best what is bought again, says little there.
    """

    config_class = HybridConfig
    config: HybridConfig
    answers: ClassVar = frozenset({"users", "baskets"})

    parts: dict[str, Recommender]
    weights: dict[str, Floats]  # by kind of list: (groups, parts)
    sizes: npt.NDArray[np.int64]  # (n_users,) how many products each customer has
    trend: Floats  # (n_items,) what scores are times

    def __init__(self, config: HybridConfig) -> None:
        super().__init__(config)
        self.parts = self._make()

    def _make(self) -> dict[str, Recommender]:
        """New parts, unfitted.

        Raises
        ------
        ConfigError
            A part's class is not found, or a parameter is not what it allows.
        """
        made: dict[str, Recommender] = {}
        for name, part in self.config.parts.items():
            if name in self.config.leave_out:
                continue
            model_class = registry.load("recommender", part.class_)
            where = f"[parameters.parts.{name}.parameters]"
            made[name] = model_class(
                declared.check(part.parameters, model_class.config_class, where)
            )
        return made

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of all parts, which are held together while lists are made."""
        return sum(part.memory_needed(shape) for part in self.parts.values())

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Learn the weights on the last window, then fit every part on everything."""
        fits = task.fits or Fits()
        self.weights = self._learn(data, task, fits)
        self.parts = fits.of(self._make(), data, task)
        self.sizes = np.diff(data.matrix.indptr).astype(np.int64)
        self.trend = self._trend(data)
        return self

    def _trend(self, data: Interactions) -> Floats:
        """``(n_items,)`` of how each sells of late; the median for what was never sold.

        A product that went out of the range or out of season keeps its place in every customer's
        history, and none of the parts but the best sellers learns that nobody buys it any more.
        """
        recent = data.recent_popularity(self.config.trend_half_life_days)
        best = max(recent.max(initial=0.0), LEAST_SALES)
        trend: Floats = (np.maximum(recent, LEAST_SALES) / best) ** self.config.trend_power
        is_sold = data.popularity > 0
        if is_sold.any():
            trend[~is_sold] = np.median(trend[is_sold])
        return trend

    def _learn(self, data: Interactions, task: Task, fits: SharedFits) -> dict[str, Floats]:
        earlier, later = last_window(data, self.config.window_days)
        parts, trend = fits.of(self._make(), earlier, task), self._trend(earlier)
        known, bought = earlier.matrix, later.matrix
        return learned_weights(parts, trend, known, bought, self.config, task.seed)

    def _group(self, sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        return group_of(self.config.histories, sizes)

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The ``k`` best of each customer; with ``seen``, by the weights for new products."""
        return joined([blend for blend, _ in self._blends(users, k, seen, among)])

    def recommend_beside(
        self, users: Ids, k: int, *, seen: Csr | None = None
    ) -> tuple[Ranked, Mapping[str, Ranked]]:
        """``recommend``, and the beginnings of the parts' lists that it is made of."""
        if k > self.config.candidates:
            return super().recommend_beside(users, k, seen=seen)
        blends, alone = [], []
        for blend, lists in self._blends(users, k, seen):
            blends.append(blend)
            alone.append({name: first_of(each, k) for name, each in lists.items()})
        return joined(blends), {name: joined([each[name] for each in alone]) for name in self.parts}

    def _blends(
        self, users: Ids, k: int, seen: Csr | None, among: Ids | None = None
    ) -> Iterator[tuple[Ranked, dict[str, Ranked]]]:
        """Block by block of customers: the blend, and the parts' lists."""
        weights = self.weights["for_you" if seen is None else "explore"]

        def named(rows: Ids, width: int) -> dict[str, Ranked]:
            block = None if seen is None else seen[rows]
            return {
                name: part.recommend(users[rows], width, seen=block, among=among)
                for name, part in self.parts.items()
            }

        return self._in_blocks(named, weights[self._group(self.sizes[users])], k)

    def answer(self, baskets: Csr, k: int) -> Ranked:
        """The ``k`` best beside baskets, by the parts that answer for them."""
        able = {name: part for name, part in self.parts.items() if "baskets" in part.answers}
        numbers = [number for number, name in enumerate(self.parts) if name in able]

        def named(rows: Ids, width: int) -> dict[str, Ranked]:
            return {name: part.answer(baskets[rows], width) for name, part in able.items()}

        own = self.weights["explore"][self._group(np.diff(baskets.indptr))][:, numbers]
        return joined([blend for blend, _ in self._in_blocks(named, own, k)])

    def _in_blocks(
        self, named: Named, own: Floats, k: int
    ) -> Iterator[tuple[Ranked, dict[str, Ranked]]]:
        """Block by block of rows: the ``k`` best by the ``own`` weights, and the parts' lists.

        A list is the first part of every longer one: each part names ``candidates``, whatever is
        asked for, and only where all of these are not enough, further ones behind them.
        """
        for start in range(0, max(1, len(own)), BLOCK_USERS):
            block = np.arange(start, min(start + BLOCK_USERS, len(own)))
            width = self.config.candidates
            lists = named(block, width)
            scores = [scaled(each, self.trend) for each in lists.values()]
            ranked = blended(scores, own[block], k)
            is_open = _is_open(ranked, scores, width)
            while is_open.any() and width < len(self.trend):
                width *= WIDER
                rows = np.flatnonzero(is_open)
                wider = named(block[rows], width).values()
                scores = [scaled(each, self.trend) for each in wider]
                more = blended(scores, own[block[rows]], min(2 * k, len(self.trend)))
                longer = behind(rows_of(ranked, rows), more, len(self.trend))
                ranked = replaced(ranked, rows, longer)
                is_open[rows] = _is_open(longer, scores, width)
            yield ranked, lists

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame | None:
        """What the part that adds most to a score says of it, and the shares of all parts.

        ``ranked`` is an answer of this model: it carries what each part added.
        """
        if ranked.parts is None:
            return None
        there = ranked.is_there
        users, items = np.repeat(rows, there.sum(axis=1)), ranked.items[there]
        added, scores = ranked.parts[there], ranked.scores[there]
        largest = added.argmax(axis=1)
        told = [pl.DataFrame(schema={"place": pl.Int64, "source": pl.String})]
        because = np.full((len(items), OWN_PRODUCTS), NOTHING, dtype=np.int64)
        own_shares = np.zeros(because.shape)
        for number, (name, part) in enumerate(self.parts.items()):
            mine = np.flatnonzero(largest == number)
            asked = Ranked(items[mine, None], scores[mine, None])
            frame = pl.DataFrame({"place": mine, "source": [name] * len(mine)})
            own = part.explain(users[mine], asked) if len(mine) else None
            if own is not None:
                if "because" in own.columns:
                    for every, column in ((because, "because"), (own_shares, "shares")):
                        named = own[column].to_numpy()[:, :OWN_PRODUCTS]
                        every[mine, : named.shape[1]] = named
                frame = frame.hstack(own.drop("source", "because", "shares", strict=False))
            told.append(frame)
        shares = added / np.maximum(added.sum(axis=1, keepdims=True), 1e-12)
        of_parts = [
            pl.Series(name, shares[:, n].astype(np.float64)).round(4)
            for n, name in enumerate(self.parts)
        ]
        return (
            pl.concat(told, how="diagonal_relaxed")
            .sort("place")
            .drop("place")
            .with_columns(parts=pl.struct(of_parts), because=because, shares=own_shares)
        )

    def members(self) -> Mapping[str, Recommender]:
        """The parts."""
        return self.parts

    def params(self) -> Mapping[str, Any]:
        """The weights by kind of list, group of customers and part."""
        groups = group_names(self.config.histories)
        return {
            "weights": {
                kind: {
                    group: dict(zip(self.parts, np.round(row, 4).tolist(), strict=True))
                    for group, row in zip(groups, table, strict=True)
                }
                for kind, table in self.weights.items()
            }
        }

    def dump(self) -> Mapping[str, bytes]:
        """The files of each part under its name, and the weights as JSON."""
        files = {
            f"{name}/{file}": content
            for name, part in self.parts.items()
            for file, content in part.dump().items()
        }
        facts = {
            "parts": list(self.parts),  # weights stand in this order, which parameters do not keep
            "weights": {kind: table.tolist() for kind, table in self.weights.items()},
            "sizes": self.sizes.tolist(),
            "trend": self.trend.tolist(),
        }
        return files | {"hybrid.json": json.dumps(facts).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: HybridConfig) -> Self:
        """The model again."""
        made = cls(config)
        facts = json.loads(files["hybrid.json"])
        made.parts = {name: made.parts[name] for name in facts["parts"]}
        for name, part in made.parts.items():
            own = {
                file.removeprefix(f"{name}/"): content
                for file, content in files.items()
                if file.startswith(f"{name}/")
            }
            made.parts[name] = type(part).load(own, part.config)
        made.weights = {kind: np.array(table) for kind, table in facts["weights"].items()}
        made.sizes = np.array(facts["sizes"], dtype=np.int64)
        made.trend = np.array(facts["trend"])
        return made


def _is_open(ranked: Ranked, scores: Sequence[Csr], width: int) -> npt.NDArray[np.bool_]:
    """``(n,)`` whether a list is short, and a part has more than the ``width`` that it named."""
    has_more = np.any([np.diff(part.indptr) >= width for part in scores], axis=0)
    return np.asarray(has_more & ~ranked.is_there[:, -1])


RECOMMENDER = Hybrid
