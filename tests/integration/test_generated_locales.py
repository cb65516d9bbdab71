"""Any shop's file in any locale: what ``check`` says of a row is what a load does, and every value
that is delivered is the generator's own.

``ECORSE_TEST_FILES`` sets how many files; the long run is marked slow.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from ecorse.errors import ContractError
from ecorse.ingest.check import check_source
from ecorse.ingest.dry import dry_load
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.settings import get_settings
from ecorse.sources.mappings.source import read_mapping
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer
from generated_file import write_file
from generated_shop import BERLIN, Locale, Row, draw_locale, draw_rows, writable

FILES = int(os.environ.get("ECORSE_TEST_FILES", "40"))
SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
GENERATED = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
STAGED = (
    "select source_line, order_id, product_id, product_name, quantity, unit_price, "
    "coalesce(line_amount, quantity * unit_price), line_kind, ordered_at, ordered_local, "
    "coalesce(is_date_only, false), customer_id, coalesce(flags ? 'repeated_line', false) "
    "from staging.order_lines"
)


def expected_lines(locale: Locale, rows: list[Row]) -> Counter[tuple]:
    """The staged lines that the generator means, with how often each is there."""
    lines: Counter[tuple] = Counter()
    told: set[str] = set()  # orders whose shipping is a line already
    counted = [
        row for row in rows
        if row.fate == "good"
        or (row.fate == "repeat" and not locale.keyed and locale.repeats != "drop")
    ]  # fmt: skip
    # a row with pieces not below 0 states what its order does, before one that takes back
    sold = {row.order for row in counted if row.shipping and row.pieces >= 0}
    for row in rows:
        is_again = row.fate == "repeat"
        is_dropped = is_again and (locale.keyed or locale.repeats == "drop")
        if row.fate not in ("good", "repeat") or is_dropped:
            continue
        local = row.instant.astimezone(BERLIN).replace(tzinfo=None)
        when = (row.instant, local, row.is_date, row.customer)
        flagged = is_again and locale.repeats == "flag"
        lines[row.source_line, row.order, row.sku, row.title, row.pieces, row.price, row.money,
              "product", *when, flagged] += 1  # fmt: skip
        # nothing, or 0.00, is no line
        states = bool(row.shipping) and (row.pieces >= 0 or row.order not in sold)
        if locale.once and states and row.order not in told:
            told.add(row.order)
            amount = row.shipping if row.order in sold else -abs(row.shipping)
            lines[row.source_line, row.order, "shipping", "shipping", 1, amount,
                  amount, "shipping", *when, False] += 1  # fmt: skip
    return lines


def expected_rejects(locale: Locale, rows: list[Row]) -> list[tuple[int, str]]:
    time = "ordered_at" if locale.times in ("offset", "epoch", "epoch_ms") else "ordered_local"
    return sorted(
        (row.source_line, f"{time}_invalid" if row.fate == "time" else row.fate)
        for row in rows
        if row.fate not in ("good", "repeat")
    )


@pytest.fixture
def both(warehouse, tmp_path, monkeypatch):
    """Check a file and load it into emptied tables; gives the check, the load and its rows."""
    monkeypatch.setenv("ECORSE_REJECT_LIMIT_SHARE", "1")  # small files may have few good rows
    get_settings.cache_clear()

    def run(mapping: str, data: bytes):
        (tmp_path / "probe.toml").write_text(mapping)
        path = tmp_path / "f.csv"
        path.write_bytes(data)
        source = read_mapping(tmp_path / "probe.toml")
        checked = check_source(path, source, SHOP)
        with connect() as conn:
            conn.execute(
                "truncate staging.order_lines, staging.repeated_order_lines, ops.reject, "
                "ops.load_report, ops.build_load, ops.load, ops.seen_file cascade"
            )
        assert checked.refusal == ""
        with writer("ingest:main:probe", "test") as fence:
            load = load_file(path, shop=SHOP, source=source, fence=fence)
        with connect() as conn:
            rejects = conn.execute(
                "select source_line, rule, column_name, sentence from ops.reject order by 1, 2"
            ).fetchall()
            lines = conn.execute(STAGED).fetchall()
        return checked, load, rejects, lines

    return run


def law(both, seed: int) -> None:
    """What holds for every generated file."""
    rng = random.Random(seed)
    locale = writable(draw_locale(rng))
    rows = draw_rows(rng, locale, rng.randrange(1, 9))
    data = write_file(rng, locale, rows)
    note(f"{locale}\n{locale.mapping()}\n{data.decode(locale.encoding)}")
    checked, load, rejects, lines = both(locale.mapping(), data)

    said = [(p.line, p.rule, p.column, p.sentence) for p in checked.problems]
    assert sorted(said, key=lambda s: s[:2]) == rejects
    assert [r[:2] for r in rejects] == expected_rejects(locale, rows)
    expected = expected_lines(locale, rows)
    assert Counter((*row[:8], row[8].astimezone(UTC), *row[9:]) for row in lines) == expected
    assert load.rows_read == (
        load.rows_staged + load.rows_duplicate + load.rows_ignored + load.rows_rejected
    )
    counts = (load.rows_read, load.rows_staged, load.rows_duplicate, load.lines_added)
    assert counts == (
        checked.rows_read, checked.rows_good, checked.rows_repeated, checked.lines_added
    )  # fmt: skip
    assert load.money == checked.money
    assert load.money_staged == sum((line[6] * n for line, n in expected.items()), Decimal(0))


@settings(max_examples=FILES, **GENERATED)
@given(st.integers(0, 2**32))
def test_a_file_in_any_locale_is_read_to_the_cent(both, seed):
    law(both, seed)


@pytest.mark.slow
@settings(max_examples=FILES * 25, **GENERATED)
@given(st.integers(0, 2**32))
def test_very_many_files_in_any_locale_are_read_to_the_cent(both, seed):
    law(both, seed)


LEFT_OUT = ("decimal", "group", "normalise", "nulls", "delimiter", "quote", "escape", "encoding",
            "skip_rows", "skip_until", "stop_at", "skip_matching")  # fmt: skip


def law_of_silence(tmp_path, seed: int) -> None:
    """With one thing left unsaid, no value is another one without a word."""
    rng = random.Random(seed)
    locale = writable(draw_locale(rng))
    rows = draw_rows(rng, locale, rng.randrange(1, 9))
    data = write_file(rng, locale, rows)
    without = rng.choice(LEFT_OUT)
    note(f"without {without}: {locale}\n{locale.mapping(without)}\n{data.decode(locale.encoding)}")
    (tmp_path / "probe.toml").write_text(locale.mapping(without))
    (tmp_path / "f.csv").write_bytes(data)
    source = read_mapping(tmp_path / "probe.toml")
    try:
        dry = dry_load(tmp_path / "f.csv", source, SHOP, keep=True)
    except ContractError:
        return
    truth = {row.source_line: row for row in rows}
    flags = dry.rows["flags"] if "flags" in dry.rows.columns else [None] * dry.rows.height
    for line, flagged in zip(dry.rows.iter_rows(named=True), flags, strict=True):
        if flagged is not None and "_unusual" in flagged:
            continue
        row = truth.get(line["source_line"])
        assert row is not None, f"line {line['source_line']} is no row"
        assert row.fate in ("good", "repeat")
        amount = line["line_amount"]
        worth = line["quantity"] * line["unit_price"] if amount is None else amount
        assert (line["quantity"], line["unit_price"], worth) == (row.pieces, row.price, row.money)
        assert (line["order_id"], line["product_id"]) == (row.order, row.sku)
        # quotes and escapes that nobody declared are text
        assert line["product_name"] == row.title or without in ("quote", "escape")
        assert line["ordered_at"] == row.instant
        if line["customer_id"] != row.customer:  # a word for nothing is told in a note
            assert without == "nulls"
            assert any("looks like none" in w for w in dry.cleaner.warnings)


@settings(max_examples=FILES * 2, **GENERATED)
@given(st.integers(0, 2**32))
@example(8)  # an order's first line that cannot be read took its customer with it
def test_what_is_not_said_is_not_guessed(tmp_path, seed):
    law_of_silence(tmp_path, seed)


@pytest.mark.slow
@settings(max_examples=FILES * 50, **GENERATED)
@given(st.integers(0, 2**32))
def test_what_is_not_said_is_not_guessed_in_very_many_files(tmp_path, seed):
    law_of_silence(tmp_path, seed)
