"""What a person at a terminal is told: names as they are, one line per error."""

from __future__ import annotations

import io
import sys

import psycopg
import pytest
from rich.console import Console

from ecorse import cli, flow
from ecorse.errors import ConfigError, DiskFull, EcorseError, StoreBusy
from ecorse.postgres.address import database_url
from ecorse.reports.status import print_status, print_summary
from ecorse.settings import get_settings
from ecorse.training.artifacts import store_artifact
from ecorse.warehouse.connect import connect, explain

HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address"
ADDRESS = '"1 Elm St, Austin, TX 73301"'


def text_of(show) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(console)
    return console.file.getvalue()


def test_names_that_look_like_markup_are_shown_as_they_are(warehouse, tmp_path):
    rows = [
        f"{number},{product},1,5,04/{number:02}/19 08:46,{ADDRESS}"
        for number in range(1, 7)
        for product in ("Cable [/b]", "iPhone")
    ]
    folder = tmp_path / "in" / "["
    folder.mkdir(parents=True)
    (folder / "x].csv").write_text("\n".join((HEADER, *rows, "")))
    options = {"recursive": True}
    flow.ingest(
        "main", "sales_csv", origin="folder", data=str(tmp_path / "in"), options=options,
        holder="test",
    )  # fmt: skip
    flow.refresh(holder="test")
    told = text_of(print_summary)
    assert "Cable [/b]" in told
    assert "[/x].csv" in told
    assert "[/x].csv" in text_of(print_status)


def test_a_summary_before_the_first_night_says_so(warehouse):
    assert "No night is published yet." in text_of(print_summary)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (psycopg.errors.DiskFull("could not extend file"), DiskFull, 74),
        (psycopg.errors.AdminShutdown("terminating connection"), StoreBusy, 75),
        (psycopg.errors.UndefinedTable('relation "x" does not exist'), EcorseError, 1),
    ],
)
def test_a_database_error_is_one_line_with_its_exit_code(error, kind, code, monkeypatch, capsys):
    def broken():
        raise error

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.delenv("ECORSE_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert type(explain(error)) is kind
    told = capsys.readouterr().err
    assert told.startswith("ecorse: ")
    assert told.count("\n") == 1
    assert str(error) in told


def test_a_backend_that_was_killed_is_told_in_one_line(warehouse, monkeypatch, capsys):
    def killed():
        with connect() as conn, connect() as other:
            pid = other.execute("select pg_backend_pid()").fetchone()[0]
            conn.execute("select pg_terminate_backend(%s)", (pid,))
            other.execute("select 1")

    monkeypatch.setattr(cli, "app", killed)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 75
    assert "run this again" in capsys.readouterr().err.replace("; ", "")


def test_an_unknown_role_is_refused_and_gets_no_password(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ECORSE_HOME", str(tmp_path))
    monkeypatch.delenv("ECORSE_DATABASE_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["ecorse", "db", "url", "--role", "../bi_reeder"])
    get_settings.cache_clear()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ConfigError.exit_code
    assert "bi_reader" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="There is no role 'postgres'"):
        database_url("postgres")
    get_settings.cache_clear()


def test_a_model_file_is_private_and_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    import errno
    import os

    monkeypatch.setenv("ECORSE_HOME", str(tmp_path))
    get_settings.cache_clear()
    kept = tmp_path / "models" / f"{store_artifact(b'model')}.model"
    assert kept.stat().st_mode & 0o777 == 0o600

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DiskFull, match="No space left to write"):
        store_artifact(b"another")
    assert list((tmp_path / "models").iterdir()) == [kept]
    get_settings.cache_clear()


def test_a_mistake_that_every_source_meets_is_told_once(warehouse, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ecorse", "ingest", "--origin", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ConfigError.exit_code
    assert capsys.readouterr().err.count("There is no origin 'nowhere'") == 1


SHOP = """
[[shops]]
shop_id = "{0}"
shop_name = "{0}"
time_zone = "America/New_York"
currency = "USD"
[[shops.sources]]
source = "sales_csv"
origin = "folder"
options = {{ path = "{1}" }}
"""


def test_a_source_that_fails_leaves_the_other_shops_alone(warehouse, tmp_path, monkeypatch, capsys):
    """As in Airflow: what loads is loaded and published, and the exit code tells."""
    good = tmp_path / "good"
    good.mkdir()
    rows = [f"{n},iPhone,1,700,04/{n:02}/19 08:46,{ADDRESS}" for n in range(1, 7)]
    (good / "sales.csv").write_text("\n".join((HEADER, *rows, "")))
    shops = tmp_path / "shops.toml"
    shops.write_text(SHOP.format("away", tmp_path / "nowhere") + SHOP.format("here", good))
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(shops))
    monkeypatch.setattr(sys, "argv", ["ecorse", "run"])
    get_settings.cache_clear()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == ConfigError.exit_code
    assert "nowhere does not exist" in capsys.readouterr().err
    with connect() as conn:
        assert conn.execute("select shop_id, orders from marts.shops").fetchall() == [("here", 6)]
