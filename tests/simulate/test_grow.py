"""Files that grow: exactly n marked rows, after the last date or like the rarest groups (A37, A38).

What belongs here: one file before and after. What does not: loading it again (integration).
"""

from __future__ import annotations

import csv
import io
import threading
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


@pytest.mark.parametrize("name", format_names())
@pytest.mark.parametrize("rows", [0, 1, 233])
def test_exactly_n_new_rows_follow_the_last_one(tmp_path, folder, name, rows):
    form = get_format(name)
    before = last_file(folder / name).read_bytes()
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
        moments = [when(row[place], name) for row in new]
        if name == "sales_csv":  # a month's file grows within its month: the second day of 40 too
            assert {(moment.year, moment.month) for moment in moments} == {(2019, 2)}
        else:
            assert min(moments) > max(when(r[place], name) for r in old)
    place = form.columns.index(form.new_id)
    assert all(row[place].removeprefix("C").startswith("SIM-") for row in new)
    # appended again with the same seed the ids are new again, but for a file of known customers
    append_rows(path, rows=rows, seed=8)
    third = parse(path.read_bytes()[len(after) :], name)
    assert not {tuple(row) for row in third} & {tuple(row) for row in new}
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def last_file(folder: Path) -> Path:
    """The latest month's file; sales files are named by their months' names."""
    files = [p for p in folder.iterdir() if p.name.lower().startswith("simulated_")]
    return max(files, key=lambda path: ("February" in path.name, path.name))


def when(text: str, name: str) -> datetime:
    form = get_format(name)
    if form.moment_format == "epoch":
        return datetime.fromtimestamp(int(text))
    return datetime.strptime(text, form.moment_format)


SALES = b"Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
SALE = b'1001,Lamp,2,4.5,04/07/19 22:30,"1 Main St, Boston, MA 02215"'


def test_a_months_file_grows_in_the_month_that_most_rows_have(tmp_path):
    path = tmp_path / "sales.csv"
    june = SALE.replace(b"04/07/19", b"06/30/21")
    july = SALE.replace(b"04/07/19", b"07/01/21")
    # and junk that is no date
    junk = b"x,y,1,2,99/99/99 00:00,z"
    path.write_bytes(b"\n".join([SALES, *[july] * 900, *[june] * 1_100, junk, b""]))
    size = path.stat().st_size
    append_rows(path, rows=400, seed=1)
    added = parse(path.read_bytes()[size:], "sales_csv")
    assert len(added) == 400
    days = Counter(row[4][:8] for row in added)
    assert {day[:2] + day[6:] for day in days} == {"0621"}
    assert len(days) > 20  # all over the month
    assert all(int(row[2]) > 0 and float(row[3]) > 0 for row in added)


def test_many_more_rows_than_customers_can_buy_in_a_month(tmp_path, monkeypatch):
    """Another shop follows, under a tag of its own, until there are enough rows."""
    monkeypatch.setattr("ecorse.simulate.grow._LARGEST", 300)
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n")
    append_rows(path, rows=2_500, seed=1)
    rows = parse(path.read_bytes(), "ratings")[1:]
    assert len({tuple(row) for row in rows}) > 0.99 * len(rows)
    assert len(rows) == 2_500


def test_a_header_alone_can_grow(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(SALES)
    append_rows(path, rows=3, seed=1)
    rows = parse(path.read_bytes(), "sales_csv")
    assert len(rows) == 4
    assert {row[4][:2] + row[4][6:8] for row in rows[1:]} == {"0119"}


def test_bom_and_windows_line_ends_stay(tmp_path):
    path = tmp_path / "sales.csv"
    before = b"\xef\xbb\xbf" + SALES + b"\r\n" + SALE + b"\r\n"
    path.write_bytes(before)
    append_rows(path, rows=3, seed=1)
    after = path.read_bytes()
    assert after.startswith(before)
    assert after.count(b"\r\n") == after.count(b"\n") == 5


def test_orders_of_two_files_never_meet(tmp_path, folder):
    new = []
    for source in sorted((folder / "sales_csv").glob("Sim*")):
        path = tmp_path / source.name
        before = source.read_bytes()
        path.write_bytes(before)
        append_rows(path, rows=50, seed=1)
        new.append({row[0] for row in parse(path.read_bytes()[len(before) :], "sales_csv")})
    assert len(new) == 2
    assert not new[0] & new[1]


def test_a_killed_append_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "sales.csv"
    path.write_bytes(SALES + b"\n" + SALE + b"\n")
    before = path.read_bytes()

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        append_rows(path, rows=5, seed=1)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["sales.csv"]


def test_two_appends_at_once_lose_nothing(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(SALES + b"\n" + SALE + b"\n")
    threads = [
        threading.Thread(target=append_rows, args=(path,), kwargs={"rows": 25}) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = parse(path.read_bytes(), "sales_csv")
    assert len({tuple(row) for row in rows}) == len(rows) == 2 + 4 * 25


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
@pytest.mark.parametrize(
    "content",
    [b"", SALES + b",More\n", SALE + b"\n", b"\x1f\x8b\x08\x00compressed", b"x" * 9000],
)
def test_a_file_of_another_shape_is_refused_unchanged(tmp_path, grow, content):
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(ContractError, match=r"other\.csv, line 1: expected the header"):
        grow(path, rows=1)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


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
