"""Orders in one piece: the rows that have a value of one column together, whatever the blocks.

What belongs here: handing on a file's blocks so that no order is cut, and telling orders whose
rows stand apart. What does not: what is added up over an order (``rules``), values of its first row
(``prepare``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.blocks import FramedBlock
from ecorse.clean.cast import text_column
from ecorse.clean.hashes import Hashes, hash_texts
from ecorse.clean.values import reasons_of
from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Contract, Header, header_key

MOST_ROWS = 100_000  # of one order; a column that has more of one value is no order's number


@dataclass(frozen=True)
class Whole:
    """A block of whole orders: its records, their text, and the reasons of refused rows."""

    block: FramedBlock
    raw: pl.DataFrame
    refused: tuple[pl.DataFrame, ...] = ()


class WholeOrders:
    """Keeps the last order of a block back until it is known to be whole."""

    def __init__(self, header: Header, contract: Contract, file_name: str) -> None:
        self._within, self._file_name = contract.within, file_name
        self._place = next(
            (
                text_column(i)
                for i, column in enumerate(header.columns)
                if column is not None and header_key(column.name) == header_key(contract.within)
            ),
            None,
        )
        fill = contract.fill_down
        # a row without a number belongs to the order above
        self._is_filled = fill is not None and header_key(contract.within) in map(
            header_key, fill.columns
        )
        self._held: tuple[FramedBlock, pl.DataFrame] | None = None
        self._seen = Hashes()

    def take(self, block: FramedBlock, raw: pl.DataFrame) -> Whole:
        """Take a block in and give what is whole of it and of the rows that were kept back.

        Raises
        ------
        ContractError
            An order has more rows than any has.
        """
        if self._place is None:
            return Whole(block, raw)
        if self._held is not None:
            held, above = self._held
            block, raw = _joined(held, block), pl.concat([above, raw])
        runs = self._runs(raw)
        kept = int((runs == runs[-1]).sum()) if raw.height else 0
        if kept > MOST_ROWS:
            raise ContractError(
                f"{self._file_name}: {kept:,} rows in a row have the same {self._within!r}, which "
                "is declared to be an order's number. Nothing was loaded. Correct `within`."
            )
        whole, self._held = _parted(block, raw, raw.height - kept)
        return self._marked(*whole, runs.head(raw.height - kept))

    def rest(self) -> Whole | None:
        """The last order, after the last block."""
        if self._held is None:
            return None
        (block, raw), self._held = self._held, None
        return self._marked(block, raw, self._runs(raw)) if raw.height else None

    def _keys(self, raw: pl.DataFrame) -> pl.Series:
        assert self._place is not None
        keys = raw[self._place].str.strip_chars().replace("", None)
        return keys.forward_fill() if self._is_filled else keys

    def _runs(self, raw: pl.DataFrame) -> pl.Series:
        keys = self._keys(raw)
        return keys.ne_missing(keys.shift(1)).cum_sum().cast(pl.UInt32)

    def _marked(self, block: FramedBlock, raw: pl.DataFrame, runs: pl.Series) -> Whole:
        keys = self._keys(raw)
        orders = pl.select(pl.when(pl.lit(keys).is_not_null()).then(pl.lit(runs))).to_series()
        return Whole(block, raw, tuple(self._apart(keys, orders)))

    def _apart(self, keys: pl.Series, orders: pl.Series) -> list[pl.DataFrame]:
        """Reasons of the rows of an order that has come before, elsewhere."""
        starts = pl.DataFrame({"key": keys, "order": orders}).drop_nulls().unique(
            "order", keep="first", maintain_order=True
        )  # fmt: skip
        hashes = hash_texts(starts["key"])
        again = pl.Series(self._seen.find(hashes).is_known)
        again |= ~pl.Series(hashes).is_first_distinct()
        fresh = np.unique(hashes[~again.to_numpy()])
        self._seen.add(fresh, np.zeros(len(fresh), np.int64))
        late = orders.is_in(starts["order"].filter(again).implode()).fill_null(False)
        return reasons_of(
            late, keys, Column(self._within, None), "lines_apart",
            "other lines of it stand elsewhere in the file, so what its lines add up to is not "
            f"known; sort the file by {self._within}",
        )  # fmt: skip


def _joined(held: FramedBlock, block: FramedBlock) -> FramedBlock:
    """A block with the records before it that were kept back."""
    shift = len(held.source)

    def both(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([first, second])

    return replace(
        block,
        data=b"",
        lines=both(held.lines, block.lines),
        source=held.source + block.source,
        starts=both(held.starts, block.starts + shift),
        ends=both(held.ends, block.ends + shift),
    )


def _parted(
    block: FramedBlock, raw: pl.DataFrame, rows: int
) -> tuple[tuple[FramedBlock, pl.DataFrame], tuple[FramedBlock, pl.DataFrame] | None]:
    """The first rows of a block, with all that was counted in it, and the others."""
    if rows == raw.height:
        return (block, raw), None
    first = int(block.starts[rows])
    kept = FramedBlock(
        lines=block.lines[rows:],
        source=block.source[first : int(block.ends[-1])],
        starts=block.starts[rows:] - first,
        ends=block.ends[rows:] - first,
    )
    whole = replace(
        block, data=b"", lines=block.lines[:rows], starts=block.starts[:rows],
        ends=block.ends[:rows],
    )  # fmt: skip
    return (whole, raw.head(rows)), (kept, raw.tail(raw.height - rows))
