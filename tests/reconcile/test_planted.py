"""Every planted cause is named, no other is, and nothing is left; what no cause explains is left.

What belongs here: simulated exports and reports that differ by known causes. What does not:
reading reports (``test_reports.py``), the database and the command (``test_command.py``).
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from ecorse.ingest.shops import Shop
from ecorse.reports.reconcile.beyond import lines_of_file
from ecorse.reports.reconcile.lines import pooled
from ecorse.reports.reconcile.report import read_report
from ecorse.reports.reconcile.run import compare
from ecorse.reports.reconcile.tell import left_over, unexplained
from ecorse.simulate import Plan
from ecorse.simulate.platforms.planted import KINDS, change_by_hand, plant
from ecorse.simulate.platforms.write_platform import simulate_platform
from ecorse.sources import get_source

PLAN = Plan(seed=11, customers=120, orders=420, events=0, days=40)
HAND = {
    "shopify_orders": ("Gross sales", "Returns", "Taxes", "Total sales"),
    "woocommerce_orders": ("gross", "discounts", "taxes", "total"),
    "stripe_itemised": ("gross", "returns", "total"),
    "stripe_payouts": ("fee", "net"),
}
OFTEN = ("shopify_orders", "shopify_orders", "woocommerce_orders", "stripe_itemised")
AS = {"woocommerce_orders": "daily_totals"}
ALONE = [(kind, (cause,)) for kind, found in KINDS.items() for cause in found.causes]
PAYOUTS = [("stripe_payouts", KINDS["stripe_payouts"].causes)]


def mixes(number: int, seed: int) -> list[tuple[str, tuple[str, ...]]]:
    """Several causes at once, drawn by a seed."""
    rng = random.Random(seed)
    drawn = []
    for _ in range(number):
        kind = rng.choice(OFTEN)
        causes = KINDS[kind].causes
        drawn.append((kind, tuple(sorted(rng.sample(causes, rng.randint(2, min(6, len(causes))))))))
    return drawn


def reconciled(folder, kind, planted, report=None):
    [(name, content)] = planted.export.items()
    (folder / name).write_bytes(content)
    (folder / "report.csv").write_bytes(report or planted.report)
    return compared(
        folder / name, folder / "report.csv", KINDS[kind].platform, planted.books, AS.get(kind)
    )


def compared(path, report, platform, books, kind=None):
    shop = Shop(shop_id="main", shop_name="Main", time_zone=books.time_zone,
                currency=books.currency, sources=())  # fmt: skip
    read = read_report(report, platform, kind)
    source = get_source(platform)
    of_file = lines_of_file(path, path.name, source, shop, paid_out=read.declared.paid_out)
    amounts = pooled(of_file.kept, of_file.beyond)
    return compare(read, shop, platform, amounts)


def named(found) -> set[str]:
    return {cause.name for cause in found.explained.causes}


def worth(found, cause):
    """What a cause adds, by day and figure, as the simulator's books have it."""
    return {
        (found.report.days.first + timedelta(days=n), figure.name): Decimal(int(amount)) / 10_000
        for figure in found.report.figures
        for n, amount in enumerate(cause.adds[figure.name])
        if amount
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_platforms_own_report_has_no_other_cause(tmp_path, kind):
    """But what its export does not tell, or tells of other days."""
    planted = plant(PLAN, kind, (), 1)
    found = reconciled(tmp_path, kind, planted)
    assert named(found) == planted.causes == set(KINDS[kind].always)
    assert unexplained(found) == []


@pytest.mark.parametrize(
    ("platform", "file_name", "causes"),
    [
        ("shopify_orders", "sales_over_time.csv", {"refund_day_unknown"}),
        ("stripe_itemised", "balance_change_summary.csv", set()),
        ("stripe_itemised", "payout_reconciliation.csv", {"paid_out"}),
        ("woocommerce_orders", "revenue.csv", {"refund_day_unknown"}),
    ],
)
def test_reports_as_the_platforms_write_them(tmp_path, platform, file_name, causes):
    """WooCommerce counts no order that was cancelled; Stripe's summary has no days."""
    books = simulate_platform(tmp_path, PLAN, platform)
    [path] = tmp_path.glob("simulated_*")
    found = compared(path, tmp_path / "report" / file_name, platform, books)
    assert named(found) == causes
    assert found.explained.is_all


@pytest.mark.parametrize(("kind", "causes"), ALONE + PAYOUTS + mixes(20, seed=9), ids=str)
def test_every_planted_cause_is_named_with_its_money_and_no_other(tmp_path, kind, causes):
    planted = plant(PLAN, kind, causes, seed=len(causes))
    found = reconciled(tmp_path, kind, planted)
    assert named(found) == planted.causes
    assert found.explained.is_all
    assert unexplained(found) == []
    # but for zones whose clocks no order tells apart
    assert {other._replace(zone=found.chosen.zone) for other in found.as_good} <= {found.chosen}
    for cause in found.explained.causes:
        assert worth(found, cause) == planted.worth[cause.name], cause.name
    for figure in found.report.figures:  # the parts add up to the difference, day by day
        parts = sum(cause.adds[figure.name] for cause in found.explained.causes)
        assert (found.explained.ours[figure.name] + parts == figure.series).all(), figure.name


@pytest.mark.parametrize("by", ["13.37", "0.01", "-0.01"])
@pytest.mark.parametrize(
    ("kind", "causes", "seed"),
    [
        (k, c, n)
        for n, (k, c) in enumerate(
            [*mixes(6, seed=4), *PAYOUTS, *((k, ()) for k in KINDS), ("shopify_orders", ())]
        )
    ],
    ids=str,
)
def test_what_a_hand_changed_is_left_and_shown(tmp_path, kind, causes, seed, by):
    planted = plant(PLAN, kind, causes, seed)
    # where tax is in what was taken back, tax given back is told by its own figure alone
    columns = [c for c in HAND[kind] if not (c.lower() == "taxes" and "taxes" in causes)]
    report, day, column = change_by_hand(planted.report, seed, columns, by)
    found = reconciled(tmp_path, kind, planted, report)
    # by amounts that are not right, cancelled orders cannot be told from refunds
    assert named(found) | {"cancel_day_unknown"} == planted.causes | {"cancel_day_unknown"}
    if kind == "stripe_payouts":  # the payout's id has its day; a fee is written above 0
        day = str(datetime.strptime(day, "po_%Y%m%d").date())
        by = str(-Decimal(by)) if column == "fee" else by
        column = {"fee": "Fees", "net": "Payouts"}[column]
    left = [(str(d), figure.name, amount) for d, figure, amount in left_over(found)]
    if day in {str(planted.there(order).date()) for order in planted.missing}:
        # of a day of which orders are in no file, it is known only that the figures disagree
        assert {d for d, _, _ in left} == {day}
    else:
        assert left == [(day, column, int(Decimal(by) * 10_000))]
        assert [(f.name, n) for f, n in unexplained(found)] == [
            (column, abs(int(Decimal(by) * 10_000)))
        ]


FIRST, LAST = "2019-01-15", "2019-02-05"


def cut(report: bytes) -> bytes:
    """The days of a report from FIRST to LAST."""
    head, *days = report.decode().splitlines(keepends=True)
    return "".join([head, *(day for day in days if FIRST <= day[:10] <= LAST)]).encode()


def test_refunds_across_the_ends_of_a_report_are_traced(tmp_path):
    planted = plant(PLAN, "shopify_orders", ("tips",), 5)
    found = reconciled(tmp_path, "shopify_orders", planted, cut(planted.report))
    assert named(found) == {"tips", "refund_day_unknown"}
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
