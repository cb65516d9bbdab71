"""Files that are made to hurt are refused with one sentence, and whoever reads them goes on.

What belongs here: one file at a time, through the reading of text. What does not: the ledger
(``tests/ingest/test_hostile_folder.py``), archives (``tests/origins/test_archive.py``).
"""

from __future__ import annotations

import gzip
import io
import random
from contextlib import suppress

import polars as pl
import pytest
import zstandard

import hostile
from ecorse.clean.stream import open_text
from ecorse.errors import ContractError, Unreadable
from ecorse.schema.shape import Shape
from ecorse.settings import get_settings


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    for name, value in hostile.LIMITS.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def read(data: bytes, name: str) -> bytes:
    return b"".join(open_text(io.BytesIO(data), Shape(), name).blocks)


@pytest.mark.parametrize(
    "name",
    [*hostile.LIGHT, *(pytest.param(name, marks=pytest.mark.slow) for name in hostile.HEAVY)],
)
def test_a_hostile_file_is_one_sentence(name):
    write, says, _ = hostile.FILES[name]
    with pytest.raises(ContractError, match=says) as refused:
        read(write(), name)
    sentence = str(refused.value)
    assert sentence.startswith(f"{name}: ")
    assert "Nothing was loaded." in sentence
    assert len(sentence.splitlines()) == 1


def test_a_small_parquet_of_many_rows_is_read_within_the_limit():
    """8 million rows in one row group took 1.2 GB, from 9 kB."""
    ones = pl.repeat(1, 8_000_000, eager=True)
    data = hostile.parquet(pl.DataFrame({"a": ones}), row_group_size=8_000_000)
    assert len(data) < 40_000
    blocks = open_text(io.BytesIO(data), Shape(), "f").blocks
    assert sum(block.count(b"\n") for block in blocks) == 8_000_001


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("ROWS", "1000", "gives more than 1000 rows"),
        ("OUTPUT_MB", "1", "gives more than 1 MiB of text"),
    ],
)
def test_what_comes_of_a_file_is_counted(monkeypatch, setting, value, says):
    monkeypatch.setenv(f"ECORSE_READER_{setting}", value)
    get_settings.cache_clear()
    text = b"".join(b"- {a: %d, b: %s}\n" % (n, b"x" * 900) for n in range(1500))
    for data, name in ((text, "f.yaml"), (gzip.compress(text), "f.gz")):
        with pytest.raises(Unreadable, match=f"{name}: .*{says}.*ECORSE_READER_{setting}"):
            read(data, name)


def damaged(data: bytes, seed: int) -> bytes:
    """The file with a few bits turned over, or cut."""
    dice = random.Random(seed)
    changed = bytearray(data)
    for _ in range(dice.randrange(1, 9)):
        changed[dice.randrange(4, len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed[: dice.randrange(5, len(data))] if dice.random() < 0.2 else changed)


TABLE = pl.DataFrame({"id": range(300), "name": ["a, b", "c", None] * 100})
TEXT = TABLE.write_csv().encode()
GOOD = {
    "f.parquet": hostile.parquet(TABLE),
    "f.xlsx": hostile.workbook(hostile.far_apart("A1", "D9", 9)),
    "f.csv.gz": gzip.compress(TEXT),
    "f.csv.zst": zstandard.ZstdCompressor().compress(TEXT),
    "f.jsonl": TABLE.write_ndjson().encode(),
    "f.yaml": b"".join(b"- {id: %d, name: 'a'}\n" % n for n in range(300)),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("seeds", [range(3), pytest.param(range(3, 60), marks=pytest.mark.slow)])
def test_no_damage_is_more_than_a_refusal(name, seeds):
    assert read(GOOD[name], name)
    for seed in seeds:
        with suppress(ContractError):
            read(damaged(GOOD[name], seed), name)
