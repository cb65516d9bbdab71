"""Why each product is on a customer's list: a sentence, and the figures behind it as JSON.

What belongs here: ids, names, counts and words for what a model tells in numbers
(``Recommender.explain``). What does not: which products a score rests on (the model), the table
(``training.customer_lists``).

Text is put together column by column: lists of 100,000 customers are a million receipts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.models.ranked import NOTHING, Ids
from ecorse.recommenders.sales import LATE_DAYS, Sales

NO_FIGURES = ("source", "sentence", "because", "shares", "sells")
NAMED = 2  # own products that a sentence names; the evidence has all of them
LEAST = 3  # baskets with both from which a lift is told: once or twice may be an accident
NOT_BY_CHANCE = 1.05  # a lift that rounds to more than 1.0
BEST_SELLERS = "popular"


@dataclass(frozen=True)
class Receipts:
    """Writes receipts of one shop's products.

    Attributes
    ----------
    names, quoted
        ``(n_items,)`` what a product is called, and its id as JSON.
    """

    sales: Sales
    names: pl.Series
    quoted: pl.Series

    @classmethod
    def of(cls, items: pl.DataFrame, sales: Sales) -> Receipts:
        """Of products ``items``: ``product_id`` and, if there is one, ``product_name``."""
        ids = items["product_id"].cast(pl.String)
        names = items["product_name"].cast(pl.String) if "product_name" in items.columns else ids
        quoted = [json.dumps(text, ensure_ascii=False) for text in ids.to_list()]
        return cls(
            sales,
            pl.select(pl.coalesce(names, ids)).to_series(),
            pl.Series(quoted, dtype=pl.String),
        )

    def write(self, items: Ids, told: pl.DataFrame | None, method: str) -> pl.DataFrame:
        """Receipts of recommended ``items`` ``(n,)``.

        Parameters
        ----------
        told
            What the model says of each, as ``Recommender.explain`` has it, ``because`` in the
            numbers of ``items``; ``None`` where it says nothing.

        Returns
        -------
        Frame
            ``source, reason, evidence``, ``(n,)``; no reason is empty.
        """
        n = len(items)
        told = pl.DataFrame() if told is None else told
        because, shares = _own_products(told, n)
        slots = self._slots(items, because, shares)
        sells = _column(told, "sells", pl.Boolean, n).fill_null(False)
        words = _column(told, "words", pl.List(pl.String), n)
        source = _column(told, "source", pl.String, n).fill_null(method)
        had = "bought" if self.sales.nature.is_bought else "looked at"
        names = pl.concat_str(
            *(slot["phrase"] for slot in slots[:NAMED]), separator=" and ", ignore_nulls=True
        )
        frame = pl.select(
            source=source,
            sentence=_column(told, "sentence", pl.String, n),
            of_words=pl.format(
                f"Described like {{}}, which you {had}: {{}}",
                slots[0]["name"],
                words.list.join(", "),
            ),
            of_own=pl.when(slots[0]["entry"].is_not_null()).then(
                pl.concat_str(pl.lit(f"Because you {had} "), names)
            ),
            of_sales=pl.when(sells).then(self._best_seller(items)),
            of_nothing=pl.format(f"Goes with what you {had}, by {{}}", source),
            entries=pl.concat_str(
                *(slot["entry"] for slot in slots), separator=",", ignore_nulls=True
            ),
            figures=_figures(told, source),
            counts=pl.when(sells).then(self._counts(items)),
        )
        total = f'],"all_{self.sales.nature.baskets}":{self.sales.total}'
        return frame.select(
            "source",
            reason=pl.coalesce("sentence", "of_words", "of_own", "of_sales", "of_nothing"),
            evidence=_braced(
                pl.when(pl.col("entries") != "").then(
                    pl.concat_str(pl.lit('"because":['), "entries", pl.lit(total))
                ),
                "figures",
                "counts",
            ),
        )

    def write_best_sellers(self, items: Ids) -> pl.DataFrame:
        """Receipts of products that fill a list: ``source, reason, evidence``."""
        return pl.select(
            source=pl.lit(BEST_SELLERS),
            reason=self._best_seller(items) + "; nothing nearer is known",
            evidence=_braced(self._counts(items)),
        )

    def _best_seller(self, items: Ids) -> pl.Series:
        """``In 14 of 120 orders of the last 28 days``, or of all, or in none."""
        sales, noun = self.sales, self.sales.nature.baskets
        late, ever = pl.Series(sales.late_baskets[items]), pl.Series(sales.baskets[items])
        return pl.select(
            pl.when(late > 0)
            .then(
                pl.format(
                    f"A best seller of late: in {{}} of {sales.late_total} {noun} of the last "
                    f"{LATE_DAYS} days",
                    late,
                )
            )
            .when(ever > 0)
            .then(pl.format(f"In {{}} of all {sales.total} {noun}, though in none of late", ever))
            .otherwise(pl.lit(f"In no one's {noun} yet"))
        ).to_series()

    def _counts(self, items: Ids) -> pl.Series:
        """``"orders":14,"all_orders":120,...`` of each item."""
        sales, noun = self.sales, self.sales.nature.baskets
        return pl.select(
            pl.concat_str(
                pl.lit(f'"{noun}":'),
                pl.Series(sales.baskets[items]),
                pl.lit(f',"all_{noun}":{sales.total},"late_{noun}":'),
                pl.Series(sales.late_baskets[items]),
                pl.lit(f',"all_late_{noun}":{sales.late_total}'),
            )
        ).to_series()

    def _slots(self, items: Ids, because: Ids, shares: npt.NDArray[Any]) -> list[pl.DataFrame]:
        """Of each place of ``because``: ``name``, ``phrase`` of a sentence, ``entry`` as JSON."""
        is_there = because != NOTHING
        is_other = is_there & (because != items[:, None])
        asked = np.broadcast_to(items[:, None], because.shape)
        together = np.zeros(because.shape, dtype=np.int64)
        together[is_other] = self.sales.together(asked[is_other], because[is_other])
        return [
            self._slot(
                items, because[:, place], shares[:, place], together[:, place],
                is_there[:, place], is_other[:, place],
            )
            for place in range(because.shape[1])
        ]  # fmt: skip

    def _slot(
        self,
        items: Ids,
        own: Ids,
        shares: npt.NDArray[Any],
        together: Ids,
        is_there: npt.NDArray[np.bool_],
        is_other: npt.NDArray[np.bool_],
    ) -> pl.DataFrame:
        sales, noun = self.sales, self.sales.nature.baskets
        number = np.where(is_there, own, 0)
        frame = pl.DataFrame(
            {
                "there": is_there,
                "other": is_other,
                "share": np.round(shares.astype(np.float64), 4),
                "together": together,
                "orders": sales.baskets[number],
                "other_orders": sales.baskets[items],
                "lift": sales.lift(items, number, together),
            }
        ).with_columns(name=self.names.gather(number), quoted=self.quoted.gather(number))
        met = pl.concat_str(
            pl.lit(',"together":'),
            "together",
            pl.lit(f',"{noun}":'),
            "orders",
            pl.lit(f',"other_{noun}":'),
            "other_orders",
            pl.lit(',"lift":'),
            "lift",
        )
        alone = pl.concat_str(pl.lit(f',"{noun}":'), "orders")
        return frame.select(
            name=pl.when("there").then("name"),
            phrase=pl.when("other")
            .then(pl.concat_str("name", self._bracket()))
            .when("there")
            .then(pl.lit("it before")),
            entry=pl.when("there").then(
                pl.concat_str(
                    pl.lit('{"product":'),
                    "quoted",
                    pl.lit(',"share":'),
                    "share",
                    pl.when("other").then(met).otherwise(alone),
                    pl.lit("}"),
                )
            ),
        )

    def _bracket(self) -> pl.Expr:
        """`` (bought together in 14 orders, 3.1 times as often as by chance)``; empty if never.

        The count of 0 stands in the evidence: to a customer it is no reason.
        """
        nature = self.sales.nature
        done = "bought" if nature.is_bought else "seen"
        lift, together = pl.col("lift"), pl.col("together")
        often = (
            pl.when(together < LEAST)
            .then(pl.lit(""))
            .when(lift >= NOT_BY_CHANCE)
            .then(pl.format(", {} times as often as by chance", lift.round(1)))
            .when(lift > 1 / NOT_BY_CHANCE)
            .then(pl.lit(", as often as by chance"))
            .otherwise(pl.lit(", less often than by chance"))
        )
        noun = pl.when(together == 1).then(pl.lit(nature.baskets[:-1]))
        return (
            pl.when(together == 0)
            .then(pl.lit(""))
            .otherwise(
                pl.format(
                    f" ({done} together in {{}} {{}}{{}})",
                    together,
                    noun.otherwise(pl.lit(nature.baskets)),
                    often,
                )
            )
        )


def _braced(*fragments: pl.Expr | pl.Series | str) -> pl.Expr:
    joined = pl.concat_str(*fragments, separator=",", ignore_nulls=True)
    return pl.concat_str(pl.lit("{"), joined, pl.lit("}"))


def _column(told: pl.DataFrame, name: str, dtype: Any, n: int) -> pl.Series:
    if name in told.columns:
        return told[name].cast(dtype)
    return pl.Series(name, [None], dtype=dtype).new_from_index(0, n)


def _own_products(told: pl.DataFrame, n: int) -> tuple[Ids, npt.NDArray[np.float64]]:
    """``because`` and ``shares`` ``(n, places)``, closed up: places are taken from the first on."""
    if "because" not in told.columns:
        return np.full((n, 1), NOTHING, dtype=np.int64), np.zeros((n, 1))
    because = told["because"].to_numpy()
    order = np.argsort(because == NOTHING, axis=1, kind="stable")
    shares = told["shares"].to_numpy()
    return np.take_along_axis(because, order, axis=1), np.take_along_axis(shares, order, axis=1)


def _figures(told: pl.DataFrame, source: pl.Series) -> pl.Series:
    """The further columns as the inside of a JSON object: of each source those that it has."""
    n = len(source)
    found = pl.Series([None], dtype=pl.String).new_from_index(0, n)
    names = [name for name in told.columns if name not in NO_FIGURES]
    if not names:
        return found
    for one in source.unique(maintain_order=True):
        rows = (source == one).arg_true()
        own = told.select(names)[rows]
        own = own[[name for name in names if own[name].null_count() < own.height]]
        if own.width:
            text = own.select(pl.struct(pl.all()).struct.json_encode()).to_series()
            found = found.scatter(rows, text.str.slice(1, text.str.len_chars() - 2))
    return found
