"""What tests of cases share: a file read by a mapping as a load would, and one night of the
shops of several cases, each input a shop of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ecorse.ingest.dry import dry_load
from ecorse.ingest.shops import Shop
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.sources import get_source
from ecorse.sources.mappings.source import read_mapping

from . import siblings


@dataclass(frozen=True)
class Read:
    """What a load would make of a file."""

    rows: pl.DataFrame
    added: pl.DataFrame
    refused: dict[int, tuple[str, str]]  # line → rule and sentence of its first reason
    money: Decimal
    flagged: dict[str, int]
    ignored: dict[str, int]
    notes: list[str]

    def values(self, column: str) -> list[Any]:
        """A column of the rows, in file order; decimals as plain numbers."""
        return [float(v) if isinstance(v, Decimal) else v for v in self.rows[column].to_list()]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    """``read(content or path, mapping text or source name, currency=, zone=)``."""

    def run(
        file: str | bytes | Path, source: str, *, currency: str = "EUR", zone: str = "Europe/Berlin"
    ) -> Read:
        path = file if isinstance(file, Path) else tmp_path / "file.csv"
        if not isinstance(file, Path):
            path.write_bytes(file.encode() if isinstance(file, str) else file)
        if "\n" in source:
            (tmp_path / "mapping.toml").write_text(source, encoding="utf-8")
            reader = read_mapping(tmp_path / "mapping.toml")
        else:
            reader = get_source(source)
        shop = Shop(shop_id="main", shop_name="Main", time_zone=zone, currency=currency, sources=())
        dry = dry_load(path, reader, shop, keep=True)
        account = dry.cleaner.account
        return Read(
            rows=dry.rows.sort("source_line") if dry.rows.height else dry.rows,
            added=dry.companions.get("order_lines", pl.DataFrame()),
            refused={
                line: (rule, sentence)
                for line, rule, sentence in dry.rejected.select(
                    "source_line", "rule", "sentence"
                ).iter_rows()
            },
            money=dry.counted.money_staged,
            flagged=dict(account.flagged),
            ignored=dict(+account.ignored),
            notes=dry.cleaner.warnings,
        )

    return run


MAPPING = """
about = "Order lines."
table = "order_lines"
{keys}
columns = [
  {{ name = "order", target = "order_id" }},
  {{ name = "sku", target = "product_id" }},
  {{ name = "qty", target = "quantity", type = "integer" }},
  {{ name = "price", target = "unit_price", type = "decimal"{price} }},
  {{ name = "time", target = "{when}", type = "timestamp", formats = {formats}{time} }},
{more}]
{tables}
"""


@pytest.fixture
def mapping() -> Callable[..., str]:
    """A mapping of a few columns, with keys, columns and tables of one's own."""

    def written(
        keys: str = "",
        *,
        price: str = "",
        time: str = "",
        formats: str = '["%Y-%m-%d %H:%M"]',
        when: str = "ordered_local",
        more: str = "",
        tables: str = "",
    ) -> str:
        return MAPPING.format(
            keys=keys, price=price, time=time, formats=formats, when=when, more=more, tables=tables
        )

    return written


CASES = PROJECT_DIR / "tests" / "fixtures" / "cases"
# shop, its input, the mapping, the shop's zone
SHOPS = (
    ("popular-bag", "16/orders.csv", "16/lines.toml", "Europe/Berlin"),
    ("gap-month", "18/orders.csv", "16/lines.toml", "Europe/Berlin"),
    ("cancelled", "19/orders.csv", "16/lines.toml", "Europe/Berlin"),
    ("mixed", "19/mixed.csv", "16/lines.toml", "Europe/Berlin"),
    ("utc", "20/orders.csv", "20/lines_utc.toml", "Europe/Berlin"),
    ("tokyo", "20/orders.csv", "20/lines_utc.toml", "Asia/Tokyo"),
    ("towns", "27/cities.csv", "27/cities.toml", "Europe/Berlin"),
)
SHOP = """
[[shops]]
shop_id = "{shop}"
shop_name = "{shop}"
time_zone = "{zone}"
currency = "EUR"
[[shops.sources]]
source = "{source}"
origin = "folder"
options = {{ path = "{folder}" }}
"""


def make_project(folder: Path) -> None:
    """A project with the cases' shops, mappings and files."""
    sources = folder / "include" / "sources"
    sources.mkdir(parents=True)
    shops = []
    for shop, file, mapping, zone in SHOPS:
        files = folder / "files" / shop
        files.mkdir(parents=True)
        shutil.copy(CASES / file, files)
        shutil.copy(CASES / mapping, sources)
        shops.append(SHOP.format(shop=shop, zone=zone, source=Path(mapping).stem, folder=files))
    (sources / "dates_alone.toml").write_text(siblings.DATES)
    for shop, (content, source) in siblings.FILES.items():
        files = folder / "files" / shop
        files.mkdir(parents=True)
        (files / f"{shop}.csv").write_text(content())
        shops.append(SHOP.format(shop=shop, zone="Europe/Berlin", source=source, folder=files))
    (folder / "include" / "shops.toml").write_text("".join(shops))


@pytest.fixture(scope="session")
def night_of_cases(snapshot, tmp_path_factory):
    """Every file is loaded and the night is published, or this fixture fails."""
    from ecorse import flow

    project = tmp_path_factory.mktemp("cases")
    make_project(project)

    def fill() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_PROJECT_DIR", str(project))
            get_settings.cache_clear()
            _, failure = flow.ingest_all(holder="test", progress=str)
            assert failure is None
            assert flow.refresh(holder="test", progress=str).is_published

    return snapshot(fill)


@pytest.fixture
def asked(night_of_cases, snapshot_of) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Give what readers of the published night get for a query."""
    from ecorse.warehouse.connect import connect

    def ask(query: str, *values: object) -> list[tuple[Any, ...]]:
        with connect("bi_reader") as conn:
            return conn.execute(query, values).fetchall()

    with snapshot_of(night_of_cases):
        yield ask
