"""The rules of one night in the numbers of a recommender's products, for each kind of list.

What belongs here: limits, pins and words out of a shop's rows of ``ruled_products``. What does not:
what rules come to (that mart); reading it (``shop_rules``); how lists keep to it
(``recommenders.choosing``, ``ruled_lists``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from ecorse.errors import DataError
from ecorse.models.list_rules import AnyRule, Pin
from ecorse.models.ranked import NOTHING, Ids
from ecorse.models.recommender_file import ListKind
from ecorse.recommenders.choosing import Limits
from ecorse.training.fitted import places
from ecorse.training.ruled_lists import KindRules
from ecorse.training.shop_rules import WHERE, ShopRules


@dataclass(frozen=True)
class Ruled:
    """The rules of one method's lists.

    Attributes
    ----------
    kinds
        Of each kind of list that has rules.
    told
        What of the rules comes to nothing tonight, in sentences.
    """

    kinds: Mapping[ListKind, KindRules]
    told: tuple[str, ...]

    @classmethod
    def of(cls, shop: ShopRules, kinds: Collection[ListKind], product_ids: pl.Series) -> Ruled:
        """Those of tonight, in the numbers of the products.

        Raises
        ------
        DataError
            A rule of the shop's own names what the shop has not, or rules leave no product.
        """
        rules, unknown = shop.of_lists(kinds)
        ruled: dict[ListKind, KindRules] = {}
        for kind in kinds:
            own = {n: rule for n, rule in rules.items() if kind in rule.lists}
            if own:
                ruled[kind] = _of_kind(shop, kind, own, product_ids)
        in_vain = [told for of_kind in ruled.values() for told in of_kind.in_vain]
        return cls(ruled, tuple(dict.fromkeys([*unknown, *in_vain])))


def _of_kind(
    shop: ShopRules, kind: ListKind, rules: Mapping[int, AnyRule], product_ids: pl.Series
) -> KindRules:
    """The rules of one kind of list, in numbers.

    Raises
    ------
    DataError
        They leave no product.
    """
    touched = shop.products.filter(pl.col("list") == kind)
    about = product_ids.to_frame("product_id").join(
        touched, on="product_id", how="left", maintain_order="left"
    )
    allowed = about["is_allowed"].fill_null(value=True).to_numpy().copy()
    if not allowed.any():
        narrowing = [f"rules[{n}]" for n, rule in rules.items() if rule.is_narrowing]
        raise DataError(
            f"{WHERE} (shop {shop.shop_id}): {', '.join(narrowing)} leave none of "
            f"{len(product_ids)} products for the lists {kind}. Take one out, or say lists, from "
            "and to."
        )
    pins, in_vain = _pins(rules, about)
    allowed[[item for _, item in pins]] = False
    groups, most = _caps(about)
    words = about["boosted"]
    quoted = pl.Series(
        [None if text is None else json.dumps(text, ensure_ascii=False) for text in words],
        dtype=pl.String,
    )
    limits = Limits(allowed, about["factor"].fill_null(1.0).to_numpy(), groups, most)
    return KindRules(limits, pins, words, quoted, in_vain)


def _pins(
    rules: Mapping[int, AnyRule], about: pl.DataFrame
) -> tuple[list[tuple[int, int]], list[str]]:
    """Places and products by rising place, and which are excluded: these are not pinned."""
    placed = about["pin_place"].to_list()
    pins = [(place, item) for item, place in enumerate(placed) if place is not None]
    out = set(about.filter(~pl.col("is_allowed"))["product_id"].to_list())
    in_vain = [
        f"{WHERE}: rules[{number}] pins {rule.product!r}, which other rules take out."
        for number, rule in rules.items()
        if isinstance(rule, Pin) and rule.product in out
    ]
    return sorted(pins), in_vain


def _caps(about: pl.DataFrame) -> tuple[Ids, Ids]:
    """Of each product its group, and of each group how many a list may have."""
    capped = about.filter(pl.col("at_most").is_not_null(), pl.col("category").is_not_null())
    groups = capped.group_by("category").agg(pl.col("at_most").min()).sort("category")
    is_capped = about["at_most"].is_not_null().to_numpy()
    numbers = places(about["category"], groups["category"])
    most = groups["at_most"].cast(pl.Int64).to_numpy()
    return np.where(is_capped, numbers, NOTHING).astype(np.int64), most
