"""The rules of one night: what they are for each kind of list, in numbers, and as rows.

What belongs here: limits, pins and words out of rules and a shop's products. What does not: reading
(``shop_rules``), how lists keep to it (``recommenders.choosing``, ``ruled_lists``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ecorse.errors import DataError
from ecorse.models.interactions import Interactions
from ecorse.models.list_rules import (
    AnyRule,
    Boost,
    CategoryCap,
    Exclude,
    ListRule,
    Only,
    PickingRule,
    Pin,
    PriceBand,
)
from ecorse.models.ranked import NOTHING, Ids
from ecorse.models.recommender_file import ListKind
from ecorse.recommenders.choosing import Limits
from ecorse.recommenders.results import LIST_RULES
from ecorse.training.fitted import places
from ecorse.training.ruled_lists import KindRules
from ecorse.training.shop_rules import COLUMN, WHERE, ShopRules
from ecorse.training.typed import make_frame

NOUN = {"products": "product", "categories": "category", "brands": "brand"}
NO_LIMIT = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Ruled:
    """The rules of one method's lists.

    Attributes
    ----------
    kinds
        Of each kind of list that has rules.
    rows
        Of ``list_rules``.
    told
        What of the rules comes to nothing tonight, in sentences.
    """

    kinds: Mapping[ListKind, KindRules]
    rows: pl.DataFrame
    told: tuple[str, ...]

    @classmethod
    def of(
        cls, shop: ShopRules, kinds: Collection[ListKind], data: Interactions, method: str
    ) -> Ruled:
        """Those that hold on the last day of the shop's data.

        Raises
        ------
        DataError
            A rule of the shop's own names what the shop has not, or rules leave no product.
        """
        last: datetime = data.whole.rows["at"].max()  # type: ignore[assignment]
        return cls.on(shop, kinds, data.items["product_id"], method, last.date())

    @classmethod
    def on(
        cls,
        shop: ShopRules,
        kinds: Collection[ListKind],
        product_ids: pl.Series,
        method: str,
        day: date,
    ) -> Ruled:
        """Those of one day; see ``of``."""
        rules, unknown = shop.of_day(day, kinds)
        ids = pl.DataFrame({"product_id": product_ids})
        about = ids.join(shop.about, on="product_id", how="left", maintain_order="left")
        every = _DayRules(rules, shop, about)
        found = {kind: every.of_kind(kind) for kind in kinds}
        ruled = {kind: of_kind for kind, of_kind in found.items() if of_kind is not None}
        in_vain = [told for of_kind in ruled.values() for told in of_kind.in_vain]
        rows = [
            {"method": method, "list": kind, "rule_number": number, **every.row(number)}
            for kind in kinds
            for number, rule in rules.items()
            if kind in rule.lists
        ]
        return cls(ruled, make_frame(LIST_RULES, rows), tuple(dict.fromkeys([*unknown, *in_vain])))


@dataclass(frozen=True)
class _DayRules:
    """The rules that hold, by their place in the file, and the products they are held against."""

    rules: Mapping[int, AnyRule]
    shop: ShopRules
    about: pl.DataFrame

    def of_kind(self, kind: ListKind) -> KindRules | None:
        """The rules of one kind of list, in numbers of the products; ``None`` without any.

        Raises
        ------
        DataError
            They leave no product.
        """
        rules = {n: rule for n, rule in self.rules.items() if kind in rule.lists}
        if not rules:
            return None
        n = self.about.height
        allowed, factors = np.ones(n, dtype=bool), np.ones(n)
        words = pl.Series([None], dtype=pl.String).new_from_index(0, n)
        for number, rule in rules.items():
            if isinstance(rule, Exclude | Only):
                allowed &= self._picked(number, rule) == isinstance(rule, Only)
            elif isinstance(rule, PriceBand):
                allowed &= self._in("price_band", rule.bands)
            elif isinstance(rule, Boost):
                why = self._why(number, rule)
                factors[why.is_not_null().to_numpy()] *= rule.factor
                words = _and(words, _said(rule) + why)
        if not allowed.any():
            narrowing = [f"rules[{n}]" for n, r in rules.items() if _is_narrowing(r)]
            raise DataError(
                f"{WHERE} (shop {self.shop.shop_id}): {', '.join(narrowing)} leave none of {n} "
                f"products for the lists {kind}. Take one out, or say lists, from and to."
            )
        pins, in_vain = self._pins(rules, allowed)
        allowed[[item for _, item in pins]] = False
        groups, most = _caps(rules, self.about["category"])
        quoted = pl.Series(
            [None if text is None else json.dumps(text, ensure_ascii=False) for text in words],
            dtype=pl.String,
        )
        limits = Limits(allowed, factors, groups, most)
        return KindRules(limits, pins, words, quoted, in_vain)

    def row(self, number: int) -> dict[str, Any]:
        """What a row of ``list_rules`` says of a rule."""
        rule = self.rules[number]
        return {
            "shop_id": self.shop.shop_id,
            "rule": rule.rule,
            "declared": rule.model_dump_json(by_alias=True, exclude_defaults=True),
            "products": self._named(number, rule),
            "is_narrowing": _is_narrowing(rule),
            "from_date": rule.from_,
            "to_date": rule.to,
        }

    def _named(self, number: int, rule: AnyRule) -> int:
        """How many of the products a rule is about."""
        if isinstance(rule, Pin):
            return int(self._in("product_id", [rule.product]).sum())
        if isinstance(rule, PriceBand):
            return int(self._in("price_band", rule.bands).sum())
        if isinstance(rule, CategoryCap):
            every = self.about["category"].drop_nulls().unique().to_list()
            return int(self._in("category", rule.categories or every).sum())
        return int(self._picked(number, rule).sum())

    def _in(self, column: str, names: Collection[str]) -> npt.NDArray[np.bool_]:
        """``(n,)`` whether each product is of these; one of which it is not known is not."""
        found = self.about[column].is_in(list(names)).fill_null(value=False)
        return found.to_numpy()

    def _picked(self, number: int, rule: PickingRule) -> npt.NDArray[np.bool_]:
        """``(n,)`` whether a rule that picks products is about each."""
        return self._why(number, rule).is_not_null().to_numpy()

    def _why(self, number: int, rule: PickingRule) -> pl.Series:
        """``category Cables`` of each product that a rule is about for its category, else null."""
        selected = self.shop.selected.get(number, pl.Series([], dtype=pl.String))
        reasons = [
            pl.when(pl.col(column).is_in(list(getattr(rule, key)))).then(
                pl.format(f"{NOUN[key]} {{}}", column)
            )
            for key, column in COLUMN.items()
        ]
        of_select = pl.when(pl.col("product_id").is_in(selected.implode())).then(
            pl.lit("of its select")
        )
        return self.about.select(pl.coalesce(*reasons, of_select)).to_series()

    def _pins(
        self, rules: Mapping[int, AnyRule], allowed: npt.NDArray[np.bool_]
    ) -> tuple[list[tuple[int, int]], list[str]]:
        """Places and products by rising place, and which are excluded: these are not pinned."""
        pins = {number: rule for number, rule in rules.items() if isinstance(rule, Pin)}
        named = pl.Series([rule.product for rule in pins.values()], dtype=pl.String)
        items = places(named, self.about["product_id"])
        found, in_vain = list[tuple[int, int]](), list[str]()
        for (number, rule), item in zip(pins.items(), items, strict=True):
            if item != NOTHING and allowed[item]:
                found.append((rule.place, int(item)))
            elif item != NOTHING:
                in_vain.append(
                    f"{WHERE}: rules[{number}] pins {rule.product!r}, which other rules take out."
                )
        return sorted(found), in_vain


def _is_narrowing(rule: ListRule) -> bool:
    """Whether a rule leaves fewer products to choose from."""
    return isinstance(rule, Exclude | Only | PriceBand | CategoryCap)


def _said(rule: Boost) -> str:
    return f"{'boosted' if rule.factor >= 1 else 'put back'} {rule.factor:g}: "


def _and(words: pl.Series, more: pl.Series) -> pl.Series:
    return (
        pl.select(pl.concat_str(words, more, separator="; ", ignore_nulls=True))
        .select(pl.when(pl.first() != "").then(pl.first()))
        .to_series()
    )


def _caps(rules: Mapping[int, AnyRule], categories: pl.Series) -> tuple[Ids, Ids]:
    """Of each product its group, and of each group how many a list may have: the fewest said."""
    names = categories.drop_nulls().unique().sort()
    numbers = places(categories, names)
    most = np.full(len(names), NO_LIMIT)
    for rule in rules.values():
        if isinstance(rule, CategoryCap):
            is_meant = names.is_in(list(rule.categories or names)).to_numpy()
            most[is_meant] = np.minimum(most[is_meant], rule.at_most)
    is_capped = most < NO_LIMIT
    group_of = np.where(is_capped, np.cumsum(is_capped) - 1, NOTHING)
    groups = np.where(numbers == NOTHING, NOTHING, group_of[numbers]) if len(names) else numbers
    return groups.astype(np.int64), most[is_capped]
