"""Counting a file's rows and money, block by block, into its account.

What belongs here: what each block adds to the account. What does not: deciding about rows
(``cleaner``), what rows are worth (``account``), rows that count nowhere (``aside``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import polars as pl

from ecorse.clean.account import (
    LINES_ADDED,
    NOTHING,
    Account,
    Differing,
    differing_columns,
    money_of,
)
from ecorse.clean.blocks import FramedBlock
from ecorse.clean.cast import text_column
from ecorse.clean.duplicates import Verdict
from ecorse.clean.parting import CleanBlock
from ecorse.clean.without_sale import WithoutSale
from ecorse.schema.contract import Contract, Header
from ecorse.schema.source import Canonical
from ecorse.schema.table import StagingTable

# constants of the shop, and what only restates another column
NOT_PROFILED = (
    "source_line", "shop_id", "currency", "country", "customer_key_kind", "is_simulated", "extra",
    "ordered_at", "street", "flags", "attributes", "line_kind",
)  # fmt: skip
EXAMPLES = 3


class Tally:
    """Counts one file's blocks."""

    def __init__(
        self, account: Account, contract: Contract, header: Header, table: StagingTable
    ) -> None:
        self._account, self._contract, self._header = account, contract, header
        self._table = table
        self._without_sale = WithoutSale() if contract.rows_take_back else None

    def count(self, block: FramedBlock, lines: pl.DataFrame, rejected: pl.DataFrame) -> None:
        """Count a block's rows by what became of them, and the span of their times."""
        account = self._account
        ignored = Counter(
            blank_row=block.blank,
            repeated_header=block.repeated_header,
            skipped_line=block.skipped,
            behind_end=block.behind_end,
        )
        account.ignored += ignored
        account.rejected.update(dict(rejected["rule"].value_counts().iter_rows()))
        account.rows_read += ignored.total() + lines.height + rejected.height
        if lines.height:
            account.is_simulated |= bool(lines["is_simulated"].any())
        if self._table.time and lines.height:
            times = lines[self._table.time]
            first, last = times.dt.min(), times.dt.max()
            assert isinstance(first, datetime)
            assert isinstance(last, datetime)
            account.first_at = min(first, account.first_at or first)
            account.last_at = max(last, account.last_at or last)

    def count_left_out(self, left: pl.DataFrame) -> None:
        """Count the rows that are none."""
        if left.height:
            self._account.ignored.update(left["id"].to_list())
            self._account.rows_read += left.height

    def count_warned(self, block: FramedBlock, warned: pl.DataFrame) -> None:
        """Count the rows that break a rule of level warn; the first few are examples."""
        if not warned.height:
            return
        self._account.broken.update(warned["rule"].to_list())
        said = {rule.id: rule.sentence for rule in self._contract.rules}
        for row, rule, sentence in warned.drop_nulls().iter_rows():
            examples = self._account.broken_examples.setdefault(rule, [])
            if len(examples) < EXAMPLES:
                values = sentence.removesuffix(f": {said[rule]}.")
                examples.append(f"line {block.lines[row]}: {values}")

    def count_found(self, found: Canonical) -> None:
        """Count what the source has found on the way."""
        account = self._account
        account.warned += found.warnings
        account.held.update(found.held)
        for name, difference in found.derived.items():
            if name in account.derived:
                account.derived[name].add(difference)
            else:
                account.derived[name] = difference

    def count_differing(
        self,
        lines: pl.DataFrame,
        verdict: Verdict,
        rows: pl.Series,
        companions: Mapping[str, pl.DataFrame],
    ) -> None:
        """Remember the repeated rows that say otherwise in undeclared columns."""
        differs = verdict.otherwise.is_not_null()
        if not differs.any():
            return
        dropped, of_these = (
            lines.filter(differs),
            pl.col("_row").is_in(rows.filter(differs).implode()),
        )
        money = self._money(dropped, {n: frame.filter(of_these) for n, frame in companions.items()})
        columns = differing_columns(dropped["extra"], verdict.otherwise.filter(differs))
        self._account.differing.add(Differing(dropped.height, money, columns))

    def count_made(
        self, made: CleanBlock, lines: pl.DataFrame, companions: Mapping[str, pl.DataFrame]
    ) -> None:
        """Count a block's new rows by table, and the money of its order lines.

        ``lines`` and ``companions`` are all of the block, repeated or not.
        """
        account, table = self._account, self._table.name
        if self._without_sale is not None and lines.height:
            self._without_sale.add(lines)
        account.lines[table] += made.lines.height
        for name, rows in made.companions.items():
            account.lines[LINES_ADDED if name == table else name] += rows.height
        money = self._money(made.lines, made.companions)
        account.money += money
        is_all = made.lines.height == lines.height
        account.money_cleaned += money if is_all else self._money(lines, companions)

    def finish(self) -> None:
        """Count what is known when the file was read."""
        if self._without_sale is not None:
            self._account.without_sale = self._without_sale.found()

    def _money(self, lines: pl.DataFrame, companions: Mapping[str, pl.DataFrame]) -> Decimal:
        """What rows and their companions are worth."""
        added = companions.get("order_lines")
        money = money_of(lines) if self._table.name == "order_lines" else NOTHING
        return money if added is None else money + money_of(added)

    def profile(self, raw: pl.DataFrame, lines: pl.DataFrame) -> None:
        """Take a block into the profiles of columns."""
        texts: dict[str, pl.Series] = {}
        numbers: dict[str, pl.Series] = {}
        for i, (column, name) in enumerate(
            zip(self._header.columns, self._header.names, strict=True)
        ):
            key = column.target or column.name if column else name
            texts[key] = raw[text_column(i)]
            if column and column.type in ("integer", "decimal"):
                numbers[key] = texts[key].cast(pl.Float64, strict=False)
        clean = lines.drop(c for c in NOT_PROFILED if c in lines.columns)
        self._account.profiles.add(pl.DataFrame(texts), clean, numbers)
