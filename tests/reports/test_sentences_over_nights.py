"""What the report says of whole segments over nights, counted again in SQL.

A club in a real database whose customers part and come together again: a segment is born by a
split, another night it is gone, merged into its neighbour; names change with what is true.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from ecorse import flow
from ecorse.reports.segments import write
from ecorse.settings import PROJECT_DIR, get_settings
from ecorse.warehouse.connect import connect
from sentences_in_sql import check_sentences
from training.growing_club import club, until
from training.test_segments_over_time import parted

TODAY = 340
SHOPS = """
[[shops]]
shop_id = "club"
shop_name = "Club"
time_zone = "UTC"
currency = "EUR"
[[shops.sources]]
source = "club"
origin = "folder"
options = {{ path = "{data}" }}
"""
SOURCE = """
about = "Purchases of the club."
table = "order_lines"
columns = [
  { name = "order", target = "order_id" },
  { name = "customer_id", target = "customer_id" },
  { name = "product", target = "product_id" },
  { name = "category", target = "category" },
  { name = "quantity", target = "quantity", type = "integer" },
  { name = "unit_price", target = "unit_price", type = "decimal", decimal = "." },
  { name = "at", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d %H:%M:%S"] },
]
"""
OTHERWISE = {"Toys": "Games", "Books": "Novels"}
"""What the last night's file calls two categories: what was true of their buyers is so no more."""
BIRTH, DEATH, SPLIT, MERGE, RENAMED = (
    "New segment: ", "Gone: ", " was split: ", " went into ", " is the new name of ",
)  # fmt: skip


NAME, NUMBER = r"[A-Z][^.(:]*?", r"(\d[\d,]*)"
ALTERED = (
    (rf"(New segment: {NAME} \(){NUMBER}", r"\g<1>1\2"),
    (r"(New segment:) \w+", r"\1 Nobody"),
    (rf"(Gone: {NAME} \(it had ){NUMBER}", r"\g<1>1\2"),
    (r"(Gone:) \w+", r"\1 Nobody"),
    (rf"(was split: of ){NUMBER}", r"\g<1>1\2"),
    (rf"(was split: of .* in a segment, ){NUMBER}", r"\g<1>1\2"),
    (r"(was split: of .* are now in )\w+", r"\1Nobody"),
    (rf"(went into {NAME}: of ){NUMBER}", r"\g<1>1\2"),
    (rf"(went into .* in a segment, ){NUMBER}", r"\g<1>1\2"),
    (r"( went into )\w+", r"\1Nobody"),
    (rf"(is the new name of {NAME} \(){NUMBER}", r"\g<1>1\2"),
    (r"( is the new name of )\w+", r"\1Nobody"),
    (r"(the jump was accepted: the inputs drifted: PSI of [a-z ]+ )(\d)", r"\g<1>1\2"),
)  # fmt: skip


def is_noticed(conn, text: str, k: int) -> bool:
    """Whether a report is found to hold a wrong sentence."""
    found = check_sentences(conn, text, "club", {"customers": k})
    return bool(found.wrong or found.unknown)


def write_file(folder: Path, purchases: pl.DataFrame) -> None:
    """The club's export: every purchase an order of its own."""
    product = pl.col("category") + " " + (pl.col("order").hash(seed=1) % 5).cast(pl.String)
    (
        purchases.with_row_index("order")
        .with_columns(product=product, at=pl.col("ordered_local").dt.strftime("%F %T"))
        .select("order", "customer_id", "product", "category", pl.col("quantity").cast(int),
                "unit_price", "at")
        .write_csv(folder / "club.csv")
    )  # fmt: skip


def declare(project: Path, k: int) -> None:
    """The shipped segmentation of customers with so many segments."""
    text = (PROJECT_DIR / "include" / "models" / "segment_customers.toml").read_text()
    text = re.sub(r"(k_min|k_max) = \d+", rf"\1 = {k}", text)
    (project / "include" / "models" / "segment_customers.toml").write_text(text)


@pytest.fixture(scope="module")
def nights(snapshot, tmp_path_factory):
    """Three nights: four segments, five after a split, four after a merge; each with its page."""
    folder = tmp_path_factory.mktemp("club")
    project, data = folder / "project", folder / "data"
    for room in ("models", "sources"):
        (project / "include" / room).mkdir(parents=True)
    data.mkdir()
    (project / "include" / "shops.toml").write_text(SHOPS.format(data=data))
    (project / "include" / "sources" / "club.toml").write_text(SOURCE)
    purchases = club(400, 1).with_row_index("n").sort("ordered_local", "n").drop("n")

    def night(day: int, k: int, *, is_parted: bool) -> str:
        there = until(purchases, day)
        if is_parted:
            there = parted(there)
        if day > TODAY + 1:
            there = there.with_columns(pl.col("category").replace(OTHERWISE))
        write_file(data, there)
        declare(project, k)
        flow.ingest("club", "club", holder="test")
        flow.refresh(holder="test", accept=["segment_customers:club"])
        (page,) = write.write_reports(folder=folder / f"day {day}")
        return page.with_suffix(".md").read_text()

    def fill() -> list:
        kept = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_PROJECT_DIR", str(project))
            get_settings.cache_clear()
            for day, k, is_parted in (
                (TODAY, 4, False),
                (TODAY + 1, 5, True),
                (TODAY + 2, 4, False),
            ):
                told = night(day, k, is_parted=is_parted)
                with connect() as conn:
                    found = check_sentences(conn, told, "club", {"customers": k})
                    noticed = {
                        (pattern, instead): is_noticed(conn, re.sub(pattern, instead, told), k)
                        for pattern, instead in ALTERED
                        if re.search(pattern, told)
                    }
                kept.append((told, found, noticed))
        get_settings.cache_clear()
        return kept

    return snapshot(fill)


def told(nights, night: int) -> list[str]:
    """What a night's report says changed in the segments of customers."""
    text = nights.result[night][0]
    part = text.partition('<a id="of-customers-what"></a>')[2].partition("<a id=")[0]
    return [line.removeprefix("- ") for line in part.splitlines() if line.startswith("- ")]


def test_every_sentence_of_every_night_is_that_of_sql(nights):
    for _, found, _ in nights.result:
        assert (found.unknown, found.wrong) == ([], [])


def test_what_was_planted_is_told(nights):
    split, merged = told(nights, 1), told(nights, 2)
    kinds = (BIRTH, DEATH, SPLIT, MERGE)
    assert [sum(kind in line for line in split) for kind in kinds] == [1, 0, 1, 0]
    assert [sum(kind in line for line in merged) for kind in kinds] == [0, 1, 0, 1]
    assert any(RENAMED in line for line in merged), merged


@pytest.mark.parametrize(("pattern", "instead"), ALTERED)
def test_a_sentence_of_events_that_is_wrong_is_noticed(nights, pattern, instead):
    said = [found[pattern, instead] for *_, found in nights.result if (pattern, instead) in found]
    assert said, "no night tells it"
    assert all(said)
