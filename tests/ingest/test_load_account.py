"""The law of the account: every line of every file is staged, rejected, duplicate or ignored.

Files are generated from pieces whose fate is known by construction; a second, independent count
of lines comes from the standard library. ``ECORSE_TEST_FILES`` sets how many files (the long run
takes 10,000).
"""

from __future__ import annotations

import os
from collections import Counter
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecorse.errors import ContractError
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

FILES = int(os.environ.get("ECORSE_TEST_FILES", "25"))
HEADER = b"Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)

# a text of which nothing can be seen is empty
CELL = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf"), exclude_characters='"\u2800\u3164'),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() and not text.startswith("SIM-"))


@st.composite
def good_rows(draw) -> tuple[str, bytes, tuple]:
    order, product, quantity = draw(CELL).strip(), draw(CELL).strip(), draw(st.integers(1, 99))
    cents = draw(st.integers(0, 10**7))
    address = draw(st.one_of(st.just(""), CELL)).strip()
    price = Decimal(cents) / 100
    row = f'"{order}","{product}",{quantity},{price},04/19/19 08:46,"{address}"'
    return "good", row.encode(), (order, product, quantity, price, address)


def fixed(fate: str, *rows: bytes):
    return st.sampled_from([(fate, row, None) for row in rows])


ROWS = st.one_of(
    good_rows(),
    good_rows(),
    fixed("ignored", b"", b",,,,,", b",", HEADER),
    fixed(
        "rejected",
        b"1,iPhone,1,700,04/19/19 08:46",
        b"1,iPhone,1,700,04/19/19 08:46,x,y",
        b'1,"iPhone,1,700,04/19/19 08:46,x',
        b'1,i"Phone,1,700,04/19/19 08:46,x',
        b"1,i\0Phone,1,700,04/19/19 08:46,x",
        b"1,i\xffPhone,1,700,04/19/19 08:46,x",
        b"1,iPhone,0,700,04/19/19 08:46,x",
        b"1,iPhone,1,-700,04/19/19 08:46,x",
        b"1,iPhone,1,700,02/30/19 08:46,x",
        b"1,iPhone,1,seven,04/19/19 08:46,x",
        b",iPhone,1,7,04/19/19 08:46,x",
        b'"',
        b"x",
    ),
)


@pytest.fixture
def loader(warehouse, tmp_path):
    """Loads bytes into emptied tables."""
    path = tmp_path / "f.csv"

    def load(data: bytes):
        path.write_bytes(data)
        with connect() as conn:
            conn.execute(
                "truncate staging.order_lines, ops.reject, ops.load_report, ops.build_load, "
                "ops.load"
            )
        with writer("ingest:main:sales_csv", "test") as fence:
            found = load_file(path, shop=SHOP, source=get_source("sales_csv"), fence=fence)
        with connect() as conn:
            row = conn.execute(
                "select (select count(*) from staging.order_lines), (select count(*) from "
                "ops.reject), (select sum(quantity * unit_price) from staging.order_lines)"
            ).fetchone()
        return SimpleNamespace(load=found, staged=row[0], rejected=row[1], money=row[2] or 0)

    return load


@settings(
    max_examples=FILES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(ROWS, max_size=40).flatmap(
        # some rows come again, so that there are duplicates
        lambda rows: (
            st.lists(st.sampled_from(rows), max_size=5).map(lambda again: rows + again)
            if rows
            else st.just([])
        )
    ),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)
@example([("rejected", b"1,i\xffPhone,1,700,04/19/19 08:46,x", None)] * 2, b"\n", False)
@example([("rejected", b"1,iPhone,1,700,04/19/19 08:46", None)] * 11, b"\n", False)
@example([("rejected", b"1,iPhone,1,700,04/19/19 08:46", None)] * 10, b"\n", False)
def test_every_line_is_accounted_for(loader, rows, end, ends_with_line_end):
    data = HEADER + end + end.join(row for _, row, _ in rows)
    data += end * (ends_with_line_end and rows != [])
    lines = data.decode("latin-1").replace("\r\n", "\n").split("\n")
    line_count = len(lines) - 1 - (lines[-1] == "")  # the header, and nothing behind the last end
    fates = Counter(fate for fate, _, _ in rows)
    # beyond both limits, or with bytes of another encoding alone, the file is refused whole
    is_invalid = [b"\xff" in row for _, row, _ in rows]
    is_proven = any(
        not row.isascii() and not bad for bad, (_, row, _) in zip(is_invalid, rows, strict=True)
    )
    told = None
    if sum(is_invalid) > 1 and not is_proven:
        told = f"{sum(is_invalid)} of its lines are not valid UTF-8"
    elif fates["rejected"] > max(10, 0.05 * line_count):
        told = f"{fates['rejected']} of {line_count} rows"
    if told:
        with pytest.raises(ContractError, match=told):
            loader(data)
        return
    done = loader(data)
    found = done.load
    lost_last = 1 if rows and rows[-1][1] == b"" and not ends_with_line_end else 0
    sales = {_spelled(sale) for fate, _, sale in rows if fate == "good"}

    assert found.rows_read == line_count == len(rows) - lost_last
    assert (found.rows_read, found.rows_rejected) == (
        found.rows_staged + found.rows_duplicate + found.rows_ignored + found.rows_rejected,
        fates["rejected"],
    )
    assert found.rows_ignored == fates["ignored"] - lost_last
    assert (found.rows_staged, found.rows_duplicate) == (len(sales), fates["good"] - len(sales))
    assert (done.staged, done.rejected) == (found.rows_staged, found.rows_rejected)
    assert done.money == found.money_staged == sum(q * p for _, _, q, p, _ in sales)


def _spelled(sale: tuple) -> tuple:
    """A sale as the contract compares it: white space inside a product name does not count."""
    order, product, quantity, price, address = sale
    return order, " ".join(product.split()), quantity, price, address
