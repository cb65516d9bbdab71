"""Counts of recommenders and those of the marts of the same night are the same."""

import numpy as np
import pytest

from ecorse import flow
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.recommenders.association_rules import AssociationRules, AssociationRulesConfig
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.testing.staged import Shape, stage_shape
from ecorse.training.inputs import known_shops
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

INTERACTIONS = """
select basket_id, product_id, basket_local as at, kind, source from marts.basket_products
"""
PAIRS = """
select product_id, other_product_id, together_baskets, support, confidence, lift
from marts.frequently_bought_together where shop_id = %s
"""
OF_THE_LAST_DAYS = """
select product_id, count(distinct basket_id) from marts.basket_products
where shop_id = %(shop)s and basket_local > (
    select max(basket_local) from marts.basket_products where shop_id = %(shop)s
) - %(days)s * interval '1 day'
group by product_id
"""


def asked(query: str, parameters: object) -> list[tuple]:
    with connect() as conn:
        return conn.execute(query, parameters).fetchall()


def test_rules_and_best_sellers_are_those_that_sql_counts(warehouse):
    # at most 100 products, so that the mart lists every partner; some orders of more than 50
    with connect() as conn:
        stage_shape(conn, Shape(orders=250, lines_per_order=60, products=100, customers=50))
    assert flow.refresh(holder="test").is_published
    (shop,) = known_shops()
    with connect() as conn:
        products = read_frame(conn, "select product_id from marts.recommendable_products")
        data = Interactions.from_frames(products, read_frame(conn, INTERACTIONS))
    task, ids = Task("recommend_tested", shop), data.items["product_id"].to_list()
    config = AssociationRulesConfig(
        min_co_purchases=1, min_lift=0, neighbours=1000, rank_by="confidence"
    )
    model = AssociationRules(config).fit(data, task)
    everything = np.arange(len(ids))
    ranked = model.similar(everything, len(ids))
    told = model.explain(everything, ranked)
    rows = np.repeat(everything, ranked.is_there.sum(axis=1))
    rules = {
        (ids[one], ids[other]): figures
        for one, other, figures in zip(
            rows,
            ranked.items[ranked.is_there],
            told.select("co_purchases", "support", "confidence", "lift").rows(),
            strict=True,
        )
    }
    mart = {(one, other): figures for one, other, *figures in asked(PAIRS, (shop,))}
    assert len(mart) > 1000
    assert model.large.n_baskets > 5
    assert rules.keys() == mart.keys()
    for pair, figures in mart.items():
        assert rules[pair][0] == figures[0], pair
        assert rules[pair][1:] == pytest.approx(figures[1:], abs=6e-5), pair

    for days in (7, 60):
        popular = Popular(PopularConfig(days=days)).fit(data, task)
        baskets = data.since(days).n_baskets
        found = {
            name: round(share * baskets)
            for name, share in zip(ids, popular.shares, strict=True)
            if share
        }
        assert found == dict(asked(OF_THE_LAST_DAYS, {"shop": shop, "days": days}))
        assert len(found) > 0
