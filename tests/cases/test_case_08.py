"""Case 08: Excel's "Unicode Text" (UTF-16, tabs), and the same in cp1252."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecorse.errors import ContractError
from ecorse.ingest.one_file import clean_file
from ecorse.ingest.shops import Shop
from ecorse.settings import PROJECT_DIR
from ecorse.sources import get_source
from ecorse.sources.reading import Reading

CASE = PROJECT_DIR / "tests" / "fixtures" / "cases" / "08-excel-unicode-text"
SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)


def rows(file: str, **reading: str) -> list[str]:
    """The names of products, through the whole cleaning."""
    from ecorse.clean.cleaner import Cleaner

    path: Path = CASE / file
    with path.open("rb") as opened:
        cleaner = Cleaner(
            opened, path.stat().st_size, source=get_source("sales_csv", Reading(**reading)),
            shop=SHOP, file_name=file, max_record_bytes=1 << 20, reject_limit_share=0.1,
        )  # fmt: skip
        blocks = list(cleaner)
    assert not cleaner.account.rejected.total()
    return [name for block in blocks for name in block.lines["product_name"]]


@pytest.mark.parametrize("file", ["orders.csv", "orders.txt"])
def test_unicode_text_asks_for_its_delimiter_and_is_read_with_it(file):
    """The byte order mark proves the encoding; nothing proves that tabs part the columns."""
    with pytest.raises(ContractError, match=r"declare delimiter = '\\t'"):
        clean_file(CASE / file, "sales_csv", time_zone="America/New_York", currency="USD")
    assert rows(file, delimiter="\t") == ["14” Café “Noir” Tray", "Two-line name"]


def test_cp1252_is_read_as_declared():
    assert rows("cp1252.csv", encoding="cp1252") == ["14” Café “Noir” Tray", "Two-line name"]


def test_cp1252_is_never_assumed():
    """Nothing beyond ASCII is UTF-8: the file is refused, with the setting."""
    with pytest.raises(ContractError, match="Declare the file's encoding"):
        clean_file(CASE / "cp1252.csv", "sales_csv", time_zone="America/New_York", currency="USD")
