"""Writing a simulated shop's files: any format, plain or compressed, with dirt.

What belongs here: writing blocks of rows as files, atomically, in bounded memory. What does not:
the rows (``formats``), the dirt between them (``dirt.py``), the truth beside them
(``write_truth.py``).
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl
from polars.io.plugins import register_io_source

from ecorse.atomic import replace_atomically
from ecorse.errors import ConfigError
from ecorse.simulate.dirt import Dirt, Planted, splice
from ecorse.simulate.formats import Format, get_format
from ecorse.simulate.plan import Plan
from ecorse.simulate.shop import Shop
from ecorse.simulate.write_truth import WrittenFile, write_truth

SUFFIXES = (".csv", ".csv.gz", ".csv.zst", ".parquet")
_DIRT = 90


def simulate_shop(
    folder: Path, plan: Plan, format_name: str, *, suffix: str = ".csv", dirt: Dirt | None = None
) -> list[WrittenFile]:
    """Write a simulated shop in one format, a file per month, and its truth beside the files.

    The same plan gives the same bytes (of Parquet: the same rows, and no dirt but what a typed
    file can hold, which is none). Memory holds the shop's people and one slice of a day.
    ``truth.json`` is written last: where it stands, the folder is complete.

    Raises
    ------
    ConfigError
        There is no such format or suffix, or the format cannot say a year of the period.
    DiskFull
        The disk has no space left for a file.
    """
    form = get_format(format_name)
    if suffix not in SUFFIXES:
        raise ConfigError(
            f"There is no file type {suffix!r} to simulate; use {', '.join(SUFFIXES)}."
        )
    first, last = plan.first_day.year, (plan.first_day + timedelta(days=plan.days - 1)).year
    if not form.years[0] <= first <= last <= form.years[1]:
        raise ConfigError(
            f"Cannot simulate year={first} to {last} as {format_name}: its dates can say the "
            f"years {form.years[0]} to {form.years[1]}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    shop, dirt = Shop(plan), dirt or Dirt()
    broken: list[dict[str, Any]] = []
    written: list[WrittenFile] = []
    for label, blocks in _by_file(form, shop):
        name = form.file_name(label, suffix)
        planted = Planted()
        if suffix == ".parquet":
            _write_parquet(folder / name, blocks, planted)
        else:
            with open_compressed(folder / name) as file:
                _write_text(file, form, shop, blocks, planted, dirt, label)
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
    write_truth(
        folder, shop, form.name, dirt, written, broken, names_customers=form.names_customers
    )
    return written


def _by_file(form: Format, shop: Shop) -> Iterator[tuple[str, Iterator[pl.DataFrame]]]:
    """Part the stream of blocks by label; a file's blocks must be used before the next file's."""
    stream = form.frames(shop)
    upcoming = next(stream, None)

    def blocks_of(label: str) -> Iterator[pl.DataFrame]:
        nonlocal upcoming
        while upcoming is not None and upcoming[0] == label:
            yield upcoming[1]
            upcoming = next(stream, None)

    while upcoming is not None:
        label = upcoming[0]
        yield label, blocks_of(label)


def _write_text(
    file: BinaryIO,
    form: Format,
    shop: Shop,
    blocks: Iterator[pl.DataFrame],
    planted: Planted,
    dirt: Dirt,
    label: str,
) -> None:
    """Write one text file: the header, then each block with its share of dirt."""
    header = (form.header + form.line_end).encode()
    blank = (form.delimiter * (len(form.columns) - 1) + form.line_end).encode()
    tag = label.replace("-", "")
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
