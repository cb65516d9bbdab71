"""The simulated year, counted again with the standard library's csv module.

What belongs here: what ``simulate_year`` writes. What does not: ``append_sales``, loading.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path

import pytest

from ecorse.errors import ConfigError, DiskFull
from ecorse.simulate import CLEAN, Dirt, simulate_year
from ecorse.simulate.generate import allocate
from ecorse.simulate.truth import DEFAULT_TRUTH

HEADER = [
    "Order ID",
    "Product",
    "Quantity Ordered",
    "Price Each",
    "Order Date",
    "Purchase Address",
]
ORDERS = 24_000
CITIES = {city.name for city in DEFAULT_TRUTH.cities}


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """One simulated year with the default dirt; (folder, truth.json)."""
    folder = tmp_path_factory.mktemp("year")
    simulate_year(folder, seed=7, orders=ORDERS)
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


def test_every_row_is_in_truth_json(year):
    folder, truth = year
    assert len(truth["files"]) == 12
    for month, told in enumerate(truth["files"], start=1):
        rows = read_rows(folder / told["file_name"])
        blank = sum(row == [""] * 6 for row in rows)
        headers = sum(row == HEADER for row in rows)
        sales = [tuple(row) for row in rows if is_valid(row)]
        distinct = set(sales)
        broken = len(rows) - blank - headers - len(sales)
        assert len(rows) == told["data_rows"]
        assert blank == told["blank_rows"] > 0
        assert headers == told["repeated_headers"] > 0
        assert len(sales) - len(distinct) == told["duplicate_rows"] > 0
        assert len(distinct) == told["clean_lines"]
        assert broken == sum(told["broken_rows"].values()) > 0
        assert len({row[0] for row in distinct}) == told["orders"]
        assert sum(int(row[2]) for row in distinct) == told["units"]
        revenue = sum(int(row[2]) * Decimal(row[3]) for row in distinct)
        assert revenue == Decimal(told["revenue"])
        assert sum(row[3].endswith(".0") for row in distinct) == told["decimal_price_lines"] > 0
        outside = [
            row[4] for row in distinct if datetime.strptime(row[4], "%m/%d/%y %H:%M").month != month
        ]
        assert len(outside) == told["outside_month_lines"] > 0
        # just outside: on the first day of the next month
        next_day = f"{month % 12 + 1:02d}/01/{19 + month // 12}"
        assert {text[:8] for text in outside} == {next_day}
    assert truth["orders"] == ORDERS == sum(file["orders"] for file in truth["files"])
    assert Decimal(truth["revenue"]) == sum(Decimal(file["revenue"]) for file in truth["files"])


def test_a_whole_price_is_written_both_ways(year):
    folder, truth = year
    rows = clean_rows(folder / truth["files"][11]["file_name"])
    prices = {row[3] for row in rows if row[1] == "Nimbo Phone One"}
    assert prices == {"649", "649.0"}


def test_rows_are_marked_and_look_like_the_export(year):
    folder, truth = year
    names = [file["file_name"] for file in truth["files"]]
    assert names[0] == "Simulated_Sales_January_2019.csv"
    assert names[11] == "Simulated_Sales_December_2019.csv"
    assert sorted(p.name for p in folder.iterdir()) == sorted([*names, "truth.json"])
    ids = set()
    for name in names:
        text = (folder / name).read_text()
        assert text.endswith("\n")
        assert "\n,,,,,\n" in text
        for row in clean_rows(folder / name):
            assert row[0].startswith("SIM-")
            street, city, region = row[5].split(", ")
            assert re.fullmatch(r"[1-9][0-9]{0,2} .+ St", street)
            assert city in CITIES
            assert re.fullmatch(r"[A-Z]{2} [0-9]{5}", region)
            assert f'"{row[5]}"' in text  # only the address is quoted
        month_ids = {row[0] for row in clean_rows(folder / name)}
        assert not ids & month_ids  # no order spans two files
        ids |= month_ids


def test_planted_peaks_are_found_by_plain_counting(year):
    folder, truth = year
    orders = {
        row[0]: datetime.strptime(row[4], "%m/%d/%y %H:%M")
        for file in truth["files"]
        for row in clean_rows(folder / file["file_name"])
    }
    by_hour = Counter(moment.hour for moment in orders.values())
    before, after = by_hour.most_common(1)[0][0], max(range(17, 24), key=lambda h: by_hour[h])
    daytime = max(range(6, 17), key=lambda h: by_hour[h])
    assert [daytime, after] == truth["truth"]["peak_hours"] == [12, 20]
    assert before in (12, 20)
    assert by_hour[16] < min(by_hour[12], by_hour[20]) / 2  # a valley between


def test_dayparts_buy_different_things(year):
    folder, truth = year
    category = {p["name"]: p["category"] for p in truth["truth"]["products"]}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for file in truth["files"]:
        for row in clean_rows(folder / file["file_name"]):
            hour = int(row[4][9:11])
            if 8 <= hour <= 14 or hour >= 19:
                counts["day" if hour <= 14 else "evening"][category[row[1]]] += 1
    share = {
        part: {c: n / counts[part].total() for c, n in counts[part].items()} for part in counts
    }
    assert share["day"]["Batteries"] > 3 * share["evening"]["Batteries"]
    assert share["evening"]["Gaming"] > 3 * share["day"]["Gaming"]


def test_pairs_hold_with_their_probability(year):
    folder, truth = year
    baskets: dict[str, set[str]] = defaultdict(set)
    for file in truth["files"]:
        for row in clean_rows(folder / file["file_name"]):
            baskets[row[0]].add(row[1])
    for pair, told in zip(truth["truth"]["pairs"], truth["pair_orders"], strict=True):
        product = [b for b in baskets.values() if pair["product"] in b]
        both = [b for b in product if pair["complement"] in b]
        assert (len(product), len(both)) == (told["product_orders"], told["both_orders"])
        # four standard deviations of a share over n orders, and what comes by chance besides
        n, p = len(product), pair["probability"]
        assert (
            abs(len(both) / n - p)
            < 4 * (p * (1 - p) / n) ** 0.5 + truth["truth"]["extra_item_share"]
        )


def test_months_weekdays_and_cities_follow_their_weights(year):
    folder, truth = year
    weights = DEFAULT_TRUTH.month_weights
    days = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    total = sum(w * d for w, d in zip(weights, days, strict=True))
    assert abs(truth["files"][11]["orders"] - ORDERS * 1.65 * 31 / total) < 1
    addresses, weekdays = {}, Counter()
    for file in truth["files"]:
        for row in clean_rows(folder / file["file_name"]):
            if row[0] not in addresses:
                weekdays[datetime.strptime(row[4], "%m/%d/%y %H:%M").weekday()] += 1
            addresses[row[0]] = row[5]
    assert weekdays.most_common(1)[0][0] == 5  # Saturday
    chicago = sum("Chicago, IL" in a for a in addresses.values()) / len(addresses)
    assert abs(chicago - 0.24) < 4 * (0.24 * 0.76 / ORDERS) ** 0.5
    assert {a[-8:] for a in addresses.values() if "Portland" in a} == {"OR 97205", "ME 04101"}


def test_same_seed_same_bytes_in_another_process_with_other_threads(tmp_path):
    simulate_year(tmp_path / "a", seed=3, orders=900)
    code = (
        "from pathlib import Path; from ecorse.simulate import simulate_year; import sys;"
        "simulate_year(Path(sys.argv[1]), seed=3, orders=900)"
    )
    env = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "TZ": "Asia/Kolkata"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "b")], check=True, env=env)
    simulate_year(tmp_path / "c", seed=4, orders=900)
    digests = {
        name: [sha256(p.read_bytes()).hexdigest() for p in sorted((tmp_path / name).iterdir())]
        for name in "abc"
    }
    assert len(digests["a"]) == 13
    assert digests["a"] == digests["b"]
    assert not set(digests["a"]) & set(digests["c"])


def test_without_dirt_every_row_is_a_sale(tmp_path):
    summary = simulate_year(tmp_path, orders=1200, dirt=CLEAN)
    rows = [row for path in summary.paths for row in read_rows(path)]
    assert all(is_valid(row) for row in rows)
    assert len({tuple(row) for row in rows}) == len(rows) == summary.clean_lines
    assert not any(row[3].endswith(".0") for row in rows)


def test_each_kind_of_broken_row_is_broken(tmp_path):
    summary = simulate_year(tmp_path, orders=1200, dirt=Dirt(0, 0, 0, 0.2, 0, 0))
    rows = [row for path in summary.paths for row in read_rows(path)]
    broken = [row for row in rows if not is_valid(row)]
    assert len(broken) == sum(n for f in summary.files for n in f.broken_rows.values())
    assert {kind for f in summary.files for kind in f.broken_rows} == {
        "quantity_not_a_number",
        "price_not_a_number",
        "impossible_date",
        "product_missing",
        "short_row",
        "long_row",
    }
    assert len({row[0] for row in broken}) == len(broken)


def test_no_orders_give_twelve_headers(tmp_path):
    summary = simulate_year(tmp_path, orders=0)
    assert [read_rows(path) for path in summary.paths] == [[]] * 12


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"orders": -1}, {"year": 1999}, {"year": 2069}])
def test_numbers_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        simulate_year(tmp_path, **wrong)
    assert not list(tmp_path.iterdir())


def test_full_disk_says_so_and_leaves_no_part(tmp_path, monkeypatch):
    import errno

    def no_space(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DiskFull, match="January"):
        simulate_year(tmp_path, orders=100)
    assert not list(tmp_path.iterdir())


def test_largest_remainder_by_hand():
    # 10 by 1:1:1 is 3.33 each; the one left over goes to the first
    assert allocate(10, [1, 1, 1]) == [4, 3, 3]
    # 7 by 5:3:2 is 3.5, 2.1, 1.4
    assert allocate(7, [5, 3, 2]) == [4, 2, 1]
    assert allocate(0, [1, 2]) == [0, 0]


@pytest.mark.slow
def test_two_million_lines_in_bounded_memory(tmp_path):
    code = (
        "import sys; from pathlib import Path;"
        "from ecorse.simulate import simulate_year;"
        "s = simulate_year(Path(sys.argv[1]), orders=1_800_000);"
        "peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0];"
        "print(s.clean_lines, int(peak) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
    )
    lines, mebibytes = map(float, done.stdout.split())
    assert lines > 2_000_000
    assert mebibytes < 600
