"""A year of the electronics store as monthly sales files, counted with the csv module.

What belongs here: what the store and the format ``sales_csv`` plant together. What does not: what
holds for every format (``test_formats``), growing files (``test_grow``), loading.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

from ecorse.errors import ConfigError, DiskFull
from ecorse.simulate import CLEAN, Dirt, Plan, simulate_shop
from ecorse.simulate.formats import get_format
from ecorse.simulate.stores import get_store, store_names

HEADER = [
    "Order ID",
    "Product",
    "Quantity Ordered",
    "Price Each",
    "Order Date",
    "Purchase Address",
]
ORDERS = 24_000
STORE = get_store("electronics")


def simulate(folder: Path, *, orders: int, dirt: Dirt | None = None, **plan) -> list[Path]:
    """Write a year of the store; gives its files in calendar order."""
    asked = {"customers": 18_000, "orders": orders, "events": 0} | plan
    files = simulate_shop(folder, Plan.of(STORE, **asked), "sales_csv", dirt=dirt)
    return [folder / file.file_name for file in files]


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """One simulated year with the default dirt; (folder, truth.json)."""
    folder = tmp_path_factory.mktemp("year")
    simulate(folder, seed=7, orders=ORDERS)
    return folder, json.loads((folder / "truth.json").read_text())


def read_rows(path: Path) -> list[list[str]]:
    """Every row below the first header."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == HEADER
    return rows[1:]


def is_valid(row: list[str]) -> bool:
    """Whether a row is a sale, judged without Ecorse."""
    if len(row) != 6 or not row[1]:
        return False
    try:
        int(row[2])
        Decimal(row[3])
        datetime.strptime(row[4], "%m/%d/%y %H:%M")
    except (ValueError, InvalidOperation):
        return False
    return True


def clean_rows(path: Path) -> list[list[str]]:
    """The sales of a file without exact repetitions, in the file's order."""
    return [list(row) for row in dict.fromkeys(tuple(r) for r in read_rows(path) if is_valid(r))]


@pytest.fixture(scope="module")
def sales(year) -> dict[str, list[list[str]]]:
    """The sales of each file, in calendar order."""
    folder, truth = year
    return {f["file_name"]: clean_rows(folder / f["file_name"]) for f in truth["files"]}


def at(row: list[str]) -> datetime:
    return datetime.strptime(row[4], "%m/%d/%y %H:%M")


def test_every_row_is_in_truth_json(year):
    folder, truth = year
    assert len(truth["files"]) == 12
    for told in truth["files"]:
        rows = read_rows(folder / told["file_name"])
        valid = [tuple(row) for row in rows if is_valid(row)]
        blank, headers = sum(row == [""] * 6 for row in rows), sum(row == HEADER for row in rows)
        assert len(rows) == told["data_rows"]
        assert blank == told["blank_rows"] > 0
        assert headers == told["repeated_headers"] > 0
        assert len(valid) - len(set(valid)) == told["duplicate_rows"] > 0
        assert len(set(valid)) == told["clean_rows"]
        broken = len(rows) - blank - headers - len(valid)
        assert broken == sum(told["broken_rows"].values()) > 0


def test_a_whole_price_is_written_both_ways(sales):
    prices = defaultdict(set)
    for row in sales["Simulated_Sales_December_2019.csv"]:
        prices[row[1]].add(row[3])
    # from 300 on prices are whole tens, and some are written as decimals
    phones = [found for name, found in prices.items() if " Phone " in name]
    assert len(phones) >= 2
    for found in phones:
        whole, decimal = sorted(found)
        assert whole.endswith("0")
        assert decimal == f"{whole}.0"
    cables = [p for name, found in prices.items() if "Cable" in name for p in found]
    assert all(re.fullmatch(r"[0-9]+\.[49]9", price) for price in cables)


def test_rows_are_marked_and_look_like_the_export(year, sales):
    folder, _ = year
    names = list(sales)
    assert names[0] == "Simulated_Sales_January_2019.csv"
    assert names[11] == "Simulated_Sales_December_2019.csv"
    assert sorted(p.name for p in folder.iterdir()) == sorted([*names, "truth", "truth.json"])
    ids: set[str] = set()
    for name, rows in sales.items():
        text = (folder / name).read_text()
        assert text.endswith("\n")
        assert "\n,,,,,\n" in text
        for row in rows:
            assert row[0].startswith("SIM-")
            street, city, region = row[5].split(", ")
            assert re.fullmatch(r"[1-9][0-9]{0,2} .+ St", street)
            assert city in {place.city for place in STORE.places}
            assert re.fullmatch(r"[A-Z]{2} [0-9]{5}", region)
            assert f'"{row[5]}"' in text  # only the address is quoted
        of_month = {row[0] for row in rows}
        assert not ids & of_month  # no order spans two files
        ids |= of_month


def test_a_few_orders_of_the_next_day_stand_in_a_months_file(sales):
    """As in exports that are cut some hours late; the last month has no next day."""
    for month, rows in enumerate(sales.values(), start=1):
        outside = [at(row) for row in rows if at(row).month != month]
        assert {(moment.month, moment.day) for moment in outside} <= {(month + 1, 1)}
        assert (len(outside) > 0) == (month < 12)
        # a twenty-fifth of one day's lines: 0.13 % of a month's
        assert len(outside) < 0.004 * len(rows)
        own = [at(row) for row in rows if at(row).month == month]
        assert sorted(own) == own


def test_planted_peaks_are_found_by_plain_counting(year, sales):
    _, truth = year
    orders = {row[0]: at(row) for rows in sales.values() for row in rows}
    assert abs(len(orders) - ORDERS) < 4 * ORDERS**0.5
    by_hour = Counter(moment.hour for moment in orders.values())
    daytime = max(range(6, 17), key=lambda h: by_hour[h])
    evening = max(range(17, 24), key=lambda h: by_hour[h])
    assert [daytime, evening] == truth["peak_hours"] == [12, 20]
    assert by_hour[16] < min(by_hour[12], by_hour[20]) / 2  # a valley between


def test_times_of_day_buy_different_things(sales):
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for rows in sales.values():
        for row in rows:
            if 8 <= at(row).hour <= 14 or at(row).hour >= 19:
                part = "day" if at(row).hour <= 14 else "evening"
                counts[part]["Batteries" if "Batteries" in row[1] else row[1].split()[1]] += 1
    share = {p: {word: n / c.total() for word, n in c.items()} for p, c in counts.items()}
    assert share["day"]["Batteries"] > 3 * share["evening"]["Batteries"]
    assert share["evening"]["Game"] > 3 * share["day"]["Game"]
    assert share["evening"]["Headphones"] > 3 * share["day"]["Headphones"]


def test_pairs_hold_with_their_probability(year, sales):
    _, truth = year
    baskets: dict[str, set[str]] = defaultdict(set)
    for rows in sales.values():
        for row in rows:
            baskets[row[0]].add(row[1])
    probability = {c.noun: c.complement_probability for c in STORE.categories if c.complement}
    assert len(truth["pairs"]) >= len(probability) == 4
    for pair in truth["pairs"]:
        product = [b for b in baskets.values() if pair["product"] in b]
        both = [b for b in product if pair["complement"] in b]
        noun = re.fullmatch(r"\w+ (.+) \d+", pair["product"])
        p, n = probability[noun[1]], len(product)
        # four standard deviations of a share over n orders, and what comes by chance besides
        assert abs(len(both) / n - p) < 4 * (p * (1 - p) / n) ** 0.5 + STORE.habits.extra_item


def test_months_weekdays_and_cities_follow_their_weights(year, sales):
    _, truth = year
    days = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    mean = sum(STORE.month_weights) / 12
    for month, (weight, n, rows) in enumerate(
        zip(STORE.month_weights, days, sales.values(), strict=True), start=1
    ):
        # the planted index is the month's weight but for the weekdays that it happens to have
        told = truth["month_index"][f"2019-{month:02d}"]
        assert told == pytest.approx(weight / mean, rel=0.02)
        orders = len({row[0] for row in rows})
        expected = (
            told
            * ORDERS
            * n
            / sum(truth["month_index"][f"2019-{m:02d}"] * d for m, d in enumerate(days, start=1))
        )
        assert abs(orders - expected) < 4.5 * expected**0.5
    addresses: dict[str, str] = {}
    weekdays: Counter[int] = Counter()
    for rows in sales.values():
        for row in rows:
            if row[0] not in addresses:
                weekdays[at(row).weekday()] += 1
            addresses[row[0]] = row[5]
    assert weekdays.most_common(1)[0][0] == 5  # Saturday
    chicago = sum("Chicago, IL" in a for a in addresses.values()) / len(addresses)
    # customers, of whom some buy more than once, are spread by 0.24
    assert abs(chicago - 0.24) < 5 * (0.24 * 0.76 / 18_000) ** 0.5
    assert {a[-8:] for a in addresses.values() if "Portland" in a} == {"OR 97205", "ME 04101"}


def test_without_dirt_every_row_is_a_sale(tmp_path):
    rows = [row for path in simulate(tmp_path, orders=1200, dirt=CLEAN) for row in read_rows(path)]
    assert all(is_valid(row) for row in rows)
    assert len({tuple(row) for row in rows}) == len(rows) > 1000


def test_each_kind_of_broken_row_is_broken(tmp_path):
    paths = simulate(tmp_path, orders=1200, dirt=Dirt(0, 0, 0, 0.2))
    truth = json.loads((tmp_path / "truth.json").read_text())
    broken = [row for path in paths for row in read_rows(path) if not is_valid(row)]
    assert len(broken) == sum(sum(f["broken_rows"].values()) for f in truth["files"]) > 200
    kinds = {kind for file in truth["files"] for kind in file["broken_rows"]}
    assert kinds == set(get_format("sales_csv").broken)
    assert len({row[0] for row in broken}) == len(broken)


@pytest.mark.parametrize("year", [1999, 2069])
def test_years_that_two_digits_cannot_say_are_refused(tmp_path, year):
    first_day = datetime(year, 1, 1).date()
    with pytest.raises(ConfigError, match=rf"year={year} .* sales_csv.* 2000 to 2068"):
        simulate(tmp_path, orders=10, first_day=first_day)
    assert not list(tmp_path.iterdir())


def test_full_disk_says_so_and_leaves_no_part(tmp_path, monkeypatch):
    import errno

    def no_space(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DiskFull, match="January"):
        simulate(tmp_path, orders=100)
    assert not list(tmp_path.iterdir())


def test_the_stores_are_listed_and_named_by_their_modules():
    assert store_names() == ("department", "electronics")
    assert all(get_store(name).name == name for name in store_names())
    with pytest.raises(ConfigError, match=r"no store 'kiosk'.*department, electronics"):
        get_store("kiosk")


@pytest.mark.parametrize("name", store_names())
def test_the_shares_of_a_store_add_up(name):
    store = get_store(name)
    for parts in (store.groups, store.categories, store.places):
        assert sum(part.share for part in parts) == pytest.approx(1)
    paths = {category.path for category in store.categories}
    assert {c.complement for c in store.categories if c.complement} <= paths
    assert all(set(group.category_weights) <= paths for group in store.groups)
