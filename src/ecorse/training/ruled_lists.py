"""Pins, and what a list's rows say of the shop's rules.

What belongs here: putting pinned products into finished lists, the words on a row that a rule
moved. What does not: which products a rule is about (``shop_rules``); choosing within limits
(``recommenders.choosing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.models.ranked import NOTHING, Csr, Floats, Ids, Ranked, stored_at
from ecorse.models.recommender_file import ListKind
from ecorse.recommenders.choosing import Limits

Levels = npt.NDArray[np.int32]
RULED = 3  # column ``level`` of a product that a rule put there
SOURCE = "rule"  # column ``source`` of it


@dataclass(frozen=True)
class KindRules:
    """What a shop's rules are for one kind of list, in the numbers of tonight's products.

    Attributes
    ----------
    limits
        Products that are pinned are not allowed otherwise: they come by their pin or not at all.
    pins
        Place, from 1, and product, by rising place.
    words, quoted
        ``(n_items,)`` what a row of the product says, such as ``boosted 1.5: category Cables``, and
        the same as JSON; null where no rule changes its score.
    in_vain
        What of the rules comes to nothing tonight, in sentences.
    """

    limits: Limits
    pins: Sequence[tuple[int, int]]
    words: pl.Series
    quoted: pl.Series
    in_vain: Sequence[str] = ()

    def pinned(self, kind: ListKind, history: Csr, refused: Csr) -> Ids:
        """``(n, pins)``: the products that are pinned in each customer's list; -1 for none.

        ``history`` and ``refused`` are ``(n, n_items)`` theirs: a pin goes against no kind of list,
        and nobody is shown what they said no to.
        """
        n = history.shape[0]
        rows = np.broadcast_to(np.arange(n)[:, None], (n, len(self.pins)))
        items = np.broadcast_to(np.array([i for _, i in self.pins], dtype=np.int64), rows.shape)
        is_had = stored_at(history, rows, items)
        is_kind = {"explore": ~is_had, "buy_again": is_had}.get(kind, np.ones_like(is_had))
        return np.where(is_kind & ~stored_at(refused, rows, items), items, NOTHING)


def with_pins(
    listed: Ranked, levels: Levels, pins: Sequence[tuple[int, int]], pinned: Ids
) -> tuple[Ranked, Levels]:
    """The lists ``(n, k)`` with each pin at its place, or behind the last of a shorter list.

    ``pinned`` as ``KindRules`` has it; a list must have as many free places at its end as pins come
    into it.
    """
    items, scores, levels = listed.items, listed.scores, levels.copy()
    k = items.shape[1]
    for number, (place, item) in enumerate(pins):
        rows = np.flatnonzero(pinned[:, number] != NOTHING)
        length = (items[rows] != NOTHING).sum(axis=1)
        at = np.minimum(place - 1, length)[:, None]
        before = np.maximum(np.arange(k) - (np.arange(k) > at), 0)
        items, scores = items.copy(), scores.copy()
        for values, own in ((items, item), (scores, 0.0), (levels, RULED)):
            moved = np.take_along_axis(values[rows], before, axis=1)
            np.put_along_axis(moved, at, own, axis=1)
            values[rows] = moved
    return Ranked(items, _falling(items, scores)), levels


def _falling(items: Ids, scores: Floats) -> Floats:
    """Scores that fall with rank, equal ones by item: a pin's is just above the next one's.

    A pin comes with 0. Those of others change only where a pin is just below an equal one.
    """
    found, k = scores.copy(), items.shape[1]
    there = items != NOTHING
    least = np.where(there & (scores > 0), scores, np.inf).min(axis=1, initial=np.inf)
    below = np.where(np.isfinite(least), least / 2, 1.0)
    next_item = np.full(len(items), np.iinfo(np.int64).max)
    for place in range(k - 1, -1, -1):
        is_here = there[:, place]
        is_first = items[:, place] < next_item
        needed = np.where(is_first, below, np.nextafter(below, np.inf))
        found[is_here, place] = np.maximum(found[:, place], needed)[is_here]
        below = np.where(is_here, found[:, place], below)
        next_item = np.where(is_here, items[:, place], next_item)
    return found


def tell_rules(receipts: pl.DataFrame, items: Ids, rules: KindRules) -> pl.DataFrame:
    """The receipts ``source, reason, evidence`` of ``items`` ``(n,)``, with what a rule did."""
    told = receipts.with_columns(rule=rules.words.gather(items), quoted=rules.quoted.gather(items))
    comma = pl.when(pl.col("evidence") == "{}").then(pl.lit("")).otherwise(pl.lit(","))
    rest = pl.col("evidence").str.slice(1)
    evidence = pl.concat_str(pl.lit('{"rule":'), "quoted", comma, rest)
    return told.select(
        "source",
        reason=pl.coalesce(pl.format("{} ({})", "reason", "rule"), "reason"),
        evidence=pl.coalesce(evidence, "evidence"),
    )


def tell_pins(places: Ids) -> pl.DataFrame:
    """Receipts of products that were pinned to ``places`` ``(n,)``."""
    frame = pl.DataFrame({"place": places}, schema={"place": pl.Int64})
    return frame.select(
        source=pl.lit(SOURCE),
        reason=pl.format("Put here by a rule of the shop (pinned to place {})", "place"),
        evidence=pl.concat_str(pl.lit('{"rule":"pinned to place '), "place", pl.lit('"}')),
    )
