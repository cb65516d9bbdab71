"""Case 21: workbooks with a cover sheet, a title above the header, and a row of sums."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ecorse.errors import ContractError
from ecorse.ingest.check import check_file
from ecorse.ingest.one_file import clean_file
from ecorse.ingest.shops import Shop
from ecorse.settings import PROJECT_DIR, get_settings

CASE = PROJECT_DIR / "tests" / "fixtures" / "cases" / "21-xlsx-report"
SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)
ROWS = [
    ("202400001234567", "00123", 1, Decimal("39.90"), "2024-05-01 10:00"),
    ("202400001234568", "456", 2, Decimal("0.30"), "2024-05-01 11:30"),
    ("202400001234569", "1E5", 1, Decimal("1234.50"), "2024-05-02 00:00"),
]


@pytest.fixture
def clean(tmp_path, monkeypatch):
    """Clean a workbook by the case's mapping with further keys; gives rows and rejects."""
    folder = tmp_path / "include" / "sources"
    folder.mkdir(parents=True)
    monkeypatch.setenv("ECORSE_PROJECT_DIR", str(tmp_path))
    get_settings.cache_clear()

    def clean(file, keys=""):
        mapping = (CASE / "lines.toml").read_text()
        (folder / "lines.toml").write_text(f"{keys}\n{mapping}")
        cleaned = clean_file(CASE / file, "lines", time_zone=SHOP.time_zone, currency="USD")
        frame = cleaned.rows
        times = frame["ordered_local"].dt.strftime("%Y-%m-%d %H:%M")
        columns = [frame[n] for n in ("order_id", "product_id", "quantity", "unit_price")]
        rows = list(zip(*columns, times, strict=True))
        checked = check_file(CASE / file, "lines", SHOP)
        assert checked.rows_good == len(rows)
        return rows, [(p.line, p.rule) for p in checked.problems]

    yield clean
    get_settings.cache_clear()


def test_cells_are_read_in_full(clean):
    assert clean("plain.xlsx") == (ROWS, [])


def test_a_cover_sheet_is_asked_about(clean):
    sentence = r"sheet 'Cover' has no header of lines; sheet 'Orders' has one\. .*sheet = "
    with pytest.raises(ContractError, match=sentence):
        clean("cover.xlsx")
    assert clean("cover.xlsx", "sheet = 'Orders'") == (ROWS, [])


def test_a_title_is_asked_about_and_the_sum_row_is_rejected(clean):
    with pytest.raises(ContractError, match=r"sheet 'Sheet' has one in row 2\. .*skip_rows = 1"):
        clean("title_total.xlsx")
    rows, rejects = clean("title_total.xlsx", "skip_rows = 1")
    assert rows == ROWS
    assert {line for line, _ in rejects} == {6}
    assert clean("title_total.xlsx", "skip_rows = 1\nstop_at = '^Total'") == (ROWS, [])
