"""Telling whether a file is what a source expects, without a database: ``ecorse source check``.

What belongs here: running the cleaning of a file and listing every problem. What does not: the
cleaning (``clean.cleaner``), which is that of a load.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ecorse.clean.cleaner import Cleaner
from ecorse.errors import ContractError
from ecorse.schema.source import LookingUp, Shop
from ecorse.settings import get_settings
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
    """What a load of the file would find; ``refusal`` if it would be refused whole."""

    file_name: str
    source: str
    refusal: str = ""
    rows_read: int = 0
    rows_good: int = 0
    rows_repeated: int = 0
    rows_suspected: int = 0
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


def check_file(path: Path, source: str, shop: Shop, *, reading: Reading | None = None) -> Checked:
    """Clean a file as a load would, and give every problem; nothing is written anywhere.

    ``rows_repeated`` repeat an earlier row of the file; ``rows_suspected`` may repeat one, and a
    load decides about them.
    """
    declared = get_source(source, reading)
    settings = get_settings()
    checked = Checked(path.name, source)
    try:
        if isinstance(declared, LookingUp):
            declared = declared.bind(path.parent)
        with path.open("rb") as file:
            cleaner = Cleaner(
                file,
                path.stat().st_size,
                source=declared,
                shop=shop,
                file_name=path.name,
                max_record_bytes=settings.max_record_bytes,
                reject_limit_share=settings.reject_limit_share,
            )
            for block in cleaner:
                checked.rows_good += block.lines.height
                checked.rows_repeated += block.repeated
                checked.rows_suspected += block.candidates.height
                checked.problems += [
                    Problem(line, rule, column, sentence)
                    for line, rule, column, sentence in block.rejected.select(
                        "source_line", "rule", "column_name", "sentence"
                    ).iter_rows()
                ]
    except ContractError as error:
        checked.refusal = str(error)
        return checked
    except OSError as error:
        checked.refusal = f"{path}: cannot be read ({error.strerror})."
        return checked
    account = cleaner.account
    checked.rows_read = account.rows_read
    checked.ignored = _counts(account.ignored)
    checked.rejected = _counts(account.rejected)
    checked.flagged = _counts(account.flagged)
    checked.warned = _counts(account.broken)
    checked.repaired = _counts(account.repaired)
    checked.warnings = cleaner.warnings
    checked.problems.sort(key=lambda problem: problem.line)
    return checked


def _counts(counter: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counter.items()) if count}
