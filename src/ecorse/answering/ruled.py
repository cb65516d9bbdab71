"""The shop's rules of a night, kept to in answers: nobody is offered what they take out.

What belongs here: one kind of list's rows of ``ruled_products`` on the rows of an answer, as pure
functions. What does not: which rules there are (that mart), reading it (``shop``), the lists of a
night, which keep to the rules already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

SOURCE = "rule"  # column ``source`` of a product that a rule put there


@dataclass(frozen=True)
class Rules:
    """What the shop's rules are for one kind of list.

    Attributes
    ----------
    products
        ``product_id, category, is_allowed, factor, pin_place, at_most, boosted``: a row per product
        that a rule touches.
    """

    products: pl.DataFrame

    @property
    def is_empty(self) -> bool:
        """No rule says anything."""
        return self.products.is_empty()

    @cached_property
    def excluded(self) -> pl.DataFrame:
        """``product_id`` of what may not be named."""
        return self.products.filter(~pl.col("is_allowed")).select("product_id")

    @cached_property
    def pins(self) -> Mapping[str, int]:
        """Place, from 1, of each pinned product, by rising place."""
        pinned = self.products.filter(pl.col("pin_place").is_not_null()).sort("pin_place")
        return dict(pinned.select("product_id", "pin_place").iter_rows())

    @property
    def is_capped(self) -> bool:
        """Whether any product counts for a cap."""
        return bool(self._most)

    @cached_property
    def _most(self) -> Mapping[str, tuple[str, int]]:
        """Category and how many of it a list may have, of each product with a cap."""
        capped = self.products.drop_nulls(["at_most", "category"])
        rows = capped.select("product_id", "category", "at_most").iter_rows()
        return {product: (category, most) for product, category, most in rows}

    def allowed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows whose product may be named."""
        return rows.join(self.excluded, on="product_id", how="anti", maintain_order="left")

    @property
    def factors(self) -> pl.DataFrame:
        """``product_id, factor`` of what is boosted or put back."""
        boosted = self.products.filter(pl.col("boosted").is_not_null())
        return boosted.select("product_id", "factor")

    def told(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows; the ``reason`` of a boosted one says so."""
        words = self.products.select("product_id", "boosted")
        told = rows.join(words, on="product_id", how="left", maintain_order="left")
        reason = pl.coalesce(pl.format("{} ({})", "reason", "boosted"), "reason")
        return told.with_columns(reason=reason).drop("boosted")

    def weighed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows ``product_id, score, reason, ...`` that may be named, boosted ones earlier.

        Equal scores stay in their order.
        """
        rows = self.allowed(rows)
        if self.factors.is_empty():
            return rows
        return (
            self.told(rows)
            .join(self.factors, on="product_id", how="left", maintain_order="left")
            .with_columns(pl.col("score") * pl.col("factor").fill_null(1.0))
            .drop("factor")
            .sort("score", descending=True, maintain_order=True)
        )

    def placed(
        self, rows: pl.DataFrame, pinnable: Collection[str], *, is_capped: bool = True
    ) -> pl.DataFrame:
        """Finished rows, the best first: within the caps, and each pin at its place.

        Parameters
        ----------
        pinnable
            The products that may be pinned here: a pin goes against no kind of list.
        is_capped
            Whether caps hold: a list of one category, which was asked for, has none.
        """
        pins = {product: place for product, place in self.pins.items() if product in pinnable}
        if not pins and not (self.is_capped and is_capped):
            return rows
        counts: dict[str, int] = {}
        for product in pins:
            self._has_room(product, counts, is_capped=False)  # a pin counts, and stays
        kept: list[dict[str, Any]] = [
            row
            for row in rows.unique("product_id", keep="first", maintain_order=True).iter_rows(
                named=True
            )
            if row["product_id"] not in pins
            and self._has_room(row["product_id"], counts, is_capped=is_capped)
        ]
        for product, place in pins.items():
            at = min(place - 1, len(kept))
            beside = kept[at : at + 1] or kept[at - 1 : at]
            kept.insert(at, _pinned(product, place, beside[0]["score"] if beside else 1.0))
        return pl.DataFrame(kept, schema={**rows.schema, "reason": pl.String, "source": pl.String})

    def _has_room(self, product: str, counts: dict[str, int], *, is_capped: bool) -> bool:
        """Whether a product may come beside those counted; it is counted then."""
        if product not in self._most:
            return True
        category, most = self._most[product]
        if is_capped and counts.get(category, 0) >= most:
            return False
        counts[category] = counts.get(category, 0) + 1
        return True


def _pinned(product: str, place: int, score: float) -> dict[str, Any]:
    return {
        "product_id": product,
        "score": score,
        "source": SOURCE,
        "reason": f"Put here by a rule of the shop (pinned to place {place})",
    }
