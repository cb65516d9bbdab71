"""Files that grow: exactly n marked rows, after the last date or like the rarest groups (A37, A38).

What belongs here: one file before and after. What does not: loading it again (integration).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ecorse.errors import ConfigError, ContractError
from ecorse.simulate import CLEAN, Plan, append_rows, augment_rows, simulate_shop
from ecorse.simulate.formats import format_names, get_format
from ecorse.simulate.grow import LEAST_DONORS, fill_up

PLAN = Plan(seed=5, customers=100, orders=1_000, events=8_000, days=40)
RETAIL = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n"


def parse(data: bytes, name: str) -> list[list[str]]:
    form = get_format(name)
    text = io.StringIO(data.decode(form.encoding), newline="")
    return list(csv.reader(text, delimiter=form.delimiter))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("grow")
    for name in format_names():
        simulate_shop(root / name, PLAN, name, dirt=CLEAN)
    return root


@pytest.mark.parametrize("name", [n for n in format_names() if n != "sales_csv"])
@pytest.mark.parametrize("rows", [0, 1, 233])
def test_exactly_n_new_rows_follow_the_last_one(tmp_path, folder, name, rows):
    form = get_format(name)
    before = sorted((folder / name).glob("simulated_*"))[-1].read_bytes()
    path = tmp_path / "data.csv"
    path.write_bytes(before)
    growth = append_rows(path, rows=rows, seed=8)
    after = path.read_bytes()
    assert (growth.format, growth.rows) == (name, rows)
    assert after.startswith(before)
    old, new = parse(before, name)[1:], parse(after[len(before) :], name)
    assert len(new) == rows
    assert {len(row) for row in new} <= {len(form.columns)}
    assert not {tuple(row) for row in new} & {tuple(row) for row in old}
    assert len({tuple(row) for row in new}) == rows
    if rows and form.moment:
        place = form.columns.index(form.moment)
        assert min(when(r[place], name) for r in new) > max(when(r[place], name) for r in old)
    place = form.columns.index(form.new_id)
    assert all(row[place].removeprefix("C").startswith("SIM-") for row in new)
    # appended again with the same seed the ids are new again, but for a file of known customers
    append_rows(path, rows=rows, seed=8)
    third = parse(path.read_bytes()[len(after) :], name)
    assert not {tuple(row) for row in third} & {tuple(row) for row in new}


def when(text: str, name: str) -> datetime:
    form = get_format(name)
    if form.moment_format == "epoch":
        return datetime.fromtimestamp(int(text))
    return datetime.strptime(text, form.moment_format)


def test_a_sales_file_grows_within_its_month_as_before(tmp_path, folder):
    path = tmp_path / "sales.csv"
    path.write_bytes(sorted((folder / "sales_csv").glob("simulated_*"))[0].read_bytes())
    n = len(parse(path.read_bytes(), "sales_csv"))
    assert append_rows(path, rows=20, seed=1).format == "sales_csv"
    rows = parse(path.read_bytes(), "sales_csv")
    assert len(rows) == n + 20
    assert {row[4][:2] for row in rows[n:]} == {"01"}


def test_same_file_and_seed_give_the_same_rows_and_its_line_ends_stay(tmp_path):
    texts = []
    for name in ("a.csv", "b.csv"):
        path = tmp_path / name
        # Unix line ends, and none behind the last row
        path.write_text(RETAIL.replace("\r\n", "\n") + "1,22,LAMP,1,7/30/2011 9:05,2.5,7,France")
        path.chmod(0o640)
        append_rows(path, rows=5, seed=4)
        texts.append(path.read_bytes())
        assert path.stat().st_mode & 0o777 == 0o640
    assert texts[0] == texts[1]
    assert b"\r" not in texts[0]
    assert texts[0].count(b"\n") == 7
    [_, old, first, *_] = texts[0].split(b"\n")
    assert old.endswith(b"France")
    assert b",7/31/2011 " in first


@pytest.mark.parametrize("grow", [append_rows, augment_rows])
def test_what_cannot_grow_is_refused_unchanged(tmp_path, grow):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ContractError, match=r"other\.csv, line 1: .* of behaviour_events, .*'a,b'"):
        grow(path, rows=1)
    with pytest.raises(ContractError, match=r"expected the header 'event_time"):
        grow(path, rows=1, format_name="rees46_events")
    with pytest.raises(ConfigError, match=r"rows must be 0 or more"):
        grow(path, rows=-1)
    with pytest.raises(ConfigError, match=r"none\.csv"):
        grow(tmp_path / "none.csv", rows=1)
    assert path.read_text() == "a,b\n1,2\n"
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


def test_the_smallest_groups_are_filled_up_by_hand():
    # 1, 3, 10 and four rows: up to 4, 4, 10
    assert fill_up(np.array([10, 1, 3]), 4).tolist() == [0, 3, 1]
    # one more cannot part: the smallest gets it
    assert fill_up(np.array([10, 1, 3]), 5).tolist() == [0, 4, 1]
    assert fill_up(np.array([2, 2]), 0).tolist() == [0, 0]
    assert fill_up(np.array([1]), 7).tolist() == [7]
    assert fill_up(np.array([2, 4, 6]), 15).tolist() == [7, 5, 3]


def test_augmented_rows_are_like_the_rows_of_their_group(tmp_path):
    """Hours, quantities and prices of a rare product before and after: a two-sample bound.

    The distance of the two distribution functions of n donors and m draws from them is below
    1.63 / sqrt(m) with 99 % (Kolmogorov; the donors are the whole population of the draws).
    """
    rng = np.random.default_rng(1)
    rows = []
    for number in range(900):
        is_rare = number % 15 == 0
        hour = int(rng.choice([9, 10, 20] if is_rare else [12, 13]))
        quantity = int(rng.integers(1, 5))
        price = "4.5" if quantity > 2 else "5"  # a discount by number: columns that depend
        code = "RARE" if is_rare else "22"
        rows.append(f"{5000 + number},{code},LAMP,{quantity},3/{1 + number % 28}/2011 "
                    f"{hour}:{number % 60:02d},{price},{number % 50},France\r\n")  # fmt: skip
    rows.append("C4999,RARE,LAMP,-2,3/9/2011 9:30,5,7,France\r\n")
    rows.append("SIM-1,RARE,LAMP,4,3/9/2011 3:30,1,7,France\r\n")  # simulated: no donor
    rows.append("5999,ONCE,LAMP,4,3/9/2011 3:30,1,7,France\r\n")  # too few to draw from
    path = tmp_path / "data.csv"
    path.write_text(RETAIL + "".join(rows), newline="")
    before = path.read_bytes()
    augment_rows(path, rows=700, seed=2)
    assert path.read_bytes().startswith(before)
    new = parse(path.read_bytes()[len(before) :], "online_retail")
    assert len(new) == 700
    assert len({row[0] for row in new}) == 700
    assert all(row[0].removeprefix("C").startswith("SIM-B") for row in new)
    # 61 rare rows and 840 others: the rare come first
    assert Counter(row[1] for row in new)["RARE"] == 700
    donors = [r.rstrip("\r\n").split(",") for r in rows if ",RARE," in r and r[0] != "S"]
    assert len(donors) == 61 > LEAST_DONORS
    bound = 1.63 / 700**0.5
    for place in (3, 4, 5):
        assert distance([r[place] for r in donors], [r[place] for r in new], place) < bound
    assert {(r[3], r[5], r[0][0] == "C") for r in new} <= {
        (r[3], r[5], r[0][0] == "C") for r in donors
    }


def distance(a: list[str], b: list[str], place: int) -> float:
    """The largest distance of two distribution functions, of hours for the date column."""
    read = (lambda t: float(t.split()[1].split(":")[0])) if place == 4 else float
    x, y = np.sort([read(t) for t in a]), np.sort([read(t) for t in b])
    at = np.union1d(x, y)
    below = [np.searchsorted(v, at, side="right") / len(v) for v in (x, y)]
    return float(np.abs(below[0] - below[1]).max())


def test_nothing_to_draw_from_is_refused(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(RETAIL + "SIM-1,22,LAMP,4,3/9/2011 3:30,1,7,France\r\n", newline="")
    before = path.read_bytes()
    with pytest.raises(ContractError, match=r"no valid row that is not simulated"):
        augment_rows(path, rows=3)
    assert path.read_bytes() == before


def test_the_real_files_grow(tmp_path, shared_data):
    for name, file in (
        ("online_retail", "online_retail/data.csv"),
        ("rees46_events", "rees46_events/2019-Oct.head17k.csv"),
        ("customer_personality", "customer_personality/marketing_campaign.csv"),
        ("ratings", "movielens_small/ratings.csv"),
    ):
        path = tmp_path / f"{name}.csv"
        before = (shared_data / file).read_bytes()
        path.write_bytes(before)
        for grow in (append_rows, augment_rows):
            growth = grow(path, rows=50, seed=3)
            assert growth.format == name
        after = path.read_bytes()
        assert after.startswith(before)
        added = after[len(before) :].lstrip(b"\r\n")
        assert len(parse(added, name)) == 100
