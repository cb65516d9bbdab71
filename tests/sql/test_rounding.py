"""Rounded shares and indices of any shop pass; a wrong one is found among thousands.

Shares are made here, by Python's decimal numbers, as the marts make them: rounded to 8 decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ecorse.models.relation import NamedCheck

ANY = TypeAdapter(NamedCheck)
UNIT = Decimal("0.00000001")
SHARE_OF = {"check": "share_of", "shares": ["share = units"]}
SUM_TO_ONE = {"check": "shares_sum_to_one", "columns": ["share"]}
MEAN_IS_ONE = {"check": "mean_is_one", "columns": ["share"]}
MANY = {
    "1,500 towns, most with one order": [1] * 1499 + [40],
    "20,000 products sold once": [1] * 20_000,
    "5,000 segments of unlike sizes": [1 + n * n % 97 for n in range(5000)],
    "thirds": [1, 1, 1],
    "sevenths": [1] * 7,
    "money that nearly cancels out": [1_000_003, -1_000_000, 1],
    "everything taken back": [5, -5],
    "one": [12],
}


def _shares(units: Sequence[int]) -> list[Decimal | None]:
    total = sum(units)
    return [
        (Decimal(u) / total).quantize(UNIT, ROUND_HALF_UP)
        if total > 0 and 0 <= u <= total
        else None
        for u in units
    ]


@pytest.fixture
def conn(postgres) -> Iterator[psycopg.Connection]:
    """A table of units and their shares in the schema ``marts``, rolled back."""
    with psycopg.connect(postgres.url("ecorse_etl", database="ecorse_template")) as conn:
        conn.execute(
            "create table marts.parts (shop_id text, id integer, units bigint, "
            "share double precision)"
        )
        yield conn
        conn.rollback()


def _fill(conn: psycopg.Connection, units: Sequence[int], shares: Sequence[object]) -> None:
    conn.execute("truncate marts.parts")
    with conn.cursor().copy("copy marts.parts from stdin") as copy:
        for number, row in enumerate(zip(units, shares, strict=True)):
            copy.write_row(("s", number, *row))


def _broken(conn: psycopg.Connection, declared: dict) -> int:
    check = ANY.validate_python(declared).bind("parts", ("shop_id", "id"))
    return len(conn.execute(check.sql).fetchall())


@pytest.mark.parametrize("units", MANY.values(), ids=MANY)
def test_rounded_shares_pass_and_a_wrong_one_is_found(conn, units) -> None:
    shares = _shares(units)
    _fill(conn, units, shares)
    assert _broken(conn, SHARE_OF) == 0
    assert None in shares or _broken(conn, SUM_TO_ONE) == 0  # what is no part is missing there
    for off in (2 * UNIT, -2 * UNIT):  # of one row, by two units of the last decimal
        _fill(conn, units, [(shares[0] or 0) + off, *shares[1:]])
        assert _broken(conn, SHARE_OF) == 1
    # every share a little too large: together they are a part that nobody has
    _fill(conn, units, [None if s is None else s + UNIT * 2 for s in shares])
    told = len(shares) - shares.count(None)
    assert _broken(conn, SHARE_OF) == told
    assert _broken(conn, SUM_TO_ONE) == (1 if told else 0)


def test_a_lost_town_is_found_in_the_shares_of_the_others(conn) -> None:
    units = MANY["1,500 towns, most with one order"]
    _fill(conn, units[:-1], _shares(units)[:-1])
    assert (_broken(conn, SHARE_OF), _broken(conn, SUM_TO_ONE)) == (1499, 1)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(units=st.lists(st.integers(-3, 10**9), min_size=1, max_size=300))
def test_shares_of_any_units_pass(conn, units) -> None:
    shares = _shares(units)
    _fill(conn, units, shares)
    assert _broken(conn, SHARE_OF) == 0
    assert None in shares or _broken(conn, SUM_TO_ONE) == 0


def _indices(heights: Sequence[Decimal]) -> list[Decimal]:
    """Each against their mean, which the marts hold to 12 decimals."""
    mean = (sum(heights, Decimal(0)) / len(heights)).quantize(Decimal("1e-12"), ROUND_HALF_UP)
    return [(h / mean).quantize(UNIT, ROUND_HALF_UP) for h in heights]


@pytest.mark.parametrize(
    "heights",
    [
        [Decimal(1) / 3, Decimal(2) / 7, Decimal(5)],
        [Decimal("0.00032258")] + [Decimal(0)] * 11,  # one piece in a January of ten years
        # two Aprils' worth taken back: the mean is one unit of the eighth decimal
        [Decimal("0.1"), *[Decimal("-0.03333333")] * 3],
        [Decimal(n) for n in range(1, 8)],
    ],
)
def test_indices_pass_and_a_wrong_one_is_found(conn, heights) -> None:
    indices = _indices(heights)
    _fill(conn, [1] * len(indices), indices)
    assert _broken(conn, MEAN_IS_ONE) == 0
    _fill(conn, [1] * len(indices), [i * Decimal("1.000001") for i in indices])
    assert _broken(conn, MEAN_IS_ONE) == (0 if max(indices) > 1000 else 1)
    _fill(conn, [1] * len(indices), [i * Decimal("1.5") for i in indices])
    assert _broken(conn, MEAN_IS_ONE) == 1


@pytest.mark.parametrize(("apart", "broken"), [(0, 0), (1, 0), (3, 2)])
def test_both_directions_of_a_pair_may_be_rounded_apart(conn, apart: int, broken: int) -> None:
    check = {"check": "symmetric", "pair": ["id", "units"], "same": ["share"]}
    _fill(conn, [1, 0], [Decimal("0.33333333"), Decimal("0.33333333") + apart * UNIT])
    assert _broken(conn, check) == broken
