"""The rules of ``include/rules.toml`` beside one shop's products.

What belongs here: reading what rules name of a shop's products, refusing names that there are not.
What does not: what the file may say (``models.list_rules``); the rules in numbers (``day_rules``).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import polars as pl
import psycopg
from psycopg import sql

from ecorse import declared
from ecorse.errors import ConfigError, DataError
from ecorse.models.list_rules import (
    EVERY_SHOP,
    FILE,
    NO_RULES,
    AnyRule,
    ListRule,
    Pin,
    RulesFile,
)
from ecorse.models.recommender_file import ListKind
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

WHERE = f"include/{FILE}"
ABOUT = ("product_id", "category", "price_band", "brand")
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

    def of_day(
        self, day: date, kinds: Collection[ListKind]
    ) -> tuple[Mapping[int, AnyRule], tuple[str, ...]]:
        """Those for these kinds of lists that hold on the last day of the shop's data, and what
        they name in vain.

        Raises
        ------
        DataError
            A rule of the shop's own names a product, category or brand that the shop has not. (Of
            a rule for every shop another shop may have it.)
        """
        rules = {
            number: rule
            for number, rule in enumerate(self.file.rules)
            if rule.is_for(self.shop_id, day) and {*rule.lists} & {*kinds}
        }
        own, unknown = list[str](), list[str]()
        for number, rule in rules.items():
            for told in self._unknown(number, rule):
                (unknown if rule.shop_id == EVERY_SHOP else own).append(told)
        if own:
            raise DataError(declared.told(f"{WHERE} (shop {self.shop_id})", own))
        return rules, tuple(f"{WHERE}: {told}." for told in unknown)

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


def _names(rule: ListRule) -> Iterator[tuple[str, str]]:
    """What a rule names, each with the key of ``COLUMN`` that it is."""
    if isinstance(rule, Pin):
        yield "products", rule.product
    for key in COLUMN:
        for name in getattr(rule, key, ()):
            yield key, name


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
