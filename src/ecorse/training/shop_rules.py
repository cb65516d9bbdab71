"""The shop's rules of tonight, as the marts have them, for one shop's recommenders.

What belongs here: reading them out of a build, refusing names that the shop has not. What does
not: which products a rule is about and what rules come to (``include/sql/marts/products``:
``rule_products``, ``rules_in_force``, ``ruled_products``); the rules in numbers (``day_rules``).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl
from psycopg import sql
from pydantic import TypeAdapter

from ecorse import declared
from ecorse.errors import DataError
from ecorse.models.list_rules import FILE, AnyRule, ListRule, Pin, RuledList
from ecorse.refresh.relations import build_relation
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

WHERE = f"include/{FILE}"
IN_FORCE = {
    "list": pl.String, "rule_number": pl.Int32, "is_own": pl.Boolean, "is_narrowing": pl.Boolean,
    "declared": pl.String,
}  # fmt: skip
PRODUCTS = {
    "list": pl.String, "product_id": pl.String, "category": pl.String, "is_allowed": pl.Boolean,
    "factor": pl.Float64, "pin_place": pl.Int32, "at_most": pl.Int32, "boosted": pl.String,
}  # fmt: skip
ABOUT = {"product_id": pl.String, "category": pl.String, "brand": pl.String}
COLUMN = {"products": "product_id", "categories": "category", "brands": "brand"}
_RULE: TypeAdapter[AnyRule] = TypeAdapter(AnyRule)


def _empty(schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(schema))


@dataclass(frozen=True)
class ShopRules:
    """One shop's rules of a night.

    Attributes
    ----------
    in_force
        ``IN_FORCE``: the shop's rows of ``rules_in_force``.
    products
        ``PRODUCTS``: the shop's rows of ``ruled_products``.
    about
        ``ABOUT``: a row per product of the shop, to tell which names there are.
    """

    shop_id: str = ""
    in_force: pl.DataFrame = field(default_factory=lambda: _empty(IN_FORCE))
    products: pl.DataFrame = field(default_factory=lambda: _empty(PRODUCTS))
    about: pl.DataFrame = field(default_factory=lambda: _empty(ABOUT))

    def of_lists(
        self, kinds: Collection[RuledList]
    ) -> tuple[Mapping[int, AnyRule], tuple[str, ...]]:
        """The rules for these kinds of lists by their place in the file, and what they name in
        vain.

        Raises
        ------
        DataError
            A rule of the shop's own names a product, category or brand that the shop has not. (Of
            a rule for every shop another shop may have it.)
        """
        held = self.in_force.filter(pl.col("list").is_in(list(kinds))).unique("rule_number")
        rules = dict[int, AnyRule]()
        own, unknown = list[str](), list[str]()
        columns = held.sort("rule_number").select("rule_number", "declared", "is_own")
        for number, text, is_own in columns.rows():
            rules[number] = _RULE.validate_json(text)
            (own if is_own else unknown).extend(self._unknown(number, rules[number]))
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


def read_shop_rules(build_id: int, shop_id: str) -> ShopRules:
    """One shop's rules in a build; nothing stays open."""
    with connect(application_name=f"ecorse rules {shop_id}") as conn:

        def rows(table: str, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
            query = sql.SQL("select {} from {} where shop_id = {}").format(
                sql.SQL(", ").join(map(sql.Identifier, schema)),
                sql.Identifier("builds", build_relation(table, build_id)),
                shop_id,
            )
            return read_frame(conn, query.as_string(conn)).cast(dict(schema))  # type: ignore[arg-type]

        in_force = rows("rules_in_force", IN_FORCE)
        if in_force.is_empty():
            return ShopRules(shop_id)
        names = rows("recommendable_products", {"product_id": pl.String, "category": pl.String})
        brands = rows("catalogue", {"product_id": pl.String, "brand": pl.String})
        about = names.join(brands, on="product_id", how="left")
        return ShopRules(shop_id, in_force, rows("ruled_products", PRODUCTS), about)
