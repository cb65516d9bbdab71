"""The truth beside a simulated shop's files: what was planted, and how much of it in each file.

What belongs here: ``truth.json`` and the tables in ``truth/``. What does not: measuring a night
against them (``ecorse.reports.truth``).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ecorse.atomic import replace_atomically
from ecorse.simulate.behaviour import product_weights
from ecorse.simulate.dirt import Dirt
from ecorse.simulate.shop import Shop

TRUTH_FILE = "truth.json"
TRUTH_FOLDER = "truth"
CUSTOMERS, BROKEN_ROWS = "customers.csv", "broken_rows.csv"


@dataclass(frozen=True)
class WrittenFile:
    """One file and what is in it; ``data_rows`` counts the rows below the first header."""

    file_name: str
    data_rows: int
    clean_rows: int
    duplicate_rows: int
    blank_rows: int
    repeated_headers: int
    broken_rows: dict[str, int]


def write_truth(
    folder: Path,
    shop: Shop,
    format_name: str,
    dirt: Dirt,
    files: list[WrittenFile],
    broken: list[dict[str, Any]],
    *,
    names_customers: bool,
    books: dict[str, Any] | None = None,
) -> None:
    """Write the tables ``truth/*.csv`` and then ``truth.json``.

    ``segments_of`` says what the planted segments can be found in: the customers whom the format
    names, or else orders, by the time of day. ``books`` is what the shop's orders add up to, where
    its format has money beside the lines.
    """
    tables = folder / TRUTH_FOLDER
    tables.mkdir(exist_ok=True)
    people, goods, plan = shop.customers, shop.catalogue, shop.plan
    groups = [group.name for group in shop.store.groups]
    with replace_atomically(tables / CUSTOMERS) as file:
        pl.DataFrame(
            {
                "customer_id": shop.customer_ids(np.arange(plan.customers)),
                "segment": pl.Series(groups).gather(pl.Series(people.group)),
            }
        ).write_csv(file)
    with replace_atomically(tables / BROKEN_ROWS) as file:
        schema = {"file_name": pl.String, "source_line": pl.Int64, "kind": pl.String}
        pl.DataFrame(broken, schema=schema).write_csv(file)
    pairs = [
        {
            "product_id": shop.product_ids[i],
            "complement_id": shop.product_ids[j],
            "product": goods.name[i],
            "complement": goods.name[j],
            "probability": shop.store.categories[goods.category[i]].complement_probability,
        }
        for i, j in enumerate(goods.complement.tolist())
        if j >= 0
    ]
    document = {
        "about": "What was planted in this simulated shop. Nothing here is real.",
        "format": format_name,
        "plan": vars(plan) | {
            "store": plan.store.name, "first_day": plan.first_day.isoformat()
        },
        "segments_of": "customers" if names_customers else "orders",
        "segments": {g.name: int((people.group == i).sum())
                     for i, g in enumerate(shop.store.groups)},
        "segments_table": f"{TRUTH_FOLDER}/{CUSTOMERS}",
        "broken_rows_table": f"{TRUTH_FOLDER}/{BROKEN_ROWS}",
        "pairs": pairs,
        "peak_hours": shop.peak_hours(),
        "month_index": shop.month_index(),
        "price_change_days": [shop.day(d).isoformat() for d in goods.epoch_days[1:]],
        "tastes": [
            {"segment": group.name, "product": goods.name[int(weights.argmax())]}
            for group, weights in zip(shop.store.groups, product_weights(shop), strict=True)
        ],
        "dirt_shares": asdict(dirt),
        "files": [asdict(file) for file in files],
        "truth": shop.store.as_dict(),
    } | ({} if books is None else {"books": books})  # fmt: skip
    with replace_atomically(folder / TRUTH_FILE) as out:
        out.write((json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
