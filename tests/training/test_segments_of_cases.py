"""Figures by segment on two nights of a warehouse, against SQL over what the first night said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ecorse import flow
from ecorse.warehouse.connect import connect

EARLY, LATER = datetime(2019, 3, 10, tzinfo=UTC), datetime(2019, 4, 25, tzinfo=UTC)
OTHERS = {
    "all", "history 0", "history 1", "history 2-4", "history 5-19", "history 20+", "new items"
}  # fmt: skip
# each customer's nDCG, by the segment of the first night, of the windows that began after its data
BY_SEGMENT = """
select 'rfm: ' || s.segment_name, avg(c.ndcg), count(*)
from marts.recommendation_cases as c
inner join builds.customer_segments as s
    on s.build_id = %s and s.segmentation = 'rfm' and s.shop_id = c.shop_id
    and s.customer_id = c.customer_id
where c.shop_id = 'north' and c.method = 'best_sellers_lately' and c.list = 'for_you'
    and c.window_start_date > %s
group by s.segment_name
"""


def owned(query: str, *parameters: object) -> list[tuple]:
    with connect() as conn:
        return conn.execute(query.encode(), parameters).fetchall()


def slices() -> dict[str, tuple]:
    found = owned(
        "select slice, value, cases from marts.model_scores where shop_id = 'north' "
        "and method = 'best_sellers_lately' and list = 'for_you' "
        "and (metric = 'ndcg_at_10' or slice = 'new items')"
    )
    return {name: tuple(rest) for name, *rest in found}


def test_segments_are_those_that_the_night_before_the_window_told(shops):
    first = flow.refresh(holder="test", as_of=EARLY)
    assert slices().keys() == OTHERS  # nobody knows what customers were before the first night
    ((day,),) = owned("select max(order_date) from marts.orders where shop_id = 'north'")
    flow.refresh(holder="test", as_of=LATER)
    starts = [start for (start,) in owned(
        "select distinct window_start_date from marts.recommendation_cases where shop_id = 'north'"
    )]  # fmt: skip
    assert min(starts) < day < max(starts)
    found = slices()
    expected = {
        name: (pytest.approx(value), cases)
        for name, value, cases in owned(BY_SEGMENT, first.build_id, day)
    }
    assert len(expected) > 1
    assert {name: told for name, told in found.items() if name not in OTHERS} == expected
    # a night that is made as of the first one's day is told nothing by what came later
    flow.refresh(holder="test", as_of=EARLY)
    assert slices().keys() == OTHERS
