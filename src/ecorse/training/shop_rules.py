"""Which products the rules of ``include/rules.toml`` are about, in one shop on one day.

What belongs here: reading what rules name of a shop's products, refusing names that there are not,
and the rules of each kind of list in numbers. What does not: what the file may say
(``models.list_rules``), how lists keep to it (``recommenders.choosing``, ``ruled_lists``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import psycopg
from psycopg import sql

from ecorse import declared
from ecorse.errors import ConfigError, DataError
from ecorse.models.list_rules import (
    EVERY_SHOP,
    FILE,
    NO_RULES,
    Boost,
    CategoryCap,
    Exclude,
    ListRule,
    Only,
    PickingRule,
    Pin,
    PriceBand,
    RulesFile,
)
from ecorse.models.ranked import NOTHING, Ids
from ecorse.models.recommender_file import ListKind
from ecorse.recommenders.choosing import Limits
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.training.fitted import places
from ecorse.training.ruled_lists import KindRules
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

WHERE = f"include/{FILE}"
ABOUT = {
    "product_id": pl.String,
    "category": pl.String,
    "price_band": pl.String,
    "brand": pl.String,
}
NOUN = {"products": "product", "categories": "category", "brands": "brand"}
COLUMN = {"products": "product_id", "categories": "category", "brands": "brand"}


@dataclass(frozen=True)
class ShopRules:
    """The rules of the file, and what they name of one shop's products.

    Attributes
    ----------
    about
        ``ABOUT``, a row per product of the shop's catalogue.
    selected
        The product ids of each rule's select, by the rule's place in the file.
    """

    file: RulesFile = NO_RULES
    shop_id: str = ""
    about: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=dict.fromkeys(ABOUT, pl.String))
    )
    selected: Mapping[int, pl.Series] = field(default_factory=dict)

    def of_day(self, day: date) -> DayRules:
        """Those that hold on the last day of the shop's data.

        Raises
        ------
        DataError
            A rule of the shop's own names a product, category or brand that the shop has not.
        """
        rules = {n: r for n, r in enumerate(self.file.rules) if r.is_for(self.shop_id, day)}
        own, unknown = list[str](), list[str]()
        for number, rule in rules.items():
            for told in self._unknown(number, rule):
                (unknown if rule.shop_id == EVERY_SHOP else own).append(told)
        if own:
            where = f"{WHERE} (shop {self.shop_id})"
            try:
                declared.refuse(where, own)
            except ConfigError as error:
                raise DataError(str(error)) from None
        return DayRules(rules, self, tuple(unknown))

    def _unknown(self, number: int, rule: ListRule) -> Iterator[str]:
        for key, name in _names(rule):
            known = self._known[COLUMN[key]]
            if name not in known:
                at = f"rules[{number}].{'product' if isinstance(rule, Pin) else key}"
                near = difflib.get_close_matches(name, known, n=1)
                meant = f"; is {near[0]!r} meant" if near else ""
                yield f"{at}: the shop has no {COLUMN[key]} {name!r}{meant}"

    @cached_property
    def _known(self) -> Mapping[str, Collection[str]]:
        return {c: set(self.about[c].drop_nulls().to_list()) for c in COLUMN.values()}


NO_SHOP_RULES = ShopRules()


@dataclass(frozen=True)
class DayRules:
    """The rules that hold, by their place in the file; ``unknown``: what they name in vain."""

    rules: Mapping[int, Any]
    shop: ShopRules
    unknown: tuple[str, ...] = ()

    def of_kind(self, kind: ListKind, product_ids: pl.Series) -> KindRules | None:
        """The rules of one kind of list, in numbers of ``product_ids``; ``None`` without any.

        Raises
        ------
        DataError
            They leave no product.
        """
        rules = {n: rule for n, rule in self.rules.items() if kind in rule.lists}
        if not rules:
            return None
        n, ids = len(product_ids), pl.DataFrame({"product_id": product_ids})
        about = ids.join(self.shop.about, on="product_id", how="left", maintain_order="left")
        allowed, factors = np.ones(n, dtype=bool), np.ones(n)
        words = pl.Series([None], dtype=pl.String).new_from_index(0, n)
        for number, rule in rules.items():
            if isinstance(rule, Exclude | Only):
                allowed &= self._picked(number, rule, about) == isinstance(rule, Only)
            elif isinstance(rule, PriceBand):
                allowed &= about["price_band"].is_in(rule.bands).fill_null(value=False).to_numpy()
            elif isinstance(rule, Boost):
                why = self._why(number, rule, about)
                factors[why.is_not_null().to_numpy()] *= rule.factor
                words = _and(words, pl.select(pl.concat_str(pl.lit(_said(rule)), why)).to_series())
        if not allowed.any():
            narrowing = [f"rules[{n}]" for n, r in rules.items() if narrows(r)]
            raise DataError(
                f"{WHERE} (shop {self.shop.shop_id}): {', '.join(narrowing)} leave none of {n} "
                f"products for the lists {kind}. Take one out, or say lists, from and to."
            )
        pins = self._pins(rules, about["product_id"], allowed)
        allowed[[item for _, item in pins]] = False
        groups, most = _caps(rules, about["category"])
        quoted = pl.Series(
            [None if text is None else json.dumps(text, ensure_ascii=False) for text in words],
            dtype=pl.String,
        )
        return KindRules(Limits(allowed, factors, groups, most), pins, words, quoted)

    def _picked(self, number: int, rule: PickingRule, about: pl.DataFrame) -> Any:
        """``(n,)`` whether a rule that picks products is about each."""
        return self._why(number, rule, about).is_not_null().to_numpy()

    def _why(self, number: int, rule: PickingRule, about: pl.DataFrame) -> pl.Series:
        """``category Cables`` of each product that a rule is about for its category, else null."""
        no_ids = pl.Series([], dtype=pl.String)
        is_selected = pl.col("product_id").is_in(self.shop.selected.get(number, no_ids).implode())
        reasons = [
            pl.when(
                pl.col(COLUMN[key]).is_in(pl.Series(getattr(rule, key), dtype=pl.String).implode())
            ).then(pl.format(f"{NOUN[key]} {{}}", COLUMN[key]))
            for key in COLUMN
        ]
        of_select = pl.when(is_selected).then(pl.lit("of a select"))
        return about.select(pl.coalesce(*reasons, of_select)).to_series()

    @staticmethod
    def _pins(rules: Mapping[int, Any], ids: pl.Series, allowed: Any) -> list[tuple[int, int]]:
        """Places and products by rising place; what is excluded is not pinned either."""
        pins = [rule for rule in rules.values() if isinstance(rule, Pin)]
        items = places(pl.Series([rule.product for rule in pins], dtype=pl.String), ids)
        return sorted(
            (rule.place, int(item))
            for rule, item in zip(pins, items, strict=True)
            if item != NOTHING and allowed[item]
        )


def narrows(rule: ListRule) -> bool:
    """Whether a rule leaves fewer products to choose from."""
    return isinstance(rule, Exclude | Only | PriceBand | CategoryCap)


def _names(rule: ListRule) -> Iterator[tuple[str, str]]:
    """What a rule names, each with the key of ``COLUMN`` that it is."""
    if isinstance(rule, Pin):
        yield "products", rule.product
    for key in COLUMN:
        for name in getattr(rule, key, ()):
            yield key, name


def _said(rule: Boost) -> str:
    return f"{'boosted' if rule.factor >= 1 else 'put back'} {rule.factor:g}: "


def _and(words: pl.Series, more: pl.Series) -> pl.Series:
    return (
        pl.select(pl.concat_str(words, more, separator="; ", ignore_nulls=True))
        .select(pl.when(pl.first() != "").then(pl.first()))
        .to_series()
    )


def _caps(rules: Mapping[int, Any], categories: pl.Series) -> tuple[Ids, Ids]:
    """Of each product its group, and of each group how many a list may have: the fewest said."""
    names = categories.drop_nulls().unique().sort()
    numbers = places(categories, names)
    most = np.full(len(names), np.iinfo(np.int64).max)
    for rule in rules.values():
        if isinstance(rule, CategoryCap):
            whom = pl.Series(rule.categories, dtype=pl.String) if rule.categories else names
            is_meant = names.is_in(whom.implode()).to_numpy()
            most[is_meant] = np.minimum(most[is_meant], rule.at_most)
    is_capped = most < np.iinfo(np.int64).max
    group_of = np.where(is_capped, np.cumsum(is_capped) - 1, NOTHING)
    groups = np.where(numbers == NOTHING, NOTHING, group_of[numbers]) if len(names) else numbers
    return groups.astype(np.int64), most[is_capped]


def read_shop_rules(file: RulesFile, build_id: int, shop_id: str) -> ShopRules:
    """What the rules name of one shop's products in a build; nothing stays open.

    Raises
    ------
    ConfigError
        Postgres refuses a select.
    """
    if not any(rule.shop_id in (EVERY_SHOP, shop_id) for rule in file.rules):
        return ShopRules(shop_id=shop_id)
    brand, join = "cast(null as text)", ""
    if file.names_brands:
        brand = "c.brand"
        join = (
            "left join marts.catalogue as c "
            "on c.shop_id = p.shop_id and c.product_id = p.product_id"
        )
    query = (
        f"select p.shop_id, p.product_id, p.category, p.price_band, {brand} as brand "
        f"from marts.recommendable_products as p {join}"
    )
    with connect(application_name=f"ecorse rules {shop_id}") as conn:

        def rows(select: str, where: str) -> pl.DataFrame:
            rendered = render(select, resolver(build_id), where)
            asked = sql.SQL("select * from ({}) as q where shop_id = {}").format(
                sql.SQL(rendered), sql.Literal(shop_id)
            )
            try:
                return read_frame(conn, asked.as_string(conn))
            except psycopg.ProgrammingError as error:
                raise ConfigError(
                    f"{where}: Postgres refuses it: {error.diag.message_primary} "
                    f"({error.sqlstate}). It gives shop_id and product_id."
                ) from error

        about = rows(query, WHERE).select(pl.col(ABOUT).cast(pl.String))
        selected = {
            number: _ids(rows(select, f"{WHERE}: rules[{number}].select"), number)
            for number, select in file.selects().items()
            if file.rules[number].shop_id in (EVERY_SHOP, shop_id)
        }
    return ShopRules(file, shop_id, about, selected)


def _ids(frame: pl.DataFrame, number: int) -> pl.Series:
    if "product_id" not in frame.columns:
        raise ConfigError(f"{WHERE}: rules[{number}].select gives no column product_id.")
    return frame["product_id"].cast(pl.String).drop_nulls().unique()
