"""A block's rows, parted: new for certain, perhaps repeated, repeated; each with what goes with it.

What belongs here: what a verdict about repeats makes of a block. What does not: the verdict
(``duplicates``), and deciding about those that may repeat an earlier row (``ecorse.ingest``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from ecorse.clean.blocks import FramedBlock
from ecorse.clean.duplicates import Verdict
from ecorse.schema.staging import STAGING_TABLES


@dataclass
class CleanBlock:
    """Rows of one block: new lines, lines that may repeat an earlier one, and rejects.

    ``lines`` and ``candidates`` have columns of the source's table without ``load_id``;
    ``rejected`` those of ``ops.reject`` without its ids. ``companions`` and
    ``companion_candidates`` have, by table, the rows of other tables that belong to them.
    ``repeated`` counts the rows that repeat an earlier one of the block and are in none of these.
    ``raw`` has the text of the candidates (``source_line, raw``) where one may yet be rejected;
    ``left_out`` the keys (``shop_id, line_id``) of rows that are none.
    """

    lines: pl.DataFrame
    candidates: pl.DataFrame
    rejected: pl.DataFrame
    companions: dict[str, pl.DataFrame] = field(default_factory=dict)
    companion_candidates: dict[str, pl.DataFrame] = field(default_factory=dict)
    repeated: int = 0
    raw: pl.DataFrame = field(default_factory=pl.DataFrame)
    left_out: pl.DataFrame = field(default_factory=pl.DataFrame)


def placed(block: FramedBlock, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows with the number of the line they stood on, instead of their place in the block."""
    source_line = pl.Series("source_line", block.lines).gather(frame["_row"])
    return frame.select(source_line, pl.exclude("_row"))


def parted(
    block: FramedBlock,
    lines: pl.DataFrame,
    rows: pl.Series,
    companions: Mapping[str, pl.DataFrame],
    rejected: pl.DataFrame,
    verdict: Verdict | None,
    *,
    is_keyed: bool,
) -> CleanBlock:
    """Part new lines from candidates and repeated ones, with their companions.

    Parameters
    ----------
    rows
        The places of the lines in the block.
    verdict
        On these lines; None keeps them all.
    is_keyed
        Whether a candidate may yet be rejected.
    """
    if verdict is None or not (known := verdict.repeated | verdict.candidate).any():
        whole = {name: placed(block, found) for name, found in companions.items()}
        return CleanBlock(lines, lines.clear(), rejected, whole)
    candidate = verdict.candidate
    certain: dict[str, pl.DataFrame] = {}
    undecided: dict[str, pl.DataFrame] = {}
    for name, found in companions.items():
        if STAGING_TABLES[name].latest_counts:
            # a repeated row states anew what it states, whatever is decided about it
            certain[name] = placed(block, found)
            continue
        for parts, of in ((certain, rows.filter(~known)), (undecided, rows.filter(candidate))):
            parts[name] = placed(block, found.filter(pl.col("_row").is_in(of.implode())))
    maybe = lines.filter(candidate)
    raw = pl.DataFrame()
    if is_keyed and maybe.height:
        texts = [block.raw(row) for row in rows.filter(candidate).to_list()]
        raw = maybe.select("source_line", pl.Series("raw", texts, dtype=pl.String))
    return CleanBlock(
        lines.filter(~known),
        maybe,
        rejected,
        certain,
        undecided if candidate.any() else {},
        int(verdict.repeated.sum()),
        raw,
    )
