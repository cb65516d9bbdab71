"""Rows that take back a sale of which the file has no row: they may be the sale itself.

What belongs here: that a person is told. What does not: what such rows are worth
(``test_money_account``).
"""

from __future__ import annotations

import pytest

from mapped_rows import PRICE, RETURNS, STATUS

SOLD = ("1,a,2024-01-01,2,5.00,sold", "2,a,2024-01-01,1,7.00,sold")


def notes(read, *rows, head=RETURNS):
    dry = read(PRICE + STATUS, "price,status", *rows, head=head)
    return [w for w in dry.cleaner.warnings if "no sold row" in w]


def test_rows_without_a_sale_are_told_with_their_money_and_an_order(read):
    back = ("3,a,2024-01-02,2,4.50,cancelled", "4,b,2024-01-02,1,1.00,returned")
    [told] = notes(read, *SOLD, *back)
    assert told.startswith("2 rows take back 10.00 EUR of orders of which the file has no sold row")
    assert "(such as order 3)" in told
    assert 'say taken_back_rows = "sales"' in told


@pytest.mark.parametrize(
    "back",
    [
        "1,a,2024-01-02,1,5.00,returned",  # its sale is there
        "9,a,2024-01-02,-1,5.00,returned",  # below 0 it cannot be the sale itself
    ],
)
def test_others_are_not(read, back):
    assert not notes(read, *SOLD, back)


def test_the_sale_may_come_later_in_the_file_and_in_another_block(read):
    late = [f"{n},a,2024-01-02,1,5.00,sold" for n in range(10, 40_000)]
    assert not notes(read, "39999,b,2024-01-01,1,5.00,returned", *late)


def test_rows_that_are_the_sale_itself_take_nothing_back(read):
    back = "3,a,2024-01-02,2,4.50,cancelled"
    assert not notes(read, *SOLD, back, head='taken_back_rows = "sales"\n')
