"""Values that stand on an order's first line: filled down where they are known, else refused.

What belongs here: which rows get a value from above, and which are refused because a line above
could not be read. What does not: the order's money (``test_orders_proven.py``).
"""

from __future__ import annotations

from functools import partial

import pytest

from ecorse.clean import opening, stream
from ecorse.ingest.dry import dry_load
from ecorse.sources.mappings.source import read_mapping
from mapped_rows import MAPPING, PRICE, SHOP, told

UNREAD = "first_line_unread"
WHO = '{ name = "who", target = "customer_id", nulls = ["NULL"] },'
BY_ORDER = 'fill_down = { within = "order", columns = ["who"] }'
BY_NUMBER = 'fill_down = { within = "order", columns = ["order", "who"] }'


@pytest.fixture
def customers(read):
    """Read rows of ``order, who``; gives the customers by line, and the rejects."""

    def customers(head, *rows, tail=""):
        text = [f"{order},p,2024-01-01,1,1.00,{who}" for order, who in rows]
        dry = read(PRICE + WHO, "price,who", *text, head='repeats = "keep"\n' + head, tail=tail)
        found = dry.rows.select("source_line", "order_id", "customer_id").rows()
        said = dict(dry.rejected.select("source_line", "sentence").rows())
        return found, sorted(told(dry)), said, dry

    return customers


BROKEN = ("A,b", "c1")  # one value too many
ALSO_BROKEN = ("A,b,c", "c1")


def test_behind_a_line_that_cannot_be_read_nothing_is_known_of_its_order(customers):
    """Line 3 may be B's first. That C says its customer makes C's first line known."""
    found, refused, said, _ = customers(
        BY_ORDER, ("A", "c1"), BROKEN, ("B", ""), ("B", ""), ("C", "c3"), ("C", ""),
    )  # fmt: skip
    assert found == [(2, "A", "c1"), (6, "C", "c3"), (7, "C", "c3")]
    assert refused == [(3, "field_count"), (4, UNREAD), (5, UNREAD)]
    assert "order is 'B': line 3 above is refused" in said[4]


def test_an_order_that_began_before_the_line_is_known(customers):
    """Also one whose first line says that there is nobody."""
    found, refused, *_ = customers(
        BY_ORDER, ("A", "c1"), BROKEN, ("A", ""), ("B", ""), BROKEN, ("B", ""),
    )  # fmt: skip
    assert found == [(2, "A", "c1"), (4, "A", "c1"), (5, "B", None), (7, "B", None)]
    assert refused == [(3, "field_count"), (6, "field_count")]


def test_a_word_for_nothing_is_said_on_a_first_line(customers):
    found, refused, *_ = customers(BY_ORDER, BROKEN, ("A", "NULL"), ("A", ""))
    assert found == [(3, "A", None), (4, "A", None)]
    assert refused == [(2, "field_count")]


def test_the_nearest_of_several_lines_is_told(customers):
    _, refused, said, _ = customers(BY_ORDER, BROKEN, ALSO_BROKEN, ("B", ""))
    assert refused == [(2, "field_count"), (3, "field_count"), (4, UNREAD)]
    assert "line 3 above" in said[4]


def test_a_row_without_its_order_may_be_the_first_of_the_next(customers):
    found, refused, *_ = customers(BY_ORDER, ("", "c1"), ("B", ""), ("C", "c2"))
    assert found == [(4, "C", "c2")]
    assert refused == [(2, "order_id_empty"), (3, UNREAD)]


def test_a_refused_first_row_that_can_be_read_still_says_its_orders_values(read):
    """Its price is no number; its order's customer stands beside it all the same."""
    dry = read(
        PRICE + WHO, "price,who", "A,p,2024-01-01,1,x,c1", "A,q,2024-01-01,1,1.00,", head=BY_ORDER
    )
    assert dry.rows["customer_id"].to_list() == ["c1"]
    assert told(dry) == [(2, "unit_price_invalid")]


def test_a_filled_order_number_is_never_that_of_an_order_above_an_unread_line(customers):
    """Line 3 may begin another order; line 5 says its own number and begins one for certain."""
    found, refused, said, _ = customers(
        BY_NUMBER, ("A", "c1"), BROKEN, ("", ""), ("B", ""), ("", ""), BROKEN, ("", "c9"), ("", ""),
    )  # fmt: skip
    assert found == [(2, "A", "c1"), (5, "B", None), (6, "B", None)]
    assert refused == [
        (3, "field_count"), (4, UNREAD), (7, "field_count"), (8, UNREAD), (9, UNREAD)
    ]  # fmt: skip
    assert "order is empty: line 3 above" in said[4]


def test_nothing_follows_an_unread_last_line(customers):
    found, refused, *_ = customers(BY_ORDER, ("A", "c1"), BROKEN)
    assert found == [(2, "A", "c1")]
    assert refused == [(3, "field_count")]


def test_what_is_not_known_is_never_left_out(customers):
    """Whether line 3's order is a guest's, which is left out, is on the line above it."""
    found, refused, _, dry = customers(
        BY_ORDER, BROKEN, ("B", ""), ("C", ""), ("D", "c4"),
        tail='[[leave_out]]\nid = "guests"\nwhen = "customer_id is null"',
    )  # fmt: skip
    assert found == [(5, "D", "c4")]
    assert refused == [(2, "field_count"), (3, UNREAD)]
    assert dry.cleaner.account.ignored["guests"] == 1


@pytest.mark.parametrize("block_bytes", [60, 400, 40_000])
@pytest.mark.parametrize("head", [BY_ORDER, BY_NUMBER])
def test_an_unread_line_is_remembered_whatever_the_blocks(tmp_path, monkeypatch, head, block_bytes):
    """Orders of three lines of 400 characters each; every other one's first cannot be read."""
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=block_bytes))
    (tmp_path / "lines.toml").write_text(
        MAPPING.format(head=head, columns=PRICE + WHO, tail="")
    )  # fmt: skip
    text, expected, refused = ["order,sku,day,qty,price,who"], [], []
    for n in range(40):
        line, order, is_broken = len(text) + 1, f"A{n:02}", n % 2
        more = order if head == BY_ORDER else ""
        text += [
            f"{order},p{'0' * 400},2024-01-01,1,1.00,c{n}" + ",x" * is_broken,
            f"{more},q{'0' * 400},2024-01-01,1,1.00,",
            f"{more},r{'0' * 400},2024-01-01,1,1.00,",
        ]
        if is_broken:
            refused += [(line, "field_count"), (line + 1, UNREAD), (line + 2, UNREAD)]
        else:
            expected += [(line + i, order, f"c{n}") for i in range(3)]
    (tmp_path / "f.csv").write_text("\n".join(text) + "\n")
    dry = dry_load(tmp_path / "f.csv", read_mapping(tmp_path / "lines.toml"), SHOP, keep=True)
    assert sorted(told(dry)) == refused
    found = dry.rows.select("source_line", "order_id", "customer_id").rows()
    assert found == expected
