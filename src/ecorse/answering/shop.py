"""One shop of a published night, as far as answers need it: read once, and kept.

What belongs here: the selects, names to ids, saved models. What does not: what is made of the rows
(``answers``), the snapshot that is read (``warehouse.snapshot``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import polars as pl

from ecorse.answering.listed import Names
from ecorse.answering.question import Read
from ecorse.answering.ruled import Rules
from ecorse.answering.saved import SavedModel
from ecorse.answering.words import WordIndex
from ecorse.errors import DataError
from ecorse.models.list_rules import RuledList
from ecorse.recommenders.basket import context_lift

PRODUCTS = """
select product_id, product_name, category, baskets, source from marts.recommendable_products
where shop_id = %s and source is not null
order by product_id
"""
SIMILARITY = """
select product_id, similar_product_id, score, relation from marts.item_similarity_served
where shop_id = %s and product_id = any(%s)
"""
TIMES = """
select product_id, calendar_month, daypart, baskets from marts.product_times where shop_id = %s
"""
LISTS = """
select product_id, score, source, reason from marts.recommendations_served
where shop_id = %s and customer_id = %s and list = %s
order by rank
"""
HAD = """
select distinct product_id from marts.basket_products where shop_id = %s and customer_id = %s
"""
BEST_SELLERS = """
select product_id, cast(baskets as double precision) as score, source, baskets
from marts.popular_recommendations
where shop_id = %s and scope = %s and scope_value = %s
order by rank
"""
SEGMENTS = """
select product_id, bought_share as score, segment_name, segment_id, bought_by, members
from marts.segment_recommendations
where shop_id = %s and segmentation = %s
order by segment_id, rank
"""
SEGMENTATIONS = """
select distinct segmentation from marts.segment_recommendations where shop_id = %s order by 1
"""
RULES = """
select product_id, category, is_allowed, factor, pin_place, at_most, boosted
from marts.ruled_products
where shop_id = %s and list = %s
order by product_id
"""
SERVED = "select list, method from marts.served_model where shop_id = %s"
FILES = "select method, artifact_sha256 from marts.served_artifacts where shop_id = %s"


class Shop:
    """What a night has of one shop; each thing is read when it is first asked for.

    Parameters
    ----------
    read
        Reads a select of the night, which stands still.
    """

    def __init__(self, read: Read, shop_id: str) -> None:
        self._read, self.shop_id = read, shop_id
        self._models: dict[str, SavedModel] = {}
        self._rules: dict[str, Rules] = {}

    @cached_property
    def catalogue(self) -> pl.DataFrame:
        """``product_id, product_name, category, baskets, source``, sorted by id.

        Raises
        ------
        DataError
            There is no product that anything is known of.
        """
        found = self._read(PRODUCTS, (self.shop_id,)).sort("product_id")
        if found.is_empty():
            raise DataError(
                f"Shop {self.shop_id!r} has no lists: no order of it is a purchase, and no event "
                "names a product. See model_status."
            )
        return found

    @property
    def sellers(self) -> pl.DataFrame:
        """``product_id, score, source, baskets`` of the whole catalogue, the best seller first."""
        rows = self.catalogue.sort(["baskets", "product_id"], descending=[True, False])
        score = pl.col("baskets").cast(pl.Float64)
        return rows.select("product_id", "source", "baskets", score=score)

    @cached_property
    def names(self) -> Names:
        """Name and category of each product of the catalogue, by id."""
        rows = self.catalogue.select("product_id", "product_name", "category").iter_rows()
        return {product: (name, category) for product, name, category in rows}

    @cached_property
    def words(self) -> WordIndex:
        """The words of the catalogue."""
        return WordIndex(self.catalogue)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        """The catalogue's row of each id and name, in any case; an id before a name."""
        found: dict[str, int] = {}
        for column in ("product_id", "product_name"):
            for number, text in enumerate(self.catalogue[column].to_list()):
                found.setdefault((text or "").casefold(), number)
        return found

    def product_id(self, wanted: str) -> str:
        """The id of a product, named by id or by name in any case.

        Raises
        ------
        DataError
            There is none; the message has close names.
        """
        if wanted in self.names:  # of ids that differ in case alone, the one that is meant
            return wanted
        folded = wanted.strip().casefold()
        number = self._numbers.get(folded)
        if number is not None:
            return str(self.catalogue["product_id"][number])
        near = [n for n in self.catalogue["product_name"] if folded and folded in n.casefold()][:5]
        raise DataError(
            f"Shop {self.shop_id!r} sells no {wanted!r}. "
            + (f"Did you mean {', '.join(near)}? " if near else "")
            + "All are in marts.recommendable_products."
        )

    def of_category(self, category: str | None) -> pl.DataFrame:
        """The products of a category; all, where none is asked for.

        Raises
        ------
        DataError
            There is no such category; the message has those that there are.
        """
        if category is None:
            return self.catalogue
        found = self.catalogue.filter(pl.col("category") == category)
        if found.is_empty():
            known = sorted(self.catalogue["category"].drop_nulls().unique())
            raise DataError(
                f"No product has the category {category!r}; there are: "
                f"{', '.join(known) or 'none'}."
            )
        return found

    def rules(self, kind: RuledList) -> Rules:
        """What the shop's rules are for one kind of list."""
        if kind not in self._rules:
            self._rules[kind] = Rules(self._read(RULES, (self.shop_id, kind)))
        return self._rules[kind]

    def similar(self, product_ids: list[str]) -> pl.DataFrame:
        """Rows of ``item_similarity_served`` of these products."""
        return self._read(SIMILARITY, (self.shop_id, product_ids))

    def list_of(self, customer: str, kind: str) -> pl.DataFrame:
        """``product_id, score, source, reason`` of a customer's served list, the best first."""
        return self._read(LISTS, (self.shop_id, customer, kind))

    def had_by(self, customer: str) -> list[str]:
        """What a customer bought; in a shop without purchases, what the customer looked at."""
        found: list[str] = self._read(HAD, (self.shop_id, customer))["product_id"].to_list()
        return found

    def best_sellers(self, scope: str, value: str) -> pl.DataFrame:
        """``product_id, score, source, baskets`` of ``popular_recommendations``."""
        return self._read(BEST_SELLERS, (self.shop_id, scope, value))

    def segment(self, segmentation: str, segment: str) -> pl.DataFrame:
        """The rows of ``segment_recommendations`` of one segment, named in any case or by number.

        Raises
        ------
        DataError
            There is no such segmentation or segment with a list; the message has those there are.
        """
        rows = self._read(SEGMENTS, (self.shop_id, segmentation))
        if rows.is_empty():
            known = self._read(SEGMENTATIONS, (self.shop_id,))["segmentation"].to_list()
            raise DataError(
                f"Shop {self.shop_id!r} has no lists of segmentation {segmentation!r}; it has "
                f"those of {', '.join(known) or 'none'}."
            )
        wanted = segment.strip().casefold()
        names = rows.select("segment_id", "segment_name").unique(maintain_order=True).rows()
        for number, name in names:
            if wanted in (str(number), name.casefold()):
                return rows.filter(pl.col("segment_id") == number)
        raise DataError(
            f"Segmentation {segmentation!r} has no segment {segment!r} with a list; it has "
            f"{', '.join(name for _, name in names)}."
        )

    def lift(self, month: int | None, daypart: str | None) -> pl.DataFrame | None:
        """How much more each product sells at a time; ``None`` for no time in particular."""
        if month is None and daypart is None:
            return None
        return context_lift(self._times, month=month, daypart=daypart)

    @cached_property
    def _times(self) -> pl.DataFrame:
        return self._read(TIMES, (self.shop_id,))

    @cached_property
    def served(self) -> dict[str, str]:
        """The method that is served, by list."""
        return dict(self._read(SERVED, (self.shop_id,)).iter_rows())

    @cached_property
    def _files(self) -> dict[str, str]:
        return dict(self._read(FILES, (self.shop_id,)).iter_rows())

    def model(self, method: str) -> SavedModel:
        """The saved model of a method, loaded once.

        Raises
        ------
        DataError
            The night has none of this name; the message has those that it has.
        ModelRejected
            Its file is lost or was changed.
        """
        if method not in self._models:
            if method not in self._files:
                raise DataError(
                    f"Shop {self.shop_id!r} has no saved model {method!r}; it has "
                    f"{', '.join(sorted(self._files)) or 'none'}."
                )
            self._models[method] = SavedModel.load(method, self._files[method])
        return self._models[method]
