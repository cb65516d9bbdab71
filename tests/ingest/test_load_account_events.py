"""The law of the account for files whose lines go to two tables, under drift and quarantine.

Files are made of pieces whose fate is known by construction; the standard library counts their
lines a second time. ``ECORSE_TEST_FILES`` sets how many files (the long run takes 10,000).
"""

from __future__ import annotations

import os
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecorse.errors import ContractError
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.sources.reading import Reading
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

FILES = int(os.environ.get("ECORSE_TEST_FILES", "25"))
COLUMNS = [
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price"),
    *("user_id", "user_session"),
]
SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Asia/Kolkata", currency="INR", sources=())
CELL = st.text(
    st.characters(codec="latin-1", exclude_categories=("Cs", "Cc"), exclude_characters='",'),
    max_size=8,
).filter(lambda text: text == text.strip() and not text.startswith("SIM-"))


@st.composite
def events(draw):
    """A good event, with its fate and what it says: (fate, cells, (kind, session, price))."""
    kind = draw(st.sampled_from(["view", "cart", "remove_from_cart", "purchase"]))
    cents = draw(st.integers(-100, 10**6))
    second = draw(st.integers(0, 59))
    product = draw(CELL.filter(bool))
    category, brand, user, session = (draw(CELL) for _ in range(4))
    price = Decimal(cents) / 100
    at = f"2019-10-01 00:00:{second:02} UTC"
    cells = [at, kind, product, "9", category, brand, str(price), user, session]
    return "good", cells, (kind, session, price)


BROKEN = [
    ["2019-02-30 00:00:00 UTC", "view", "1", "9", "", "", "1", "u", "s"],
    ["yesterday", "view", "1", "9", "", "", "1", "u", "s"],
    ["2019-10-01 00:00:00 UTC", "glance", "1", "9", "", "", "1", "u", "s"],
    ["2019-10-01 00:00:00 UTC", "view", "", "9", "", "", "1", "u", "s"],
    ["2019-10-01 00:00:00 UTC", "view", "1", "9", "", "", "", "u", "s"],
    ["2019-10-01 00:00:00 UTC", "view", "1", "9", "", "", "12345678901", "u", "s"],
    ["2019-10-01 00:00:00 UTC", "view", "1", "9", "", "", "nan", "u", "s"],
    ["2019-10-01 00:00:00 UTC", "view"],
    ["x"] * 10,
    ['a"b', "view", "1", "9", "", "", "1", "u", "s"],
]
PIECES = st.one_of(
    events(),
    events(),
    st.sampled_from([("rejected", cells, None) for cells in BROKEN]),
    st.sampled_from([("ignored", cells, None) for cells in ([""], [""] * 9, COLUMNS)]),
)


@pytest.fixture
def loader(warehouse, tmp_path):
    """Loads bytes into emptied tables; gives the summary and what is held, by table."""
    path = tmp_path / "f.csv"

    def load(data, **reading):
        path.write_bytes(data)
        with connect() as conn:
            conn.execute(
                "truncate staging.order_lines, staging.events, ops.reject, ops.load_report, "
                "ops.build_load, ops.load"
            )
        with writer("ingest:main:rees46_events", "test") as fence:
            found = load_file(
                path, shop=SHOP, source=get_source("rees46_events", Reading(**reading)), fence=fence
            )
        with connect() as conn:
            held = conn.execute(
                "select (select count(*) from staging.events), "
                "(select count(*) from staging.order_lines), "
                "(select coalesce(sum(unit_price), 0) from staging.order_lines), "
                "(select count(*) from ops.reject)"
            ).fetchone()
        return found, held

    return load


@settings(
    max_examples=FILES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(PIECES, max_size=30),
    st.lists(st.integers(0, 29), max_size=5),
    st.permutations(range(9)),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from(["utf-8", "latin-1"]),
    st.sampled_from(["evolve", "quarantine", "freeze"]),
    st.sampled_from(["", "empty", "full"]),
)
def test_every_line_is_accounted_for_in_both_tables(
    loader, pieces, again, order, end, encoding, drift, added
):
    pieces = pieces + [pieces[i] for i in again if i < len(pieces)]

    def line(cells):
        """The cells in the file's order, with the added column; odd rows keep their own count."""
        if len(cells) == 9:
            more = {"": [], "empty": [""], "full": ["new"]}[added]
            is_header, is_blank = cells == COLUMNS, not any(cells)
            cells = [cells[i] for i in order]
            cells += (
                ["channel"] * bool(added) if is_header else [""] * len(more) if is_blank else more
            )
        return ",".join(cells).encode(encoding)

    data = end.join([line(COLUMNS), *(line(cells) for _, cells, _ in pieces)]) + end
    lines = data.decode(encoding).replace("\r\n", "\n").removesuffix("\n").split("\n")[1:]
    fates = [fate for fate, _, _ in pieces]
    is_retyped = any(
        cells in (BROKEN[0], BROKEN[1], BROKEN[5], BROKEN[6]) for _, cells, _ in pieces
    )
    if drift == "freeze" and (added or is_retyped):
        with pytest.raises(ContractError, match="frozen"):
            loader(data, encoding=encoding, drift=drift)
        return
    found, (event_rows, line_rows, money, rejects) = loader(data, encoding=encoding, drift=drift)
    good = {tuple(cells): said for fate, cells, said in pieces if fate == "good"}
    if drift == "quarantine" and added == "full":
        good = {}
        assert found.rows_rejected == fates.count("good") + fates.count("rejected")
    else:
        assert found.rows_rejected == fates.count("rejected")
    assert found.rows_read == len(lines) == len(pieces)
    assert found.rows_ignored == fates.count("ignored")
    assert found.rows_read == (
        found.rows_staged + found.rows_duplicate + found.rows_ignored + found.rows_rejected
    )
    assert found.rows_staged == event_rows == len(good)
    assert found.rows_rejected == rejects
    bought = [price for kind, session, price in good.values() if kind == "purchase" and session]
    assert line_rows == found.rows_by_table.get("order_lines", 0) == len(bought)
    assert found.money_staged == money == sum(bought)
