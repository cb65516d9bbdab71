"""The first rows of a file, in the shape that was found, to make a draft of.

What belongs here: reading the sample. What does not: looking at it (``draft_values`` and others).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ecorse.clean.cast import parse, text_column
from ecorse.clean.finding import Finding
from ecorse.clean.opening import open_shape
from ecorse.clean.sniff import sniff
from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Form, Header
from ecorse.schema.shape import Shape
from ecorse.sources.mappings.draft_groups import with_groups

SAMPLE_ROWS = 10_000


@dataclass(frozen=True)
class Sample:
    """The first rows of a file, as text by name, and what was found about how it is written."""

    shape: Shape
    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    texts: pl.DataFrame


def read_sample(path: Path) -> Sample:
    """The first rows of a file, in the shape that was found.

    Raises
    ------
    ContractError
        The file cannot be read as a table.
    """
    found = with_groups(path, sniff(path))
    with path.open("rb") as file:
        framer = open_shape(file, found.shape, path.name)
        names = _apart([name.strip() for name in framer.header])
        columns = tuple(Column(name, None) for name in names)
        header = Header(Form("sample", columns), names, columns)
        block = next(iter(framer), None)
        data = b"" if block is None else block.data
        raw = parse(data, header, *framer.parsed).head(SAMPLE_ROWS)
    if not names:
        raise ContractError(f"{path.name}: has no columns. There is nothing to propose.")
    texts = raw.select(pl.col(text_column(i)).alias(n) for i, n in enumerate(names))
    return Sample(found.shape, found.questions, names, texts)


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names, each once: one that stands again gets its place behind it, as a load names it."""
    apart: list[str] = []
    for position, name in enumerate(names, 1):
        apart.append(f"{name} ({position})" if name in apart else name)
    return tuple(apart)
