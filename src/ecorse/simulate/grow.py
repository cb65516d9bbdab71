"""Growing a file of any format: more of the store, or more of what the file has too little.

What belongs here: exactly n more marked rows at the end of one text file, nothing else changed.
What does not: new files (``write_shop.py``).
"""

from __future__ import annotations

import calendar
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl

from ecorse.atomic import locked, replace_atomically
from ecorse.columns import SIMULATED_PREFIX
from ecorse.errors import ConfigError, ContractError
from ecorse.simulate.draws import Ints
from ecorse.simulate.formats import Format, format_names, get_format
from ecorse.simulate.plan import Plan
from ecorse.simulate.shop import Shop
from ecorse.simulate.stores import get_store
from ecorse.simulate.write_shop import recode, render

_BOM = b"\xef\xbb\xbf"
_MAX_HEADER_BYTES = 4096
_AUGMENT = 91
_NO_DATE = date(2018, 12, 31)  # of a file without any: it grows from 2019 on
LEAST_DONORS = 5  # a smaller group has no distribution to draw from
_LARGEST = 1_000_000  # customers or products of one shop held in memory while a file grows
Draw = Callable[[Path, Format, int, int, str], Iterator[pl.DataFrame]]


@dataclass(frozen=True)
class Growth:
    """What was appended: rows, the format, and the seed that gives the same rows again."""

    path: Path
    rows: int
    format: str
    seed: int


def append_rows(
    path: Path, *, rows: int, seed: int | None = None, format_name: str | None = None
) -> Growth:
    """Append exactly ``rows`` marked rows of the format's store, dated after the file's last date.

    A file of a format that ``grows_in_its_month`` gets dates of the month that most rows have. The
    format is known by the header. Order, session, customer and product ids that must be new
    hold a hash of the file as it was. The file is replaced by rename.

    Raises
    ------
    ConfigError
        The file cannot be read, ``rows`` is negative, or there is no such format.
    ContractError
        The header is that of no format, or not that of ``format_name``.
    DiskFull
        The disk has no space for the longer file; the file is as it was.
    """
    seed = secrets.randbits(32) if seed is None else seed
    form = _recognise(path, rows, format_name)[0]
    return _grow(path, rows, seed, form, _upcoming)


def augment_rows(
    path: Path, *, rows: int, seed: int | None = None, format_name: str | None = None
) -> Growth:
    """Append exactly ``rows`` marked rows like those of the rarest groups of the file.

    The smallest groups (of products; of customers, educations) of five rows or more are filled up
    to one common size.
    A new row is a whole row of its group, drawn with replacement, under a new id: so each column
    keeps its distribution within the group and all columns their dependence. What orders hold
    together is lost: every new line is an order of its own. Simulated rows are no donors.

    Source: the bootstrap, Efron, Annals of Statistics 7 (1979).

    Raises
    ------
    ConfigError, ContractError, DiskFull
        As ``append_rows``; a file without a row to draw from is a ContractError.
    """
    seed = secrets.randbits(32) if seed is None else seed
    form = _recognise(path, rows, format_name)[0]
    return _grow(path, rows, seed, form, _bootstrapped)


def _recognise(path: Path, rows: int, format_name: str | None) -> tuple[Format, str]:
    """Find the format that a file's header is of, and the line end it uses."""
    if rows < 0:
        raise ConfigError(f"Cannot append {rows} rows to {path}: rows must be 0 or more.")
    try:
        with path.open("rb") as file:
            first = file.readline(_MAX_HEADER_BYTES)
    except OSError as error:
        raise ConfigError(
            f"Cannot append to {path}: {error.strerror}. Name an existing file, or make some with "
            "'ecorse ingest --origin simulate'."
        ) from error
    text = first.removeprefix(_BOM).decode("utf-8", errors="replace").rstrip("\r\n")
    names = format_names() if format_name is None else (format_name,)
    forms = [get_format(name) for name in names]
    found = [form for form in forms if text.replace('"', "") == form.header]
    if not found:
        expected = repr(forms[0].header) if format_name else f"of {', '.join(names)}"
        raise ContractError(
            f"{path}, line 1: expected the header {expected} but found {text[:200]!r}. Only an "
            "uncompressed text file can grow; nothing was changed."
        )
    return found[0], "\r\n" if first.endswith(b"\r\n") else "\n"


def _grow(path: Path, rows: int, seed: int, form: Format, draw: Draw) -> Growth:
    """Write the file anew with its old bytes and then the new rows."""
    path = path.resolve()
    with locked(path.parent), replace_atomically(path) as copy:
        line_end = _recognise(path, rows, form.name)[1]
        digest, last = hashlib.sha256(), b"\n"
        with path.open("rb") as old:
            while chunk := old.read(1 << 20):
                copy.write(chunk)
                digest.update(chunk)
                last = chunk[-1:]
        tag = f"{digest.hexdigest()[:12]}-"
        if rows and last not in (b"\n", b"\r"):
            copy.write(line_end.encode())
        missing = rows
        blocks = draw(path, form, rows, seed, tag)
        while missing:
            block = next(blocks).head(missing)
            copy.write(recode(form, render(form, block, line_end)))
            missing -= len(block)
        os.fchmod(copy.fileno(), path.stat().st_mode & 0o777)
    return Growth(path, rows, form.name, seed)


def _upcoming(path: Path, form: Format, rows: int, seed: int, tag: str) -> Iterator[pl.DataFrame]:
    """What happens in the store then, without end: one shop after the other, each with its tag."""
    first_day, days = _following(path, form)
    store = get_store(form.store)
    if form.grows_in_its_month:
        sizes = {"orders": rows + 10, "events": 0}  # a line or more each: they span the month
    elif "P" in form.tagged:
        sizes = {"products": min(max(store.products, rows), _LARGEST)}
    else:
        sizes = {"customers": min(max(store.customers, rows), _LARGEST)}
    for turn in count():
        more = f"{turn}-" if turn else ""
        plan = Plan.of(
            store, **sizes, seed=seed + turn, first_day=first_day, days=days,
            tag=f"A{tag}{more}", tagged=form.tagged,
        )  # fmt: skip
        for _, block in form.frames(Shop(plan)):
            yield block


def _following(path: Path, form: Format) -> tuple[date, int]:
    """The first day and the number of days of what is appended to a file."""
    if not form.grows_in_its_month:
        return _last_day(path, form) + timedelta(days=1), 365
    months = _scan(path, form).select(_moment(form).dt.truncate("1mo").dt.date().alias("month"))
    by_size = (
        months.drop_nulls().group_by("month").len().sort("len", "month").collect(engine="streaming")
    )
    first = by_size["month"][-1] if len(by_size) else _NO_DATE + timedelta(days=1)
    return first, calendar.monthrange(first.year, first.month)[1]


def _scan(path: Path, form: Format) -> pl.LazyFrame:
    """The file's rows, all columns as text; short rows are filled and long ones cut."""
    return pl.scan_csv(
        path,
        separator=form.delimiter,
        infer_schema=False,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    )


def _last_day(path: Path, form: Format) -> date:
    """The last day in a file, of what can be read as a date; the day before 2019 without any."""
    if not form.moment:
        return _NO_DATE
    moments = _scan(path, form).select(_moment(form).max()).collect(engine="streaming")
    latest = moments.item()
    return _NO_DATE if latest is None else latest.date()


def _moment(form: Format) -> pl.Expr:
    """A row's moment, null where there is none."""
    text = pl.col(form.moment)
    if form.moment_format == "epoch":
        return pl.from_epoch(text.cast(pl.Int64, strict=False))
    return text.str.to_datetime(form.moment_format, strict=False)


def _bootstrapped(
    path: Path, form: Format, rows: int, seed: int, tag: str
) -> Iterator[pl.DataFrame]:
    """Rows drawn with replacement from the rows of the rarest groups."""
    donors = _donors(path, form)
    if donors.is_empty():
        raise ContractError(
            f"{path} has no valid row that is not simulated: there is nothing to draw from. "
            "Nothing was changed."
        )
    sizes = donors.group_by(form.group, maintain_order=True).len()["len"].cast(pl.Int64).to_numpy()
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    wanted = fill_up(sizes, rows)
    group = np.repeat(np.arange(len(sizes)), wanted)
    draws = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, _AUGMENT])))
    chosen = first[group] + (draws.random(rows) * sizes[group]).astype(np.int64)
    drawn = donors.select(pl.all().gather(pl.Series(chosen)))
    # a cancelled invoice stays one: its letter stands before the mark, too
    letter = pl.col(form.new_id).str.extract(r"^([A-Z])\d").fill_null("")
    number = pl.Series(np.arange(1, rows + 1)).cast(pl.String)
    yield drawn.with_columns(
        (letter + pl.lit(f"{SIMULATED_PREFIX}B{tag}") + pl.lit(number)).alias(form.new_id)
    )


def _donors(path: Path, form: Format) -> pl.DataFrame:
    """Whole rows that are neither simulated nor visibly broken, group by group in text order."""
    encoding = "iso-8859-1" if form.encoding == "latin-1" else "utf8"
    frame = pl.read_csv(
        path,
        separator=form.delimiter,
        infer_schema=False,
        truncate_ragged_lines=True,
        encoding=encoding,
    )
    last = form.columns[-1]
    is_header = pl.col(last).is_not_null() & (pl.col(last) == last)
    real = ~pl.col(form.new_id).str.contains(f"^[A-Z]?{SIMULATED_PREFIX}")
    dated = _moment(form).is_not_null() if form.moment else pl.lit(True)
    donors = frame.filter(~is_header & real & dated & pl.col(form.group).is_not_null())
    enough = donors.filter(pl.len().over(form.group) >= LEAST_DONORS)
    return (donors if enough.is_empty() else enough).sort(form.group, maintain_order=True)


def fill_up(sizes: Ints, rows: int) -> Ints:
    """Share ``rows`` out so that the smallest groups grow to one common size; shape as ``sizes``.

    What does not part evenly goes to the first of them.
    """
    order = np.argsort(sizes, kind="stable")
    ordered = sizes[order]
    # with the i smallest at the size of the next one, this many rows are used
    used = ordered * np.arange(len(ordered)) - (np.cumsum(ordered) - ordered)
    n = int(np.searchsorted(used, rows, side="right"))
    level, rest = divmod(rows + int(ordered[:n].sum()), n)
    wanted = np.zeros(len(sizes), dtype=np.int64)
    wanted[order[:n]] = level - ordered[:n] + (np.arange(n) < rest)
    return wanted
