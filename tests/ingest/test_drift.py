"""A source's shape drifts: six ways, under the three behaviours that a contract can declare."""

from __future__ import annotations

import pytest

from ecorse.errors import ContractError
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.sources.reading import Reading
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)
COLUMNS = [
    "Order ID",
    "Product",
    "Quantity Ordered",
    "Price Each",
    "Order Date",
    "Purchase Address",
]
ROWS = [
    ["1", "iPhone", "1", "700", "04/19/19 08:46", "1 Elm St, Boston, MA 02215"],
    ["2", "Wired Headphones", "2", "11.99", "04/20/19 09:00", "2 Elm St, Boston, MA 02215"],
    ["3", "iPhone", "1", "700", "04/21/19 10:00", "3 Elm St, Boston, MA 02215"],
]


def text(columns, rows):
    return "".join(",".join(f'"{v}"' for v in row) + "\n" for row in (columns, *rows))


def column(name, values):
    """The file with one more column at its end."""
    return text([*COLUMNS, name], [[*row, v] for row, v in zip(ROWS, values, strict=True)])


def without(name):
    i = COLUMNS.index(name)
    cut = [[v for j, v in enumerate(row) if j != i] for row in (COLUMNS, *ROWS)]
    return text(cut[0], cut[1:])


def renamed(old, new):
    return text([new if c == old else c for c in COLUMNS], ROWS)


FILES = {
    "added": column("Channel", ["web", "", "app"]),
    "missing": without("Quantity Ordered"),
    "renamed by a declared alias": renamed("Price Each", "Unit Price"),
    "renamed": renamed("Price Each", "Price Eech"),
    "reordered": text(COLUMNS[::-1], [row[::-1] for row in ROWS]),
    "retyped": text(COLUMNS, [ROWS[0], [*ROWS[1][:2], "two", *ROWS[1][3:]], ROWS[2]]),
    "duplicated": column("product", ["a", "b", "c"]),
}
# staged, rejected; or what the refusal says. docs/drift.md has the same table in words.
MISSING = r"'Quantity Ordered' is missing"
RENAMED = r"'Price Each' is missing.*perhaps 'Price Each' to 'Price Eech'"
TWICE = r"columns 2 and 7 of the header are both named 'product'"
EXPECTED = {
    ("added", "evolve"): (3, 0),
    ("added", "quarantine"): (1, 2),
    ("added", "freeze"): r"'Channel' is not in the contract.*frozen",
    ("missing", "evolve"): MISSING,
    ("missing", "quarantine"): (0, 3),
    ("missing", "freeze"): MISSING,
    ("renamed by a declared alias", "evolve"): (3, 0),
    ("renamed by a declared alias", "quarantine"): (3, 0),
    ("renamed by a declared alias", "freeze"): (3, 0),
    ("renamed", "evolve"): RENAMED,
    ("renamed", "quarantine"): (0, 3),
    ("renamed", "freeze"): RENAMED,
    ("reordered", "evolve"): (3, 0),
    ("reordered", "quarantine"): (3, 0),
    ("reordered", "freeze"): (3, 0),
    ("retyped", "evolve"): (2, 1),
    ("retyped", "quarantine"): (2, 1),
    ("retyped", "freeze"): r"line 3: Quantity Ordered is 'two'.*frozen",
    ("duplicated", "evolve"): TWICE,
    ("duplicated", "quarantine"): TWICE,
    ("duplicated", "freeze"): TWICE,
}


@pytest.fixture
def load(warehouse, tmp_path):
    def load(content, drift):
        path = tmp_path / "sales.csv"
        path.write_text(content)
        with writer("ingest:main:sales_csv", "test") as fence:
            return load_file(
                path,
                shop=SHOP,
                source=get_source("sales_csv", Reading(drift=drift)),
                fence=fence,
            )

    return load


def staged():
    with connect() as conn:
        return conn.execute(
            "select order_id, product_name, quantity, unit_price::text, ordered_local::text, city, "
            "extra from staging.order_lines order by order_id"
        ).fetchall()


@pytest.mark.parametrize(("drift", "behaviour"), EXPECTED, ids=lambda x: str(x).replace(" ", "-"))
def test_drift(load, drift, behaviour):
    expected = EXPECTED[drift, behaviour]
    if isinstance(expected, str):
        with pytest.raises(ContractError, match=expected):
            load(FILES[drift], behaviour)
        assert staged() == []
        with connect() as conn:
            assert conn.execute("select count(*) from ops.load").fetchone() == (0,)
        return
    summary = load(FILES[drift], behaviour)
    assert (summary.rows_staged, summary.rows_rejected) == expected
    assert summary.rows_read == 3
    assert len(staged()) == expected[0]


def test_a_column_that_came_is_kept_and_told(load):
    summary = load(FILES["added"], "evolve")
    assert [row[-1] for row in staged()] == [
        {"Channel": "web"},
        {"Channel": None},
        {"Channel": "app"},
    ]
    assert any("'Channel'" in warning for warning in summary.warnings)


@pytest.mark.parametrize("drift", ["reordered", "renamed by a declared alias"])
def test_what_is_mapped_is_the_same(load, drift):
    load(FILES[drift], "freeze")
    assert [row[:6] for row in staged()] == [
        ("1", "iPhone", 1, "700.0000", "2019-04-19 08:46:00", "Boston"),
        ("2", "Wired Headphones", 2, "11.9900", "2019-04-20 09:00:00", "Boston"),
        ("3", "iPhone", 1, "700.0000", "2019-04-21 10:00:00", "Boston"),
    ]


def test_quarantined_rows_keep_text_line_and_reason(load):
    load(FILES["missing"], "quarantine")
    with connect() as conn:
        found = conn.execute(
            "select source_line, raw, rule, column_name from ops.reject order by source_line"
        ).fetchall()
    assert [row[0] for row in found] == [2, 3, 4]
    assert found[0][1] == FILES["missing"].splitlines()[1]
    assert {row[2:] for row in found} == {("missing_column", "Quantity Ordered")}


def test_quarantined_rows_come_back_under_another_behaviour(load):
    load(FILES["added"], "quarantine")
    summary = load(FILES["added"], "evolve")
    assert (summary.rows_staged, summary.rows_rejected) == (3, 0)
    with connect() as conn:
        live = conn.execute("select count(*) from ops.load where superseded_at is null").fetchone()
    assert live == (1,)
