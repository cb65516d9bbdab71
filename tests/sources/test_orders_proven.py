"""What a mapping can say about all rows of an order, about keys that come twice, zones and parts.

What belongs here: ``within``, ``sum_of``, ``numbered_keys``, ``zone_column``, ``round_up``, formats
with and without an offset. What does not: mappings that use them (``test_platform_meanings.py``).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial

import pytest

from ecorse.clean import opening, orders, stream
from ecorse.errors import ConfigError, ContractError
from ecorse.ingest.dry import dry_load
from ecorse.ingest.shops import Shop
from ecorse.sources.mappings.source import read_mapping

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
MAPPING = """
about = "Lines whose order says its total."
table = "order_lines"
{head}
columns = [
  {{ name = "order", target = "order_id" }},
  {{ name = "sku", target = "product_id" }},
  {{ name = "qty", target = "quantity", type = "integer"{pieces} }},
  {{ name = "price", target = "unit_price", type = "decimal" }},
  {{ name = "day", target = "ordered_local", type = "timestamp", formats = {formats}{zone} }},
  {{ name = "total", type = "decimal" }},
  {{ name = "clock", ignore = true, required = false }},
]
{tail}
"""
PROOF = """
[[rules]]
id = "total_is_another"
expr = "coalesce(total = sum_of(quantity * unit_price), false)"
sentence = "the lines do not give the order's total"
"""
WITHIN = 'within = "order"'


@pytest.fixture
def read(tmp_path):
    def of(*rows, head=WITHIN, tail="", pieces="", formats='["%Y-%m-%d"]', zone=""):
        path, file = tmp_path / "lines.toml", tmp_path / "lines.csv"
        path.write_text(
            MAPPING.format(head=head, tail=tail, pieces=pieces, formats=formats, zone=zone)
        )
        file.write_text("".join(f"{r}\n" for r in ("order,sku,qty,price,day,total,clock", *rows)))
        return dry_load(file, read_mapping(path), SHOP, keep=True)

    return of


def told(dry) -> list[tuple[int, str]]:
    return dry.rejected.select("source_line", "rule").sort("source_line").rows()


def small_blocks(monkeypatch, size):
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=size))


@pytest.mark.parametrize("block_bytes", [60, 300, 1 << 20])
def test_the_lines_of_an_order_give_its_total_whatever_the_blocks(read, monkeypatch, block_bytes):
    """Orders of 1 to 40 lines of 1.25; each seventh order says a cent too much."""
    small_blocks(monkeypatch, block_bytes)
    rows, wrong, line = [], [], 2
    for n in range(1, 41):
        total = Decimal("1.25") * n + (Decimal("0.01") if n % 7 == 0 else 0)
        rows += [f"o{n:0200},p{k},1,1.25,2024-01-01,{total}," for k in range(n)]
        wrong += range(line, line + n) if n % 7 == 0 else []
        line += n
    dry = read(*rows, tail=PROOF)
    assert told(dry) == [(n, "total_is_another") for n in wrong]
    assert dry.rows["source_line"].sort().to_list() == sorted(set(range(2, line)) - set(wrong))
    assert dry.rejected.height + dry.rows.height == len(rows)
    raw = {row["source_line"]: row["raw"] for row in dry.rejected.iter_rows(named=True)}
    assert all(text == rows[number - 2] for number, text in raw.items())


def test_a_row_that_cannot_be_read_leaves_its_order_unproven(read):
    dry = read(
        "A,p,1,2.00,2024-01-01,5.00,", "A,q,1,three,2024-01-01,5.00,",
        "B,p,1,2.00,2024-01-01,2.00,",
        tail=PROOF,
    )  # fmt: skip
    assert {line for line, _ in told(dry)} == {2, 3}
    assert dry.rows["order_id"].to_list() == ["B"]


@pytest.mark.parametrize("block_bytes", [60, 1 << 20])
def test_an_order_whose_lines_stand_apart_is_not_proven(read, monkeypatch, block_bytes):
    small_blocks(monkeypatch, block_bytes)
    dry = read(
        f"A{'a' * 5000},p,1,2.00,2024-01-01,5.00,", "B,p,1,2.00,2024-01-01,2.00,",
        f"A{'a' * 5000},q,1,3.00,2024-01-01,5.00,", tail=PROOF,
    )  # fmt: skip
    assert "lines_apart" in {rule for _, rule in told(dry)}
    assert dry.rows.height == 1
    assert {line for line, _ in told(dry)} == {2, 4}


def test_one_order_of_very_many_rows_is_no_order(read, monkeypatch):
    monkeypatch.setattr(orders, "MOST_ROWS", 3)
    with pytest.raises(ContractError, match=r"4 rows in a row have the same 'order'.*`within`"):
        read(*(f"A,p{n},1,2.00,2024-01-01,8.00," for n in range(4)))


def test_what_a_sum_adds_up_is_null_only_where_nothing_is_said(read):
    """As SQL's sum: the order without a price says nothing, which is not 0."""
    dry = read(
        "A,p,1,2.00,2024-01-01,,", "A,q,1,3.00,2024-01-01,4.00,", "B,p,1,2.00,2024-01-01,,",
        tail='[[rules]]\nid = "no_sum"\nexpr = "sum_of(total) is not null"\nsentence = "none"',
    )  # fmt: skip
    assert told(dry) == [(4, "no_sum")]


def test_a_sum_becomes_a_line_and_counts_rows_that_are_refused(read):
    """Shipping is the total less all goods; that a row of them is refused makes it no dearer."""
    dry = read(
        "A,p,1,2.00,2024-01-01,9.00,", f"A,{'q' * 501},1,3.00,2024-01-01,9.00,",
        tail='[[also]]\nkind = "shipping"\namount = "total - sum_of(quantity * unit_price)"\n'
        'once_per = "order_id"',
    )  # fmt: skip
    assert len(told(dry)) == 1
    assert dry.companions["order_lines"]["unit_price"].to_list() == [Decimal(4)]


@pytest.mark.parametrize(
    ("head", "tail", "why"),
    [
        ("", PROOF, r"sum_of\(\) and numbered_keys.*say within"),
        ('within = "bill"', "", "within: no column of the file is called 'bill'"),
        (WITHIN + "\nnumbered_keys = true", "", "there is no line_key"),
        (WITHIN, PROOF.replace("quantity * unit_price", "previous(quantity)"), "takes one number"),
        (WITHIN, PROOF.replace("quantity * unit_price", "product_id"), "needs a number"),
        (WITHIN, PROOF.replace("quantity * unit_price", "quantity, total"), "takes one number"),
    ],
)
def test_what_cannot_be_said_of_an_order(read, head, tail, why):
    with pytest.raises(ConfigError, match=why):
        read("A,p,1,2.00,2024-01-01,2.00,", head=head, tail=tail)


@pytest.mark.parametrize("block_bytes", [60, 1 << 20])
def test_equal_keys_of_an_order_are_numbered(read, monkeypatch, block_bytes):
    small_blocks(monkeypatch, block_bytes)
    keyed = WITHIN + '\nline_key = ["order_id", "product_id"]\nnumbered_keys = true'
    rows = [f"A{n:0300},p,{k},2.00,2024-01-01,," for n in range(30) for k in (1, 2, 1)]
    dry = read(*rows, head=keyed)
    assert not told(dry)
    assert dry.rows["quantity"].sum() == 30 * 4
    assert {key.split("|", 1)[1] for key in dry.rows["line_id"]} == {"p", "p|2", "p|3"}


def test_pieces_with_parts_are_rounded_up_to_whole_ones(read):
    """Where it is said; the money of the row is no matter of its pieces."""
    rows = [f"A,p{n},{q},2.00,2024-01-01,," for n, q in enumerate(("0.75", "2.5", "-1.2", "3"))]
    dry = read(*rows, pieces=', normalise = ["round_up"]')
    assert dry.rows["quantity"].to_list() == [1, 3, -2, 3]
    assert dry.cleaner.account.repaired["quantity_round_up"] == 3
    assert [rule for _, rule in told(read(*rows))] == ["quantity_invalid"] * 3


def test_a_rows_own_zone(read):
    """Noon in Tokyo is 4:00 in Berlin in winter; an empty zone is the shop's."""
    dry = read(
        "A,p,1,2.00,2024-01-05 12:00,,Asia/Tokyo", "B,p,1,2.00,2024-01-05 12:00,,",
        "C,p,1,2.00,2024-01-05 12:00,,Nowhere", formats='["%Y-%m-%d %H:%M"]',
        zone=', zone_column = "clock"',
    )  # fmt: skip
    assert told(dry) == [(4, "zone_unknown")]
    assert dry.rows["ordered_local"].to_list() == [
        datetime(2024, 1, 5, 4), datetime(2024, 1, 5, 12),
    ]  # fmt: skip


def test_offsets_and_plain_times_of_a_said_zone_in_one_column(read):
    """5:30 and 6:30 UTC on the day the clocks go back are both 1:30 in New York."""
    formats = '["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"]'
    rows = [f"A,p{n},1,2.00,{time},," for n, time in enumerate(
        ("2017-11-05T05:30:00Z", "2017-11-05T06:30:00Z", "2017-11-05 01:30:00"))]  # fmt: skip
    dry = read(*rows, formats=formats, zone=', zone = "America/New_York"')
    assert [at.hour for at in dry.rows["ordered_at"]] == [5, 6, 5]
    with pytest.raises(ConfigError, match="say the zone of the others"):
        read(*rows, formats=formats)
