"""Each check of the models' tables finds its damage: one night, damaged in savepoints."""

from __future__ import annotations

import psycopg
import pytest

from ecorse import flow
from ecorse.refresh.audit import all_checks
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.training.run import model_relations
from ecorse.warehouse.connect import connect


@pytest.fixture(scope="module")
def kept(snapshot, stage_more):
    """Two shops whose orders have customers, and their first night."""

    def fill() -> int:
        stage_more(orders=300, seed=1, shop_id="main")
        stage_more(orders=120, seed=2, shop_id="other", file_name="other.csv")
        with connect() as conn:
            conn.execute(
                "update staging.order_lines set customer_id = "
                "'c' || mod(split_part(order_id, '-', 2)::integer, 40), customer_key_kind = 'id'"
            )
        return flow.refresh(holder="test").build_id

    return snapshot(fill)


@pytest.fixture
def night(kept, snapshot_of):
    """A connection to that night, whose changes are undone, and its build's id."""
    with snapshot_of(kept), connect() as conn:
        yield conn, kept.result
        conn.rollback()


def failing(conn: psycopg.Connection, build_id: int) -> set[str]:
    """The checks of models' tables that find rows, as ``table.check``."""
    relations = model_relations(load_catalog())
    names = {relation.name for relation in relations}
    found, own = set(), resolver(build_id)

    def resolve(schema: str, name: str) -> str:
        # the work table is gone when a night is published
        return "marts.basket_products" if name == "basket_products" else own(schema, name)

    for table, check in all_checks(load_catalog(), relations):
        if table in names:
            query = render(check.sql, resolve, check.name)
            if conn.execute(query).fetchone():
                found.add(f"{table}.{check.name}")
    return found


def test_a_right_night_breaks_no_rule(night):
    # a shop of so few customers tells little, and says so
    found = failing(*night)
    assert "segments.nothing_to_know" in found
    assert found <= {
        "segments.no_small_segment",
        "segments.not_degenerate",
        "segments.nothing_to_know",
    }


FIRST = "ctid = (select min(ctid) from {t} where shop_id = 'main' and segmentation = 'orders')"
SEGMENT = "shop_id = 'main' and segmentation = 'orders' and segment_id = 1"
LIST = "shop_id = 'main' and list = 'for_you' and customer_id = 'c7'"
HAD = (
    "product_id in (select product_id from marts.basket_products where shop_id = 'main' "
    "and customer_id = 'c7')"
)
PAIR = "shop_id = 'main' and method = 'item_similarity' and product_id = 'cable'"


@pytest.mark.parametrize(
    ("table", "damage", "check"),
    [
        ("order_segments", f"delete from {{t}} where {FIRST}", "every_row_has_a_segment"),
        (
            "order_segments",
            f"update {{t}} set segment_id = 99 where {FIRST}",
            "segment_is_described",
        ),
        (
            "order_segments",
            f"update {{t}} set segment_name = 'x' where {FIRST}",
            "segment_is_described",
        ),
        (
            "customer_segments",
            "delete from {t} where ctid = (select min(ctid) from {t})",
            "every_row_has_a_segment",
        ),
        (
            "segments",
            f"update {{t}} set share = share + 0.01 where {SEGMENT}",
            "share_is_of_all_members",
        ),
        (
            "segments",
            "update {t} set segment_name = 'x' where shop_id = 'main'",
            "names_are_unique",
        ),
        ("segments", f"update {{t}} set is_small = true where {SEGMENT}", "no_small_segment"),
        ("segments", f"update {{t}} set is_degenerate = true where {SEGMENT}", "not_degenerate"),
        (
            "segment_traits",
            f"update {{t}} set effect_size = 1.5 where {SEGMENT}",
            "shares_in_range",
        ),
        (
            "segment_traits",
            "update {t} set inside_share = null where claim is not null",
            "claims_have_their_figures",
        ),
        (
            "segment_traits",
            "update {t} set outside_share = 1, inside_share = 0.5 where claim is not null",
            "claims_are_of_most_members",
        ),
        (
            "segmentation_features",
            "update {t} set is_used = false where is_used",
            "what_is_left_out_has_a_reason",
        ),
        ("segmentation_k", "update {t} set is_chosen = true", "one_k_is_chosen"),
        (
            "segmentation_density_grid",
            "update {t} set noise_share = 1.5 where setting = 1",
            "noise_share_in_range",
        ),
        (
            "segmentation_components",
            "update {t} set explained_variance_share = 1.1 where component = 1",
            "shares_in_range",
        ),
        (
            "item_similarity",
            f"update {{t}} set similar_product_id = product_id where {PAIR} and rank = 1",
            "no_self_pairs",
        ),
        ("item_similarity", f"insert into {{t}} select * from {{t}} where {PAIR}", "no_duplicates"),
        ("item_similarity", f"update {{t}} set rank = rank + 1 where {PAIR}", "no_rank_gaps"),
        (
            "item_similarity",
            f"update {{t}} set score = 1.5 where {PAIR} and rank = 1",
            "score_in_range",
        ),
        (
            "item_similarity",
            f"update {{t}} set score = 'NaN' where {PAIR} and rank = 1",
            "score_in_range",
        ),
        (
            "item_similarity",
            f"update {{t}} set rank = 1 - rank where {PAIR}",
            "score_falls_with_rank",
        ),
        (
            "item_similarity",
            f"update {{t}} set score = score + 1e-6 where {PAIR} and rank = 1",
            "symmetric",
        ),
        ("item_similarity", f"update {{t}} set relation = 'x' where {PAIR}", "relation_is_known"),
        (
            "user_recommendations",
            f"insert into {{t}} select * from {{t}} where {LIST}",
            "no_duplicates",
        ),
        ("user_recommendations", f"update {{t}} set rank = rank + 1 where {LIST}", "no_rank_gaps"),
        (
            "user_recommendations",
            f"update {{t}} set score = -0.5 where {LIST}",
            "score_not_negative",
        ),
        (
            "user_recommendations",
            f"update {{t}} set score = score + 1000 * rank where {LIST}",
            "score_falls_with_rank",
        ),
        (
            "user_recommendations",
            f"update {{t}} set list = 'for_all' where {LIST}",
            "list_is_known",
        ),
        ("user_recommendations", f"update {{t}} set level = 4 where {LIST}", "level_is_known"),
        (
            "user_recommendations",
            f"update {{t}} set product_id = 'nothing' where {LIST} and rank = 1",
            "only_products_of_the_catalogue",
        ),
        (
            "user_recommendations",
            f"update {{t}} set list = 'explore' where {LIST} and {HAD}",
            "explore_is_new_and_buy_again_is_not",
        ),
        (
            "user_recommendations",
            f"update {{t}} set list = 'buy_again' where {LIST} and not {HAD}",
            "explore_is_new_and_buy_again_is_not",
        ),
        (
            "recommendation_cases",
            "update {t} set ndcg = 1.5 where shop_id = 'main'",
            "ndcg_in_range",
        ),
        ("recommendation_cases", "update {t} set ndcg = 'NaN'", "ndcg_in_range"),
        (
            "recommendation_cases",
            "insert into {t} select * from {t} where shop_id = 'main'",
            "grain_is_unique",
        ),
        (
            "recommendable_products",
            "delete from {t} where shop_id = 'main' and product_id = 'cable'",
            "only_products_of_the_catalogue",
        ),
        (
            "recommendable_products",
            "delete from {t} where shop_id = 'main' and product_id = 'cable'",
            "only_neighbours_of_the_catalogue",
        ),
        ("item_similarity", f"delete from {{t}} where {PAIR}", "every_product_has_neighbours"),
        (
            "frequently_bought_together",
            "update {t} set together_baskets = 99",
            "counts_match_frequently_bought_together",
        ),
        (
            "model_scores",
            "update {t} set high = value - 0.1 where high is not null",
            "value_within_interval",
        ),
        (
            "model_status",
            "update {t} set outcome = 'failed' where model = 'segment_orders'",
            "every_model_was_trained",
        ),
    ],
)
def test_each_check_finds_its_damage(night, table, damage, check):
    conn, build_id = night
    changed = conn.execute(damage.replace("{t}", f'builds."{table}${build_id}"'))
    assert changed.rowcount > 0, "the damage hit no row"
    assert check in {name.partition(".")[2] for name in failing(conn, build_id)}


def test_a_list_may_be_shorter_by_what_its_customer_refused(night):
    """What a customer had may have been refused since (a weight below 0): it is on no list.

    The catalogue is as short as a list here, so that nothing else can take the place.
    """
    conn, build_id = night
    customer, had = conn.execute(
        """
        select customer_id, count(distinct product_id) from marts.basket_products
        where shop_id = 'main' and customer_id is not null group by 1 order by 2, 1 limit 1
        """
    ).fetchone()
    lists = resolver(build_id)("marts", "user_recommendations")
    longest = f"select max(rank) from {lists} where shop_id = 'main' and list = 'for_you'"
    assert (
        conn.execute(longest).fetchone()
        == conn.execute(
            "select count(*) from marts.recommendable_products where shop_id = 'main'"
        ).fetchone()
    )
    shorten = (
        f"delete from {lists} where shop_id = 'main' and list = 'for_you' and customer_id = %s "
        f"and rank > ({longest}) - %s"
    )
    conn.execute(shorten, (customer, had))
    assert "user_recommendations.lists_are_full" not in failing(conn, build_id)
    conn.execute(shorten, (customer, had + 1))
    assert "user_recommendations.lists_are_full" in failing(conn, build_id)
