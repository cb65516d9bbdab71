"""The seeded shop: what is planted is what is drawn, counted a second way.

What belongs here: people, goods, sessions and orders. What does not: files, which have their own
tests (``test_formats``).
"""

from __future__ import annotations

import struct
import zlib
from datetime import date

import numpy as np
import polars as pl
import pytest

from ecorse.errors import ConfigError
from ecorse.simulate.behaviour import CART, PURCHASE, REMOVE, VIEW, slices
from ecorse.simulate.draws import allocate
from ecorse.simulate.images import SIZE, picture, png, write_images
from ecorse.simulate.plan import Plan, days_of_years
from ecorse.simulate.shop import FIRST_PRODUCT, Shop, peaks
from ecorse.simulate.stores import get_store

PLAN = Plan(seed=3, customers=1_000, orders=10_000, events=70_000)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(PLAN)


@pytest.fixture(scope="module")
def lines(shop) -> pl.DataFrame:
    """Every order line of the period, with its customer, group and day."""
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "order": part.sessions.number[part.lines.session],
                    "customer": part.sessions.customer[part.lines.session],
                    "product": part.lines.product,
                    "quantity": part.lines.quantity,
                    "cents": part.lines.price_cents,
                    "at": part.lines.at,
                    "day": np.full(len(part.lines.at), part.day),
                }
            )
            for part in slices(shop)
        ]
    ).with_columns(group=pl.col("customer").map_elements(
        lambda c: int(shop.customers.group[c]), return_dtype=pl.Int64
    ))  # fmt: skip


def test_every_group_has_its_share_of_customers(shop):
    # 1000 customers by 0.28, 0.26, 0.14, 0.18, 0.14
    assert np.bincount(shop.customers.group).tolist() == [280, 260, 140, 180, 140]


def test_orders_and_events_are_about_those_asked_for(shop, lines):
    orders = lines["order"].n_unique()
    assert abs(orders - 10_000) < 4 * 10_000**0.5
    events = sum(int((part.events.kind <= PURCHASE).sum()) for part in slices(shop))
    assert abs(events - 70_000) < 0.03 * 70_000


def test_season_and_weekday_hold_to_the_day(shop, lines):
    assert sum(shop.day_orders) == pytest.approx(10_000)
    # two Mondays of one month differ by four weeks of growth only: 1 + 0.15 * day / 365
    first, later = shop.day_orders[6], shop.day_orders[27]
    assert later / first == pytest.approx((1 + 0.15 * 27 / 365) / (1 + 0.15 * 6 / 365))
    # a Sunday (1.15) and the Monday after it (1.00), a day of growth apart
    assert shop.day_orders[5] / shop.day_orders[6] == pytest.approx(1.15, rel=0.001)
    by_month = lines.group_by(shop_month(shop)).agg(pl.col("order").n_unique())
    counted = dict(by_month.iter_rows())
    for month in range(12):
        planted = sum(o for n, o in enumerate(shop.day_orders) if shop.day(n).month == month + 1)
        assert abs(counted[month + 1] - planted) < 4.5 * planted**0.5
    assert np.mean(list(shop.month_index().values())) == pytest.approx(1)


def shop_month(shop: Shop) -> pl.Expr:
    months = [shop.day(n).month for n in range(shop.plan.days)]
    return pl.col("day").replace_strict(list(range(shop.plan.days)), months).alias("month")


def test_customers_buy_only_while_they_are_there(shop, lines):
    joined = shop.customers.joined[lines["customer"].to_numpy()]
    gone = shop.customers.gone[lines["customer"].to_numpy()]
    day = lines["day"].to_numpy()
    assert ((joined <= day) & (day < gone)).all()
    # lapsing customers leave between 15 and 35 % of the year, new ones come after 93 %
    assert lines.filter(group=3)["day"].max() <= 0.35 * 365 + 1
    assert lines.filter(group=4)["day"].min() >= int(0.93 * 365)


def test_groups_buy_at_their_own_hours(shop, lines):
    local = pl.from_epoch("at").dt.replace_time_zone("UTC").dt.convert_time_zone(PLAN.time_zone)
    hours = lines.with_columns(hour=local.dt.hour() + local.dt.minute() / 60)
    middle = dict(hours.group_by("group").agg(pl.col("hour").median()).iter_rows())
    # planned peak minutes, and up to a quarter of an hour from coming to paying
    for group, peak in enumerate((11.5, 20.5, 15.5, 15.0, 7.5)):
        assert peak - 0.1 <= middle[group] <= peak + 0.4


def test_complements_hold_with_their_probability(shop, lines):
    goods, store = shop.catalogue, shop.store
    baskets = lines.group_by("order").agg("product").get_column("product").to_list()
    n = both = 0.0
    expected = 0.0
    for basket in baskets:
        for product in basket:
            if goods.complement[product] >= 0:
                n += 1
                expected += store.categories[goods.category[product]].complement_probability
                both += goods.complement[product] in basket
    # an extra product (6 %) has no complement of its own drawn, and may be one by chance
    assert abs(both - expected) < 4 * (n * 0.25) ** 0.5 + 0.06 * n


def test_substitutes_are_never_bought_together(shop, lines):
    goods = shop.catalogue
    for basket in lines.group_by("order").agg("product")["product"].to_list():
        assert len(set(basket)) == len(basket)
        places = [int(goods.mates_from[p]) for p in basket]
        assert len(set(places)) == len(places)


def test_substitutes_are_looked_at_together(shop):
    goods = shop.catalogue
    part = max(slices(shop), key=lambda part: len(part.events.at))
    views = part.events.kind == VIEW
    session, product = part.events.session[views], part.events.product[views]
    pairs = [
        (a, b)
        for s in np.unique(session)
        for a, b in zip(product[session == s], product[session == s][1:], strict=False)
    ]
    alike = np.mean([goods.mates_from[a] == goods.mates_from[b] for a, b in pairs])
    assert alike > 0.4  # one of 42 groups of substitutes by chance


def test_prices_change_on_the_planted_days_only(shop, lines):
    days = shop.catalogue.epoch_days
    assert days == (0, int(0.33 * 365), int(0.75 * 365))
    for row in lines.group_by("product").agg("day", "cents").iter_rows(named=True):
        for day, cents in zip(row["day"], row["cents"], strict=True):
            epoch = sum(day >= d for d in days) - 1
            assert cents == shop.catalogue.price_cents[epoch, row["product"]]
    changed = (shop.catalogue.price_cents[1] != shop.catalogue.price_cents[0]).mean()
    assert abs(changed - 0.5) < 4 * (0.25 / 200) ** 0.5


def test_a_purchase_was_in_the_cart_and_looked_at_before(shop):
    part = next(part for part in slices(shop) if part.day == 100)
    events = part.events
    seen: dict[tuple[int, int], set[int]] = {}
    for kind, session, product in zip(events.kind, events.session, events.product, strict=True):
        before = seen.setdefault((session, product), set())
        if kind in (CART, REMOVE):
            assert VIEW in before
        if kind == REMOVE:
            assert CART in before
        if kind == PURCHASE:
            assert {VIEW, CART} <= before
        before.add(kind)
    assert (np.diff(events.at) >= 0).all()
    rows = set(zip(events.at, events.kind, events.session, events.product, strict=True))
    assert len(rows) == len(events.at)  # no two events are alike: duplicates are planted only


def test_a_slice_is_the_same_alone_and_in_its_year(shop):
    from ecorse.simulate.behaviour import day_slices

    [alone] = day_slices(Shop(PLAN), 100)
    [within] = [part for part in slices(shop) if part.day == 100]
    assert (alone.events.at == within.events.at).all()
    assert (alone.lines.product == within.lines.product).all()


def test_the_peaks_of_a_day_by_hand():
    day = [0.0] * 24
    day[9], day[10], day[11] = 5, 8, 5
    day[20], day[21] = 4, 6
    assert peaks(day) == [10, 21]
    day[15] = 0.3  # rises by less than a twentieth of 8
    assert peaks(day) == [10, 21]
    assert peaks([3.0] * 24) == []
    assert peaks([9.0, *[1.0] * 22, 5.0]) == [0]  # 23:00 leads up to midnight


@pytest.mark.parametrize(
    "wrong", [{"customers": 0}, {"products": 3}, {"orders": -1}, {"seed": -1}, {"days": 0},
              {"first_day": date(1900, 1, 1)}, {"customers": 10**9},
              {"time_zone": "America/Nowhere"}]
)  # fmt: skip
def test_a_plan_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"Cannot simulate"):
        Plan(**wrong)


def test_a_store_in_its_own_size_or_in_another():
    assert Plan.of(get_store("department")) == Plan()
    plan = Plan.of(get_store("electronics"), customers=300, events=0)
    # 4 orders for 3 customers
    assert (plan.customers, plan.orders, plan.events, plan.products) == (300, 400, 0, 25)


def test_largest_remainder_by_hand():
    # 10 by 1:1:1 is 3.33 each; the one left over goes to the first
    assert allocate(10, [1, 1, 1]) == [4, 3, 3]
    # 7 by 5:3:2 is 3.5, 2.1, 1.4
    assert allocate(7, [5, 3, 2]) == [4, 2, 1]
    assert allocate(0, [1, 2]) == [0, 0]


def test_days_of_years():
    assert days_of_years(2019, 1) == 365
    assert days_of_years(2019, 2) == 365 + 366


def test_a_shop_without_orders_has_no_slice_with_lines():
    empty = Shop(Plan(orders=0, events=0, days=3))
    assert sum(len(part.lines.at) for part in slices(empty)) == 0


def test_a_picture_is_a_png_that_can_be_read_back(shop, tmp_path):
    assert write_images(tmp_path, shop) == 200
    data = (tmp_path / "images" / f"SIM-P{FIRST_PRODUCT}.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (SIZE, SIZE)
    start = data.index(b"IDAT")
    [length] = struct.unpack(">I", data[start - 4 : start])
    body = data[start : start + 4 + length]
    assert struct.unpack(">I", data[start + 4 + length : start + 8 + length]) == (zlib.crc32(body),)
    rows = np.frombuffer(zlib.decompress(body[4:]), dtype=np.uint8).reshape(SIZE, 1 + 3 * SIZE)
    assert (rows[:, 0] == 0).all()
    assert (rows[:, 1:].reshape(SIZE, SIZE, 3) == picture(shop, 0)).all()
    assert png(picture(shop, 0)) == data
    assert len({p.read_bytes() for p in (tmp_path / "images").iterdir()}) == 200
