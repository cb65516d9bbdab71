"""What the report says, read from ``marts``: the rows of one shop in one published night.

What belongs here: the selects and the order of rows. What does not: words, plots and the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ecorse.models.segmentation_file import ENTITIES
from ecorse.refresh.catalog import load_catalog
from ecorse.warehouse.snapshot import Build

Row = dict[str, Any]
Read = Callable[[str, Sequence[Any]], pl.DataFrame]
MOST_ACTIONS = 20
IN_ORDER = "select * from marts.{name} where shop_id = %s order by {order}"
ORDER = {
    "segments": "segmentation, share desc, segment_id",
    "segment_profiles": "segmentation, segment_id",
    "segment_traits": "segmentation, segment_id, trait_rank",
    "segmentation_features": "segmentation, is_used desc, feature",
    "segmentation_k": "segmentation, k",
    "segmentation_components": "segmentation, component",
    "segmentation_k_distance": "segmentation, min_samples, place",
    "segmentation_density_grid": "segmentation, setting",
    "segmentation_dendrogram": "segmentation, merge",
    "segmentation_trials": "segmentation, trial",
    "segment_migrations": "segmentation, from_segment_id, to_segment_id",
    "segment_drift": "segmentation, psi desc, feature, compared",
    "segment_actions": f"action_rank limit {MOST_ACTIONS}",
}  # fmt: skip
OTHER = {
    "status": """
        select m.* from marts.model_status as m
        where m.shop_id = %s and m.task = 'segment'
        order by case m.entity when 'customer' then 1 when 'order' then 2 else 3 end, m.method
    """,
    "scores": """
        select method as segmentation, metric, value, cases from marts.model_scores
        where shop_id = %s and task = 'segment' and is_champion and value is not null
        order by method, metric
    """,
    "events": """
        select e.* from marts.segment_events as e
        inner join (
            select distinct shop_id, segmentation, night_date from marts.segment_migrations
        ) as n
            on e.shop_id = n.shop_id and e.segmentation = n.segmentation
            and e.event_date = n.night_date
        where e.shop_id = %s
        order by e.segmentation, e.event, e.segment_id, e.other_segment_id
    """,
    "rfm": """
        select s.segmentation, s.segment_id, s.segment_name, r.r_score, r.fm_score,
            count(*) as customers
        from marts.customer_segments as s
        inner join marts.customer_rfm as r
            on r.shop_id = s.shop_id and r.customer_id = s.customer_id
        where s.shop_id = %s
        group by s.segmentation, s.segment_id, s.segment_name, r.r_score, r.fm_score
        order by s.segmentation, r.r_score, r.fm_score, customers desc, s.segment_id
    """,
}
POINTS = "select segmentation, segment_id, pc1, pc2 from marts.{name} where shop_id = %s"
# what an index compares: the value, its place among others, and of what it is an index
BY = {
    "category": ("category", "null::integer", "line"),
    "price_band": ("price_band", "price_band_number", "line"),
    "weekday": ("order_weekday::text", "order_weekday", "order"),
}
INDEX = """
    select segmentation, segment_id, '{kind}' as kind, {value} as value, {place} as place,
        {of}_index as index, overall_{of}_share as overall_share, {of}s as cases
    from marts.{table} where shop_id = %s
"""
# an hour that a segment has no order in has no row there, but counts for the shop
DAYPART = """
    with hours as (
        select segmentation, daypart, order_hour, max(overall_order_share) as overall_share
        from marts.{table} where shop_id = %s group by segmentation, daypart, order_hour
    ),
    dayparts as (
        select segmentation, daypart, min(order_hour) as place, sum(overall_share) as overall_share
        from hours group by segmentation, daypart
    ),
    own as (
        select segmentation, segment_id, daypart, sum(order_share) as share,
            sum(orders)::bigint as cases
        from marts.{table} where shop_id = %s group by segmentation, segment_id, daypart
    )
    select o.segmentation, o.segment_id, 'daypart' as kind, d.daypart as value, d.place,
        o.share / nullif(d.overall_share, 0) as index, d.overall_share, o.cases
    from own as o
    inner join dayparts as d on d.segmentation = o.segmentation and d.daypart = o.daypart
"""
INDICES = ("category", "price_band", "weekday", "hour")


@dataclass(frozen=True)
class Facts:
    """The rows of one shop in one night, by table; every figure of the report is one of them."""

    build: Build
    shop: Row
    tables: Mapping[str, Sequence[Row]]
    classes: Mapping[str, str]

    def of(self, table: str, segmentation: str) -> list[Row]:
        """The rows that a table has of a segmentation."""
        return [row for row in self.tables.get(table, ()) if row["segmentation"] == segmentation]


@dataclass(frozen=True)
class One:
    """One segmentation of the shop, with its rows."""

    facts: Facts
    status: Row

    @property
    def name(self) -> str:
        """Its name in the tables."""
        return str(self.status["method"])

    @property
    def noun(self) -> str:
        """What it parts: orders or customers."""
        return ENTITIES[self.status["entity"]].noun

    @property
    def model_class(self) -> str:
        """The class of its declaration."""
        return self.facts.classes.get(self.status["model"], "")

    def rows(self, table: str) -> list[Row]:
        """Its rows of a table."""
        return self.facts.of(table, self.name)


def read_facts(read: Read, known: Mapping[str, str], build: Build, shop_id: str) -> Facts:
    """Everything the report says of one shop.

    Parameters
    ----------
    read : gives the rows of a select, all of one night.
    known : the tables that the night has; a project may have left models out.
    """
    queries = {
        name: IN_ORDER.format(name=name, order=order)
        for name, order in ORDER.items()
        if name in known
    }
    queries |= dict(_queries(known))
    shop = read("select * from marts.shops where shop_id = %s", (shop_id,)).to_dicts()
    models = load_catalog().models
    return Facts(
        build=build,
        shop=shop[0] if shop else {"shop_id": shop_id, "shop_name": shop_id, "currency": ""},
        tables={
            name: read(query, (shop_id,) * query.count("%s")).to_dicts()
            for name, query in queries.items()
        },
        classes={name: model.file.model.class_ for name, model in models.items()},
    )


def _queries(known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from (
        (name, query) for name, query in OTHER.items() if name != "rfm" or "customer_rfm" in known
    )
    for entity in ENTITIES.values():
        if entity.points in known:
            yield entity.points, POINTS.format(name=entity.points)
    for kind in INDICES:
        for table in (f"segment_by_{kind}", f"customer_segment_by_{kind}"):
            if table not in known:
                continue
            if kind not in BY:
                yield table, DAYPART.format(table=table)
                continue
            value, place, of = BY[kind]
            yield table, INDEX.format(kind=kind, value=value, place=place, of=of, table=table)


def segmentations(facts: Facts) -> list[One]:
    """The segmentations that the shop has: of customers first, then of orders, by name."""
    return [One(facts, status) for status in facts.tables["status"]]


def shops_with_segments(read: Read) -> list[str]:
    """The shops that the night has segments of, or models that say why not."""
    found: list[str] = read(
        "select distinct shop_id from marts.model_status where task = 'segment' order by 1", ()
    )["shop_id"].to_list()
    return found
