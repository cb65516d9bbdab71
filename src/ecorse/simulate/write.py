"""Writing simulated sales as CSV files: a year of them, or more lines for an existing one.

What belongs here: the text of a line, whole files, atomic replacement, ``truth.json``. What does
not: what is sold (``generate.py``), dirt (``dirt.py``), loading (``ecorse.sources``).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from ecorse.atomic import replace_atomically
from ecorse.errors import ConfigError
from ecorse.simulate.dirt import HEADER, Dirt, add_dirt, pick_lines
from ecorse.simulate.generate import Ints, MonthLines, generate_month, orders_per_month
from ecorse.simulate.truth import DEFAULT_TRUTH, Truth

TRUTH_FILE = "truth.json"
FIRST_ORDER_NUMBER = 1_000_000
_DIRT_STREAM = 1
_MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True)
class FileSummary:
    """What one simulated file holds: its clean lines, and every kind of dirt.

    ``data_rows`` counts the rows below the first header and is the sum of ``clean_lines``,
    ``duplicate_rows``, ``blank_rows``, ``repeated_headers`` and all ``broken_rows``. ``units`` and
    ``revenue`` (in the shop's currency, to the cent) are those of the clean lines.
    """

    file_name: str
    data_rows: int
    clean_lines: int
    orders: int
    units: int
    revenue: str
    duplicate_rows: int
    blank_rows: int
    repeated_headers: int
    broken_rows: dict[str, int]
    outside_month_lines: int
    decimal_price_lines: int


@dataclass(frozen=True)
class SimulationSummary:
    """A simulated year: its folder, its files in calendar order, and their sums."""

    folder: Path
    seed: int
    year: int
    files: tuple[FileSummary, ...]

    @property
    def orders(self) -> int:
        """Orders of all files."""
        return sum(file.orders for file in self.files)

    @property
    def clean_lines(self) -> int:
        """Sold lines of all files, duplicates not counted."""
        return sum(file.clean_lines for file in self.files)

    @property
    def revenue(self) -> Decimal:
        """Money of the clean lines of all files."""
        return sum((Decimal(file.revenue) for file in self.files), Decimal(0))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files are, in calendar order."""
        return tuple(self.folder / file.file_name for file in self.files)


def simulate_year(
    folder: Path,
    *,
    seed: int = 20190101,
    orders: int = 60_000,
    year: int = 2019,
    dirt: Dirt | None = None,
    truth: Truth = DEFAULT_TRUTH,
) -> SimulationSummary:
    """Write twelve monthly sales files and ``truth.json`` into a folder.

    The same arguments give the same bytes. Memory holds one month at a time. ``truth.json`` is
    written last, so where it stands the year is complete.

    Raises
    ------
    ConfigError
        A number is out of range.
    DiskFull
        The disk has no space left for a file.
    """
    if seed < 0 or orders < 0 or not 2000 <= year <= 2068:
        raise ConfigError(
            f"Cannot simulate seed={seed}, orders={orders}, year={year}: seed and orders must not "
            "be negative, and the year must be 2000 to 2068 (the format has two-digit years)."
        )
    dirt = dirt or Dirt()
    folder.mkdir(parents=True, exist_ok=True)
    pair_counts = np.zeros((len(truth.pairs), 2), dtype=np.int64)
    files: list[FileSummary] = []
    next_number = FIRST_ORDER_NUMBER
    for month, n_orders in enumerate(orders_per_month(truth, orders, year), start=1):
        lines = generate_month(truth, seed=seed, year=year, month=month, orders=n_orders)
        pair_counts += _count_pairs(truth, lines, n_orders)
        files.append(_write_month(folder, truth, lines, dirt, seed, n_orders, next_number))
        next_number += n_orders
    summary = SimulationSummary(folder, seed, year, tuple(files))
    _write_truth(summary, truth, dirt, orders, pair_counts)
    return summary


def _write_month(
    folder: Path,
    truth: Truth,
    lines: MonthLines,
    dirt: Dirt,
    seed: int,
    n_orders: int,
    first_number: int,
) -> FileSummary:
    """Write one month's file and account for it."""
    sequence = np.random.SeedSequence([seed, lines.year, lines.month, _DIRT_STREAM])
    rng = np.random.Generator(np.random.PCG64(sequence))
    prices = np.array([product.price_cents for product in truth.products])[lines.product]
    minute, n_outside = _move_outside_month(lines, dirt, rng)
    whole = np.flatnonzero(prices % 100 == 0)
    decimal = pick_lines(rng, whole, dirt.count("decimal_price", len(whole)))
    order_ids = pl.Series(lines.order + first_number).cast(pl.String)
    text = format_lines(truth, lines, "SIM-" + order_ids, minute=minute, decimal_price=decimal)
    rows, counts = add_dirt(
        text,
        dirt,
        rng,
        tag=f"{lines.year % 100:02d}{lines.month:02d}",
        date_text=f"{lines.month:02d}/15/{lines.year % 100:02d} 09:30",
    )
    file_name = f"Simulated_Sales_{_MONTH_NAMES[lines.month - 1]}_{lines.year}.csv"
    with replace_atomically(folder / file_name) as file:
        file.write("\n".join([HEADER, *rows, ""]).encode())
    return FileSummary(
        file_name=file_name,
        data_rows=len(rows),
        clean_lines=len(text),
        orders=n_orders,
        units=int(lines.quantity.sum()),
        revenue=_money(int((lines.quantity * prices).sum())),
        duplicate_rows=counts.duplicate_rows,
        blank_rows=counts.blank_rows,
        repeated_headers=counts.repeated_headers,
        broken_rows=counts.broken_rows,
        outside_month_lines=n_outside,
        decimal_price_lines=len(decimal),
    )


def _move_outside_month(
    lines: MonthLines, dirt: Dirt, rng: np.random.Generator
) -> tuple[Ints, int]:
    """Date some orders on the first day after the month, as exports cut in another zone do.

    Whole orders move, so the number of lines can pass the asked one by the lines of one order.
    """
    wanted = dirt.count("outside_month", len(lines.order))
    if wanted == 0:
        return lines.minute, 0
    _, first_line, lines_per_order = np.unique(lines.order, return_index=True, return_counts=True)
    shuffled = pick_lines(rng, np.arange(len(first_line)), len(first_line))[
        np.argsort(rng.random(len(first_line)), kind="stable")
    ]
    enough = int(np.searchsorted(np.cumsum(lines_per_order[shuffled]), wanted)) + 1
    moved = np.isin(lines.order, lines.order[first_line[shuffled[:enough]]])
    next_month = _month_start(lines.year, lines.month + 1)
    minutes_in_month = (
        int((next_month - _month_start(lines.year, lines.month)).total_seconds()) // 60
    )
    return np.where(moved, minutes_in_month + lines.minute % (24 * 60), lines.minute), int(
        moved.sum()
    )


def _month_start(year: int, month: int) -> datetime:
    """Give the first instant of a month; month 13 is the next January."""
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def format_lines(
    truth: Truth,
    lines: MonthLines,
    order_ids: pl.Series,
    *,
    minute: Ints,
    decimal_price: Ints,
) -> list[str]:
    """Give each line as the export writes it: address quoted, whole prices without a point.

    ``decimal_price`` are the lines whose whole price is written with one (``600.0``).
    """
    prices = [_price_text(product.price_cents) for product in truth.products]
    is_decimal = np.zeros(len(lines.order), dtype=bool)
    is_decimal[decimal_price] = True
    cities = [f"{city.name}, {city.region} {city.postal_code}" for city in truth.cities]
    frame = pl.DataFrame(
        {
            "order_id": order_ids,
            "product": pl.Series([p.name for p in truth.products], dtype=pl.String).gather(
                lines.product
            ),
            "quantity": lines.quantity,
            "price": pl.Series(prices, dtype=pl.String).gather(lines.product),
            "decimal": pl.Series(is_decimal),
            "minute": minute,
            "house": lines.house,
            "street": pl.Series(truth.streets, dtype=pl.String).gather(lines.street),
            "city": pl.Series(cities, dtype=pl.String).gather(lines.city),
        }
    )
    ordered_at = pl.lit(_month_start(lines.year, lines.month)) + pl.duration(
        minutes=pl.col("minute")
    )
    line = pl.format(
        '{},{},{},{}{},{},"{} {}, {}"',
        "order_id",
        "product",
        "quantity",
        "price",
        pl.when("decimal").then(pl.lit(".0")).otherwise(pl.lit("")),
        ordered_at.dt.strftime("%m/%d/%y %H:%M"),
        "house",
        "street",
        "city",
    )
    return frame.select(line.alias("line"))["line"].to_list()


def _price_text(cents: int) -> str:
    """Write a price as the exports do: 600, 149.9, 11.95."""
    return (
        f"{cents // 100}.{cents % 100:02d}".rstrip("0").rstrip(".")
        if cents % 100
        else str(cents // 100)
    )


def _money(cents: int) -> str:
    """Write cents as a decimal number with two places."""
    return f"{cents // 100}.{cents % 100:02d}"


def _count_pairs(truth: Truth, lines: MonthLines, n_orders: int) -> Ints:
    """Count orders with a pair's product, and with both; shape ``(n_pairs, 2)``."""
    index = {product.name: i for i, product in enumerate(truth.products)}
    basket = np.zeros((n_orders, len(truth.products)), dtype=bool)
    basket[lines.order, lines.product] = True
    return np.array(
        [
            [
                basket[:, index[pair.product]].sum(),
                (basket[:, index[pair.product]] & basket[:, index[pair.complement]]).sum(),
            ]
            for pair in truth.pairs
        ],
        dtype=np.int64,
    ).reshape(-1, 2)


def _write_truth(
    summary: SimulationSummary, truth: Truth, dirt: Dirt, orders: int, pair_counts: Ints
) -> None:
    """Write ``truth.json``: what was planted, and how much of it is in each file."""
    document = {
        "about": "What was planted in these simulated sales. Nothing here is a real sale.",
        "seed": summary.seed,
        "year": summary.year,
        "orders": orders,
        "clean_lines": summary.clean_lines,
        "units": sum(file.units for file in summary.files),
        "revenue": str(summary.revenue),
        "dirt_shares": asdict(dirt),
        "files": [asdict(file) for file in summary.files],
        "pair_orders": [
            {
                "product": p.product,
                "complement": p.complement,
                "product_orders": int(n),
                "both_orders": int(b),
            }
            for p, (n, b) in zip(truth.pairs, pair_counts, strict=True)
        ],
        "truth": truth.as_dict(),
    }
    with replace_atomically(summary.folder / TRUTH_FILE) as file:
        file.write((json.dumps(document, indent=2) + "\n").encode())
