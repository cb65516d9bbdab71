"""Every planted cause is named, no other is, and nothing is left; what no cause explains is left.

What belongs here: simulated exports and reports that differ by known causes. What does not:
reading reports (``test_reports.py``), the database and the command (``test_command.py``).
"""

from __future__ import annotations

import random

import pytest

from ecorse.ingest.shops import Shop
from ecorse.reports.reconcile.beyond import lines_of_file
from ecorse.reports.reconcile.explain import REFUND_DAY_UNKNOWN
from ecorse.reports.reconcile.lines import pooled
from ecorse.reports.reconcile.report import read_report
from ecorse.reports.reconcile.run import compare
from ecorse.reports.reconcile.tell import left_over, unexplained
from ecorse.simulate import Plan
from ecorse.simulate.platforms.planted import CAUSES, change_by_hand, plant
from ecorse.simulate.platforms.write_platform import simulate_platform
from ecorse.sources import get_source

PLAN = Plan(seed=11, customers=120, orders=420, events=0, days=40)
HAND = {
    "shopify_orders": ("Gross sales", "Returns", "Taxes", "Total sales"),
    "stripe_itemised": ("gross", "returns", "total"),
}
ALONE = [(platform, (cause,)) for platform, causes in CAUSES.items() for cause in causes]


def mixes(number: int, seed: int) -> list[tuple[str, tuple[str, ...]]]:
    """Several causes at once, drawn by a seed."""
    rng = random.Random(seed)
    drawn = []
    for _ in range(number):
        platform = rng.choice(["shopify_orders", "shopify_orders", "stripe_itemised"])
        many = rng.randint(2, min(6, len(CAUSES[platform])))
        drawn.append((platform, tuple(sorted(rng.sample(CAUSES[platform], many)))))
    return drawn


def reconciled(folder, platform, planted, report=None):
    [(name, content)] = planted.export.items()
    (folder / name).write_bytes(content)
    (folder / "report.csv").write_bytes(report or planted.report)
    return compared(folder / name, folder / "report.csv", platform, planted.books)


def compared(path, report, platform, books):
    shop = Shop(shop_id="main", shop_name="Main", time_zone=books.time_zone,
                currency=books.currency, sources=())  # fmt: skip
    of_file = lines_of_file(path, path.name, get_source(platform), shop)
    amounts = pooled(of_file.kept, of_file.beyond)
    return compare(read_report(report, platform), shop, platform, amounts)


def named(found) -> set[str]:
    """The causes that were named, but that some exports tell no day of a refund."""
    names = {cause.name for cause in found.explained.causes}
    if found.source != "stripe_itemised":
        assert REFUND_DAY_UNKNOWN in names
    return names - {REFUND_DAY_UNKNOWN}


@pytest.mark.parametrize("platform", CAUSES)
def test_the_platforms_own_report_has_no_other_cause(tmp_path, platform):
    found = reconciled(tmp_path, platform, plant(PLAN, platform, (), 1))
    assert named(found) == set()
    assert unexplained(found) == []


@pytest.mark.parametrize("platform", ["shopify_orders", "stripe_itemised", "woocommerce_orders"])
def test_reports_as_the_platforms_write_them(tmp_path, platform):
    """WooCommerce counts no order that was called off; Stripe's summary has no days."""
    books = simulate_platform(tmp_path, PLAN, platform)
    [path] = tmp_path.glob("simulated_*")
    [report] = (tmp_path / "report").iterdir()
    found = compared(path, report, platform, books)
    assert named(found) == set()
    assert found.explained.is_all


@pytest.mark.parametrize(("platform", "causes"), ALONE + mixes(16, seed=9), ids=str)
def test_every_planted_cause_is_named_and_no_other(tmp_path, platform, causes):
    planted = plant(PLAN, platform, causes, seed=len(causes))
    found = reconciled(tmp_path, platform, planted)
    assert named(found) == planted.causes
    assert found.explained.is_all
    assert unexplained(found) == []
    # but for zones whose clocks no order tells apart
    assert {other._replace(zone=found.chosen.zone) for other in found.as_good} <= {found.chosen}
    for figure in found.report.figures:  # the parts add up to the difference, day by day
        parts = sum(cause.adds[figure.name] for cause in found.explained.causes)
        assert (found.explained.ours[figure.name] + parts == figure.series).all(), figure.name


@pytest.mark.parametrize(
    ("platform", "causes", "seed"),
    [(p, c, n) for n, (p, c) in enumerate(mixes(8, seed=4) + [("shopify_orders", ())] * 4)],
    ids=str,
)
def test_what_a_hand_changed_is_left_and_shown(tmp_path, platform, causes, seed):
    planted = plant(PLAN, platform, causes, seed)
    # where tax is in what was taken back, tax given back is told by its own figure alone
    columns = [c for c in HAND[platform] if not (c == "Taxes" and "taxes" in causes)]
    report, day, column = change_by_hand(planted.report, seed, columns)
    found = reconciled(tmp_path, platform, planted, report)
    assert named(found) == planted.causes
    left = [(str(d), figure.name, amount) for d, figure, amount in left_over(found)]
    if day in {str(planted.there(order).date()) for order in planted.missing}:
        # of a day of which orders are in no file, it is known only that the figures disagree
        assert {d for d, _, _ in left} == {day}
    else:
        assert left == [(day, column, 133700)]


FIRST, LAST = "2019-01-15", "2019-02-05"


def cut(report: bytes) -> bytes:
    """The days of a report from FIRST to LAST."""
    head, *days = report.decode().splitlines(keepends=True)
    return "".join([head, *(day for day in days if FIRST <= day[:10] <= LAST)]).encode()


def test_refunds_across_the_ends_of_a_report_are_traced(tmp_path):
    planted = plant(PLAN, "shopify_orders", ("tips",), 5)
    found = reconciled(tmp_path, "shopify_orders", planted, cut(planted.report))
    assert named(found) == {"tips"}
    assert found.explained.is_all
    later, earlier = set(), set()
    for order in planted.books.counted:
        for refund in order.refunds:
            placed, back = (str(planted.books.local(at).date()) for at in (order.at, refund.at))
            if order.state == "cancelled":  # the export has its day
                continue
            if FIRST <= placed <= LAST < back:
                later.add(order.order_id)
            if placed < FIRST <= back <= LAST:
                earlier.add(order.order_id)
    assert {refund.order_id for refund in found.traced.later} == later
    assert {refund.order_id for refund in found.traced.earlier} == earlier
    assert later
    assert earlier


def test_what_cannot_be_traced_is_left(tmp_path):
    planted = plant(PLAN, "shopify_orders", (), 5)
    report, day, _ = change_by_hand(cut(planted.report), 1, ["Returns"])
    found = reconciled(tmp_path, "shopify_orders", planted, report)
    assert found.traced is None
    assert not found.explained.is_all
    assert day in {str(d) for d, _, _ in left_over(found)}
