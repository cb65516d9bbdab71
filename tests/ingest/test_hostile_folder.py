"""A folder of files that are made to hurt: each is one refused file, and the good ones are loaded.

What belongs here: the whole ingest, within a limit of memory, in a process of its own. What does
not: what each refusal says (``tests/clean/test_hostile_files.py``).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile

import pytest

import hostile
from ecorse import flow
from ecorse.errors import ContractError
from ecorse.warehouse.connect import connect

GOOD = (
    "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
    '7,iPhone,1,700,04/19/19 08:46,"1 Elm St, Boston, MA 02215"\n'
)
INGEST = (
    "import sys, resource; from ecorse import flow; from ecorse.errors import ContractError\n"
    "try: flow.ingest('main', 'sales_csv', origin='folder', data=sys.argv[1], holder='test')\n"
    "except ContractError: pass\n"
)


def ingest_within(limit: int, folder) -> None:
    """Ingest in a process that may take so many bytes of address space."""
    subprocess.run(
        [sys.executable, "-c", INGEST, str(folder)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        check=True,
    )


def query(statement: str):
    with connect() as conn:
        return conn.execute(statement).fetchall()


def refused() -> dict[str, str]:
    return dict(query("select file_name, message from ops.refused_file where resolved_at is null"))


@pytest.fixture
def folder(warehouse, tmp_path, monkeypatch):
    for name, value in hostile.LIMITS.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "good.csv").write_text(GOOD)
    return folder


@pytest.mark.parametrize(
    "names", [hostile.LIGHT, pytest.param(hostile.HEAVY, marks=pytest.mark.slow)]
)
def test_each_hostile_file_is_one_refused_file_and_the_good_one_is_loaded(folder, names):
    for name in names:
        (folder / name).write_bytes(hostile.FILES[name].write())
    (folder / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "bomb.zip").write_bytes(hostile.zipped(a_csv=hostile.BLANK_LINES))
    (folder / "good.zip").write_bytes(
        hostile.zipped(b_csv=GOOD.replace("7,", "8,", 1).encode(), inner_zip=b"stays closed")
    )
    with open(os.fsencode(folder) + b"/caf\xe9.csv", "wb") as file:
        file.write(GOOD.encode())
    ingest_within(1 << 30, folder)
    assert query("select order_id from staging.order_lines order by order_id") == [("7",), ("8",)]
    found = refused()
    assert set(found) == {*names, "bad.zip", "bomb.zip", r"caf\xe9.csv"}
    assert all(len(message.splitlines()) == 1 for message in found.values())
    assert all("Nothing was loaded" in message for message in found.values())


def test_an_archive_that_is_mended_is_refused_no_more(folder):
    (folder / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ContractError, match=r"1 of 2 files refused, the others are in\. a\.zip"):
        flow.ingest("main", "sales_csv", origin="folder", data=str(folder), holder="test")
    assert list(refused()) == ["a.zip"]
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("b.csv", GOOD.replace("7,", "8,", 1))
    flow.ingest("main", "sales_csv", origin="folder", data=str(folder), holder="test")
    assert not refused()


def test_a_file_whose_reader_gives_up_says_so_whoever_it_is_for(folder):
    """With one folder for all sources nobody reads it; the sentence is the reader's."""
    (folder / "nested.yaml").write_bytes(hostile.nested_yaml())
    with pytest.raises(ContractError, match=r"nested\.yaml: the reader of this YAML file crashed"):
        flow.ingest(
            "main", "sales_csv", origin="folder", data=str(folder), for_every_source="shop",
            holder="test",
        )  # fmt: skip
    assert query("select order_id from staging.order_lines") == [("7",)]


@pytest.mark.slow
@pytest.mark.parametrize("above", ["", GOOD.replace("7,", "8,", 1) + "x" * 4096])
def test_a_file_of_one_line_of_a_gigabyte_takes_no_memory(folder, above):
    with (folder / "one_line.csv").open("wb") as file:
        file.write(above.encode())
        file.truncate(len(above) + (1 << 30))  # NUL bytes that are on no disk
    ingest_within(1 << 30, folder)
    if above:  # the header is right, a row is good, and the line is a rejected record
        assert query("select order_id from staging.order_lines order by 1") == [("7",), ("8",)]
        assert query("select rule from ops.reject") == [("record_too_long",)]
    else:
        assert query("select order_id from staging.order_lines") == [("7",)]
        assert list(refused()) == ["one_line.csv"]


def test_many_rows_are_loaded_within_a_gibibyte(folder):
    """On any number of cores: pools and heaps are sized by the limit (``ecorse.memory``)."""
    header, row = GOOD.splitlines()
    with (folder / "many.csv").open("w") as file:
        file.write(f"{header}\n")
        file.writelines(f"{row.replace('7', str(number), 1)}\n" for number in range(8, 300_008))
    ingest_within(1 << 30, folder)
    assert query("select count(*) from staging.order_lines") == [(300_001,)]


def test_a_limit_that_nothing_can_be_loaded_within_is_said(folder):
    """Polars would abort the process."""
    limit = 512 << 20
    tried = subprocess.run(
        [sys.executable, "-c", INGEST, str(folder)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "may take 512 MiB of memory" in tried.stderr
    assert "loading files needs 768. Nothing was loaded" in tried.stderr
