"""Case 15: a home of 155 characters, with spaces and an umlaut, works from the first command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

SALES = (
    "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
    '1,Tea,2,10.00,04/01/19 12:30,"1 Main St, Dallas, TX 75001"\n'
)


@pytest.fixture
def command(tmp_path):
    """Run ``ecorse`` with such a home; gives what it printed. The server is stopped at the end."""
    start = f"{tmp_path}/Büro Müller & Söhne "
    home = Path(start + "ü" * (155 - len(start)))
    assert len(str(home)) == 155
    environment = {**os.environ, "ECORSE_HOME": str(home), "ECORSE_DATABASE_URL": ""}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ecorse.cli", *arguments],
            env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    run("db", "stop")


def test_ingest_and_url_work(command, tmp_path):
    file = tmp_path / "sales of may.csv"
    file.write_text(SALES)
    told = command("ingest", "--source", "sales_csv", "--origin", "folder", "--data", str(file))
    assert "rows staged 1" in told
    with psycopg.connect(command("db", "url").strip()) as conn:
        rows = conn.execute("select order_id, quantity from staging.order_lines").fetchall()
    assert rows == [("1", 2)]
