"""Simulated files through the real loader: what was planted is what is accounted for (A38).

What belongs here: ``truth.json`` against ``ops.load``. What does not: marts and models.
"""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

from ecorse import flow
from ecorse.origins.simulate import simulated_folder
from ecorse.settings import get_settings
from ecorse.simulate import append_rows
from ecorse.warehouse.connect import connect

OPTIONS = {
    "seed": 11, "store": "electronics", "format": "sales_csv", "customers": 2_000, "orders": 3_000,
    "events": 0,
}  # fmt: skip


def ingest() -> flow.IngestSummary:
    return flow.ingest("main", "sales_csv", origin="simulate", options=OPTIONS, holder="test")


def revenue(path: Path) -> Decimal:
    """The money of a file's distinct sales, by the csv module: rows whose numbers are numbers."""
    with path.open(newline="") as file:
        rows = {tuple(row) for row in csv.reader(file) if len(row) == 6 and row[1]}
    return sum(
        int(row[2]) * Decimal(row[3])
        for row in rows
        if row[2].isdigit() and row[3] != "free" and not row[4].startswith("02/30")
    )


def test_every_planted_row_is_found_and_none_besides(warehouse):
    summary = ingest()
    folder = simulated_folder(get_settings(), OPTIONS)
    truth = json.loads((folder / "truth.json").read_text())
    with connect() as connection:
        rows = connection.execute(
            "select file_name, rows_read, rows_staged, rows_duplicate, rows_ignored, "
            "rows_rejected, money_staged from ops.load"
        ).fetchall()
        shops = connection.execute(
            "select distinct shop_id, is_simulated from staging.order_lines"
        ).fetchall()
    loads = {row[0]: row[1:] for row in rows}
    assert not summary.refused
    assert len(loads) == 12
    for file in truth["files"]:
        assert loads[file["file_name"]] == (
            file["data_rows"],
            file["clean_rows"],
            file["duplicate_rows"],
            file["blank_rows"] + file["repeated_headers"],
            sum(file["broken_rows"].values()),
            revenue(folder / file["file_name"]),
        )
    assert shops == [("main-simulated", True)]


def test_an_appended_file_stages_exactly_n_more_rows(warehouse):
    ingest()
    staged = "select count(*) from ops.load as l join staging.order_lines as o using (load_id) "
    staged += "where l.superseded_at is null"
    with connect() as connection:
        [[before]] = connection.execute(staged).fetchall()
    folder = simulated_folder(get_settings(), OPTIONS)
    append_rows(folder / "Simulated_Sales_May_2019.csv", rows=137)
    summary = ingest()
    with connect() as connection:
        [[after]] = connection.execute(staged).fetchall()
    assert after - before == 137
    assert summary.counts()["files_new"] == 1
    assert ingest().counts()["files_new"] == 0
