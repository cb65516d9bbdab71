"""Files of the seeded shop: any format, plain or compressed, with dirt, and the truth beside them.

What belongs here: writing blocks of rows as files, atomically, in bounded memory. What does not:
the rows (``formats``), what is planted between them (``splice.py``).
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from ecorse.atomic import replace_atomically
from ecorse.errors import ConfigError
from ecorse.simulate.behaviour import product_weights
from ecorse.simulate.dirt import Dirt
from ecorse.simulate.formats import Format, get_format
from ecorse.simulate.population import Plan, Shop
from ecorse.simulate.splice import Planted, splice

TRUTH_FILE = "truth.json"
TRUTH_FOLDER = "truth"
SUFFIXES = (".csv", ".csv.gz", ".csv.zst", ".parquet")
_DIRT = 90


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


def simulate_shop(
    folder: Path, plan: Plan, format_name: str, *, suffix: str = ".csv", dirt: Dirt | None = None
) -> list[WrittenFile]:
    """Write the seeded shop in one format, a file per month, and its truth beside the files.

    The same plan gives the same bytes (of Parquet: the same rows, and no dirt but what a typed
    file can hold, which is none). Memory holds the shop's people and one slice of a day.
    ``truth.json`` is written last: where it stands, the folder is complete.

    Raises
    ------
    ConfigError
        There is no such format or suffix.
    DiskFull
        The disk has no space left for a file.
    """
    form = get_format(format_name)
    if suffix not in SUFFIXES:
        raise ConfigError(
            f"There is no file type {suffix!r} to simulate; use {', '.join(SUFFIXES)}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    shop, dirt = Shop(plan), dirt or Dirt()
    broken: list[dict[str, Any]] = []
    written: list[WrittenFile] = []
    for name, blocks in _by_file(form, shop, suffix):
        planted = Planted()
        if suffix == ".parquet":
            _write_parquet(folder / name, blocks, planted)
        else:
            with open_compressed(folder / name) as file:
                _write_text(file, form, shop, blocks, planted, dirt, name)
        kinds = [kind for _, kind in planted.broken]
        broken += [{"file_name": name, "source_line": n, "kind": k} for n, k in planted.broken]
        written.append(
            WrittenFile(
                name,
                planted.lines - 1,
                planted.clean,
                planted.duplicate,
                planted.blank,
                planted.headers,
                {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
            )
        )
    _write_truth(folder, shop, form, dirt, written, broken)
    return written


def _by_file(form: Format, shop: Shop, suffix: str) -> Iterator[tuple[str, Iterator[pl.DataFrame]]]:
    """Part the stream of blocks into files; a file's blocks must be used before the next file's."""
    stream = form.frames(shop)
    upcoming = next(stream, None)

    def blocks_of(label: str) -> Iterator[pl.DataFrame]:
        nonlocal upcoming
        while upcoming is not None and upcoming[0] == label:
            yield upcoming[1]
            upcoming = next(stream, None)

    while upcoming is not None:
        label = upcoming[0]
        yield f"simulated_{form.name}{'_' if label else ''}{label}{suffix}", blocks_of(label)


def _write_text(
    file: BinaryIO,
    form: Format,
    shop: Shop,
    blocks: Iterator[pl.DataFrame],
    planted: Planted,
    dirt: Dirt,
    name: str,
) -> None:
    """Write one text file: the header, then each block with its share of dirt."""
    header = (form.header + form.line_end).encode()
    blank = (form.delimiter * (len(form.columns) - 1) + form.line_end).encode()
    tag = "".join(c for c in name if c.isdigit())
    file.write(header)
    for number, block in enumerate(blocks):
        rng = shop.plan.rng(_DIRT, int(tag or 0), number)
        text = splice(render(form, block), planted, dirt, rng, header=header, blank=blank,
                      broken=form.broken, tag=shop.plan.tag + tag)  # fmt: skip
        file.write(recode(form, text))


def render(form: Format, block: pl.DataFrame, line_end: str | None = None) -> bytes:
    """Write a block's rows as UTF-8 text, without header; ``line_end`` else the format's own."""
    buffer = io.BytesIO()
    block.write_csv(
        buffer,
        include_header=False,
        separator=form.delimiter,
        line_terminator=line_end or form.line_end,
    )
    return buffer.getvalue()


def recode(form: Format, text: bytes) -> bytes:
    """Give the text in the format's own encoding."""
    return text if form.encoding == "utf-8" else text.decode().encode(form.encoding)


def _write_parquet(path: Path, blocks: Iterator[pl.DataFrame], planted: Planted) -> None:
    """Write blocks as one Parquet file, streaming."""
    first = next(blocks)

    def produce(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        yield first
        for block in blocks:
            planted.clean += len(block)
            yield block

    planted.clean = len(first)
    with replace_atomically(path) as file:
        register_io_source(produce, schema=first.schema).sink_parquet(file)
    planted.lines = 1 + planted.clean


@contextmanager
def open_compressed(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be replaced atomically; its name says whether it is compressed."""
    with replace_atomically(path) as file, ExitStack() as stack:
        if path.suffix == ".gz":
            # without a name and a time, so that the same rows give the same bytes
            zipped = gzip.GzipFile("", "wb", compresslevel=4, fileobj=file, mtime=0)
            yield cast(BinaryIO, stack.enter_context(zipped))
        elif path.suffix == ".zst":
            import zstandard

            yield stack.enter_context(
                zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False)
            )
        else:
            yield file


def _write_truth(
    folder: Path,
    shop: Shop,
    form: Format,
    dirt: Dirt,
    files: list[WrittenFile],
    broken: list[dict[str, Any]],
) -> None:
    """Write the tables ``truth/*.csv`` and then ``truth.json``."""
    tables = folder / TRUTH_FOLDER
    tables.mkdir(exist_ok=True)
    people, goods, plan = shop.customers, shop.catalogue, shop.plan
    groups = [group.name for group in shop.truth.groups]
    with replace_atomically(tables / "customers.csv") as file:
        pl.DataFrame(
            {
                "customer_id": shop.customer_ids(np.arange(plan.customers)),
                "segment": pl.Series(groups).gather(pl.Series(people.group)),
            }
        ).write_csv(file)
    with replace_atomically(tables / "broken_rows.csv") as file:
        schema = {"file_name": pl.String, "source_line": pl.Int64, "kind": pl.String}
        pl.DataFrame(broken, schema=schema).write_csv(file)
    pairs = [
        {
            "product_id": shop.product_ids[i],
            "complement_id": shop.product_ids[j],
            "product": goods.name[i],
            "complement": goods.name[j],
            "probability": shop.truth.categories[goods.category[i]].complement_probability,
        }
        for i, j in enumerate(goods.complement.tolist())
        if j >= 0
    ]
    document = {
        "about": "What was planted in this simulated shop. Nothing here is real.",
        "format": form.name,
        "plan": {k: v for k, v in vars(plan).items() if k != "truth"} | {
            "first_day": plan.first_day.isoformat()
        },
        "segments": {g.name: int((people.group == i).sum())
                     for i, g in enumerate(shop.truth.groups)},
        "segments_table": f"{TRUTH_FOLDER}/customers.csv",
        "broken_rows_table": f"{TRUTH_FOLDER}/broken_rows.csv",
        "pairs": pairs,
        "peak_hours": shop.peak_hours(),
        "month_index": shop.month_index(),
        "price_change_days": [shop.day(d).isoformat() for d in goods.epoch_days[1:]],
        "tastes": [
            {"segment": group.name, "product": goods.name[int(weights.argmax())]}
            for group, weights in zip(shop.truth.groups, product_weights(shop), strict=True)
        ],
        "dirt_shares": asdict(dirt),
        "files": [asdict(file) for file in files],
        "truth": shop.truth.as_dict(),
    }  # fmt: skip
    with replace_atomically(folder / TRUTH_FILE) as out:
        out.write((json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
