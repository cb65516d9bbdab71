"""Telling whether a file is what a source expects, without a database: ``ecorse source check``.

What belongs here: running the cleaning of a file and listing every problem. What does not: the
cleaning (``clean.cleaner``), which is that of a load.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from ecorse.errors import ContractError
from ecorse.ingest.dry import dry_load
from ecorse.ingest.rates import rates_of_file
from ecorse.ingest.summary import money_as
from ecorse.schema.source import Shop, Source
from ecorse.sources import get_source
from ecorse.sources.reading import Reading


@dataclass(frozen=True)
class Problem:
    """One reject: where it stands, which rule it breaks, and a sentence."""

    line: int
    rule: str
    column: str | None
    sentence: str


@dataclass
class Checked:
    """What a load of the file into an empty warehouse would do; ``refusal`` if it would refuse it.

    ``rows_repeated`` repeat an earlier row of the file and would be left out; rows that other files
    hold too are known to a load only. ``money`` says what became of the file's, as ``ops.load``.
    """

    file_name: str
    source: str
    refusal: str = ""
    rows_read: int = 0
    rows_good: int = 0
    rows_repeated: int = 0
    lines_added: int = 0
    money: dict[str, Decimal] = field(default_factory=dict)
    currency: str = ""
    ignored: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_pass(self) -> bool:
        """Whether every row would be staged, or be left out for being blank or repeated."""
        return not self.refusal and not self.problems

    def sentence(self) -> str:
        """The account of the file, with its money, for a person."""

        def worth(kind: str) -> str:
            amount = money_as(self.money, kind)
            return f" ({amount:,.2f} {self.currency})" if amount else ""

        added = f" (and {self.lines_added:,} lines added)" if self.lines_added else ""
        ignored = sum(self.ignored.values())
        return (
            f"{self.rows_read:,} rows read = {self.rows_good:,} good{added}{worth('staged')}, "
            f"{self.rows_repeated:,} that repeat an earlier one{worth('duplicate')}, "
            f"{ignored:,} ignored, {len(self.problems):,} with problems{worth('rejected')}."
        )


def check_file(
    path: Path,
    source: str,
    shop: Shop,
    *,
    reading: Reading | None = None,
    rates: Path | None = None,
) -> Checked:
    """Clean a file as a load would, and give every problem; nothing is written anywhere.

    ``rates`` is a file of rates (read as ``fx_rates``) for a source that converts other currencies.
    """
    return check_source(path, get_source(source, reading), shop, rates=rates)


def check_source(path: Path, source: Source, shop: Shop, *, rates: Path | None = None) -> Checked:
    """As ``check_file``, by the source itself."""
    checked = Checked(path.name, source.name)
    try:
        stated = rates_of_file(rates, get_source("fx_rates"), shop) if rates else None
        dry = dry_load(path, source, shop, keep=False, rates=stated)
    except ContractError as error:
        checked.refusal = str(error)
        return checked
    except OSError as error:
        checked.refusal = f"{path}: cannot be read ({error.strerror})."
        return checked
    counted, account = dry.counted, dry.cleaner.account
    checked.rows_read, checked.rows_good = counted.rows_read, counted.rows_staged
    checked.rows_repeated, checked.lines_added = counted.rows_duplicate, counted.lines_added
    checked.money, checked.currency = counted.money, shop.currency
    checked.ignored = _counts(account.ignored)
    checked.rejected = _counts(account.rejected)
    checked.flagged = _counts(account.flagged)
    checked.warned = _counts(account.broken)
    checked.repaired = _counts(account.repaired)
    checked.warnings = dry.cleaner.warnings
    problems = dry.rejected.select("source_line", "rule", "column_name", "sentence").iter_rows()
    checked.problems = sorted((Problem(*row) for row in problems), key=lambda p: p.line)
    return checked


def _counts(counter: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counter.items()) if count}
