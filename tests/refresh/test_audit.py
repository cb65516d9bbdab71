"""A corrupted build is never published: each kind of damage is found, and yesterday stays."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import DataError
from ecorse.warehouse.connect import connect

# kind of damage -> what does it, with {b} for the build's number
DAMAGE = {
    "an order is there twice":
        'insert into builds."orders${b}" select * from builds."orders${b}" limit 1',
    "an order is gone":
        'delete from builds."orders${b}" '
        'where order_id = (select min(order_id) from builds."orders${b}")',
    "an order is a cent off":
        'update builds."orders${b}" set revenue = revenue + 0.01 '
        'where order_id = (select min(order_id) from builds."orders${b}")',
    "a day is missing":
        'delete from builds."daily_sales${b}" '
        'where order_date = (select min(order_date) from builds."daily_sales${b}")',
    "a category's sales are doubled":
        'update builds."sales_by_category${b}" set revenue = revenue * 2',
    "an order has no label":
        'delete from builds."order_segments${b}" '
        'where order_id = (select min(order_id) from builds."order_segments${b}")',
    "a label names no segment":
        'update builds."order_segments${b}" set segment_id = 99',
    "segment shares do not add up":
        'update builds."segments${b}" set share = share / 2',
    "a product is similar to itself":
        'update builds."item_similarity${b}" set similar_product_id = product_id where rank = 1',
    "a rank is missing":
        'delete from builds."item_similarity${b}" where rank = 1',
    "a score is above one":
        'update builds."item_similarity${b}" set score = 1.5 where rank = 1',
    "a neighbour left the catalogue":
        "update builds.\"item_similarity${b}\" set similar_product_id = 'gone' where rank = 2",
    "a product has two categories":
        'insert into builds."product_categories${b}" '
        'select * from builds."product_categories${b}" limit 1',
}  # fmt: skip
DAMAGE_BELOW = {
    "a staged row vanished":
        "delete from staging.order_lines where ctid = (select min(ctid) from staging.order_lines)",
    "a staged price changed":
        "update staging.order_lines set unit_price = unit_price + 0.01 "
        "where ctid = (select min(ctid) from staging.order_lines)",
}  # fmt: skip


def test_an_undamaged_copy_passes(night, copy_build):
    assert flow.audit(copy_build(night)).failed == []


def test_every_kind_of_damage_is_refused_and_yesterday_is_served(night, copy_build):
    found, expected = {}, {}
    for kind, damage in DAMAGE.items():
        build_id = copy_build(night)
        expected[kind] = f"Build {build_id} is not published"
        with connect() as conn:
            assert conn.execute(damage.format(b=build_id)).rowcount > 0, kind
        try:
            flow.audit(build_id)
            found[kind] = "published"
        except DataError as error:
            found[kind] = str(error).partition(":")[0]
        with pytest.raises(DataError, match="only an audited build"):
            flow.publish(build_id, holder="test")
        with connect("bi_reader") as conn:
            assert conn.execute("select build_id from marts.build_info").fetchone() == (night,)
    assert found == expected


@pytest.mark.parametrize("damage", DAMAGE_BELOW.values(), ids=DAMAGE_BELOW)
def test_damage_below_the_marts_is_refused(damage, night):
    with connect() as conn:
        assert conn.execute(damage).rowcount > 0
    with pytest.raises(DataError, match="is not published"):
        flow.refresh(holder="test")
    with connect("bi_reader") as conn:
        assert conn.execute("select build_id from marts.build_info").fetchone() == (night,)


def test_a_refused_build_says_why_in_ops(night, copy_build):
    build_id = copy_build(night)
    with connect() as conn:
        conn.execute(f'delete from builds."order_segments${build_id}"')
    with pytest.raises(DataError):
        flow.audit(build_id)
    with connect() as conn:
        status, error = conn.execute(
            "select status, error from ops.build where build_id = %s", (build_id,)
        ).fetchone()
        failed = [
            name
            for (name,) in conn.execute(
                "select mart || '.' || check_name from ops.check_result "
                "where build_id = %s and level = 'fail' and not passed",
                (build_id,),
            )
        ]
    assert status == "refused"
    assert f"Build {build_id} is not published" in error
    assert "order_segments.every_row_has_a_segment" in failed


def test_a_shop_of_1866_towns_is_published(stage_shop):
    stage_shop(orders=1866)  # one each
    with connect() as conn:
        conn.execute(
            "update staging.order_lines "
            "set city = 'Town ' || cast(split_part(order_id, '-', 2) as integer)"
        )
    assert flow.refresh(holder="test").is_published
    with connect() as conn:
        towns, off = conn.execute(
            """
            select sum(towns), max(abs(shares - 1)) from (
                select count(*) as towns, sum(order_share) as shares
                from marts.segment_by_city group by shop_id, segmentation, segment_id) as s
            """
        ).fetchone()
    assert towns == 1866
    assert off > 1e-6  # rounded to 8 decimals, so many shares do not sum to 1


def test_a_night_without_any_row_is_refused(warehouse):
    with pytest.raises(DataError, match="No row was staged"):
        flow.refresh(holder="test")


def test_the_only_shop_that_lost_most_of_its_lines_blocks_the_night(night, stage_more):
    second = stage_more(orders=60, seed=2, file_name="corrected.csv")
    with connect() as conn:
        (first,) = conn.execute("select load_id from ops.load order by load_id").fetchone()
        conn.execute(
            "update ops.load set superseded_at = now(), superseded_by = %s where load_id = %s",
            (second, first),
        )
    with pytest.raises(DataError, match="main is held back as it was published: 350 rows"):
        flow.refresh(holder="test")
    with connect("bi_reader") as conn:
        assert conn.execute("select build_id from marts.build_info").fetchone() == (night,)
