"""What is wrong with one shop's loads keeps that shop as it was published; the others go on."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import ConfigError, DataError
from ecorse.refresh.held import held_in
from ecorse.reports.nights import read_nights
from ecorse.reports.status import newer_than_published, read_status
from ecorse.warehouse.connect import connect


@pytest.fixture(scope="module")
def two_shops(snapshot, stage_more):
    """Shops north and south of 300 orders each, published."""

    def fill() -> int:
        stage_more(shop_id="north")
        stage_more(shop_id="south", seed=2)
        return flow.refresh(holder="test").build_id

    return snapshot(fill)


@pytest.fixture
def published(two_shops, restore) -> int:
    return restore(two_shops)


def loads_of(shop: str) -> list[int]:
    with connect() as conn:
        found = conn.execute(
            "select load_id from ops.load where shop_id = %s and superseded_at is null "
            "order by load_id",
            (shop,),
        ).fetchall()
    return [load_id for (load_id,) in found]


def supersede(old: int, new: int | None = None) -> None:
    with connect() as conn:
        conn.execute(
            "update ops.load set superseded_at = now(), superseded_by = %s where load_id = %s",
            (new, old),
        )


def orders() -> dict[str, int]:
    with connect("bi_reader") as conn:
        return dict(conn.execute("select shop_id, orders_placed from marts.shops").fetchall())


def held(build_id: int) -> list[tuple]:
    with connect() as conn:
        return conn.execute(
            "select shop_id, reason from ops.held_back where build_id = %s order by 1", (build_id,)
        ).fetchall()


def loads_in(build_id: int) -> list[int]:
    with connect() as conn:
        found = conn.execute(
            "select load_id from ops.build_load where build_id = %s order by 1", (build_id,)
        ).fetchall()
    return [load_id for (load_id,) in found]


def test_a_shop_that_lost_most_of_its_lines_stays_and_the_other_goes_on(
    published, stage_more, caplog
):
    (first,) = loads_of("north")
    second = stage_more(orders=60, seed=3, shop_id="north", file_name="corrected.csv")
    supersede(first, second)
    stage_more(orders=40, seed=4, shop_id="south", file_name="more.csv")
    night = flow.refresh(holder="test")
    assert orders() == {"north": 300, "south": 340}
    assert held(night.build_id) == [("north", "shrank")]
    assert "night.no_shop_is_held_back" in night.audit.warned
    (problem,) = [p for p in read_status()["problems"] if p["what"] == "shop north"]
    # every product is a sixth of the orders, and each phone has a cable beside it
    assert "350 rows of sales_csv are published and 70 are left" in problem["message"]
    assert "`ecorse refresh --accept north`" in problem["message"]
    assert problem["message"] in caplog.text

    assert not flow.is_due(), "of the same loads the same night would be made"
    assert newer_than_published(read_nights()["newer"]) == ""
    again = flow.refresh(holder="test")
    assert held(again.build_id) == [("north", "shrank")], "compared with what is published"

    night = flow.refresh(accept=["north"], holder="test")
    assert orders() == {"north": 60, "south": 340}
    assert held(night.build_id) == []


def test_a_source_that_shrank_is_found_beside_one_that_grew(published, stage_more):
    with connect() as conn:
        conn.execute("update ops.load set source = 'till' where shop_id = 'north'")
    (first,) = loads_of("north")
    stage_more(orders=900, seed=3, shop_id="north", file_name="more.csv")
    supersede(first, stage_more(orders=10, seed=4, shop_id="north", file_name="till.csv"))
    build_id = flow.open_build(holder="test")
    assert held(build_id) == [("north", "shrank")]
    assert loads_in(build_id) == [first, *loads_of("south")]


@pytest.mark.parametrize("mark", ["real", "simulated"])
def test_real_and_simulated_rows_of_a_load_are_each_compared(published, stage_more, mark):
    """The load's total stays: what one of its two shops loses, the other gains."""
    (first,) = loads_of("north")
    second = stage_more(seed=3, shop_id="north", file_name="again.csv")
    supersede(first, second)
    lost, kept = ("north", second) if mark == "real" else ("north-simulated", first)
    with connect() as conn:
        conn.execute(
            "insert into ops.shop select 'north-simulated', shop_name, time_zone, currency, true "
            "from ops.shop where shop_id = 'north'"
        )
        conn.execute(
            "update staging.order_lines set shop_id = 'north-simulated' where load_id = %s", (kept,)
        )
    other = {"north", "north-simulated"} - {lost}
    build_id = flow.open_build(accept=other, holder="test")  # says nothing of the one that lost
    assert held(build_id) == [("north", "shrank")]
    with connect() as conn:
        (told,) = held_in(conn, build_id)
    assert told.startswith("north is held back as it was published: 350 order lines ")
    assert f"`ecorse refresh --accept {lost}`" in told
    build_id = flow.open_build(accept=[lost], holder="test")
    assert held(build_id) == []
    assert loads_in(build_id) == [*loads_of("south"), second]


def test_a_load_in_another_currency_is_that_shops_trouble(published, stage_more):
    load = stage_more(orders=40, seed=3, shop_id="north", file_name="more.csv")
    stage_more(orders=40, seed=4, shop_id="south", file_name="more.csv")
    with connect() as conn:
        conn.execute("update ops.load set currency = 'EUR' where load_id = %s", (load,))
        conn.execute("update staging.order_lines set currency = 'EUR' where load_id = %s", (load,))
        conn.execute("update ops.shop set currency = 'EUR' where shop_id = 'north'")
    night = flow.refresh(accept=["north"], holder="test")  # no way out of this
    assert held(night.build_id) == [("north", "currencies")]
    assert orders() == {"north": 300, "south": 340}
    with connect("bi_reader") as conn:
        told = conn.execute("select shop_id, currency from marts.shops order by 1").fetchall()
    assert told == [("north", "USD"), ("south", "USD")], "that of the lines"


def test_a_new_shop_whose_loads_do_not_fit_is_left_out(published, stage_more):
    stage_more(orders=10, seed=3, shop_id="east")
    keyed = stage_more(orders=10, seed=4, shop_id="east", file_name="keyed.csv")
    with connect() as conn:
        conn.execute("update ops.load set line_order = 1 where load_id = %s", (keyed,))
    build_id = flow.open_build(holder="test")
    assert held(build_id) == [("east", "keys")]
    assert loads_in(build_id) == [*loads_of("north"), *loads_of("south")]


def test_a_shop_of_which_nothing_is_left_stays(published):
    (load,) = loads_of("south")
    supersede(load)
    build_id = flow.open_build(holder="test")
    assert held(build_id) == [("south", "shrank")]
    assert loads_in(build_id) == sorted([*loads_of("north"), load])
    build_id = flow.open_build(accept=["south"], holder="test")
    assert loads_in(build_id) == loads_of("north")


def test_where_every_shop_is_held_back_nothing_is_built(published):
    for shop in ("north", "south"):
        supersede(*loads_of(shop))
    with pytest.raises(DataError, match=r"no shop has anything sound\. north .* south is held"):
        flow.refresh(holder="test")
    with connect() as conn:
        assert conn.execute("select build_id from ops.current_build").fetchone() == (published,)
        (error,) = conn.execute("select error from ops.build order by build_id desc").fetchone()
    assert "`ecorse refresh --accept north`" in error


def test_a_night_of_the_past_holds_nothing_back(published, stage_more):
    supersede(*loads_of("north"))
    with connect() as conn:
        (now,) = conn.execute("select clock_timestamp()").fetchone()
    build_id = flow.open_build(known_by=now, holder="test")
    assert held(build_id) == []
    assert loads_in(build_id) == loads_of("south")


def test_only_shops_that_are_there_can_be_accepted(published):
    with pytest.raises(ConfigError, match=r"'nrth': there is no such shop.* Shops: north, south"):
        flow.open_build(accept=["nrth"], holder="test")
