"""One file from bytes to canonical rows: frame, parse, cast, canonicalise, block by block.

What belongs here: the order of the cleaning steps and the account of rows. What does not: the
database; what may repeat a row of an earlier block is decided where the rows are (``load``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.account import (
    KEY_TWICE,
    LINES_ADDED,
    REPEATED,
    Account,
    Differing,
    differing_columns,
    money_of,
    money_of_text,
)
from ecorse.clean.blocks import FramedBlock
from ecorse.clean.cast import cast, parse, text_column
from ecorse.clean.duplicates import SeenRows, Verdict
from ecorse.clean.foreign import foreign_rows
from ecorse.clean.holds import unholdable, without_key
from ecorse.clean.notes import notes
from ecorse.clean.opening import open_frames, recognise_header
from ecorse.clean.orders import Whole, WholeOrders
from ecorse.clean.prepare import Preparation
from ecorse.clean.rates import RATES_SCHEMA, Rates
from ecorse.clean.rejects import flags_of, key_reasons, rejects_of
from ecorse.clean.rules import RowRules
from ecorse.clean.second_table import refuse_names
from ecorse.clean.stream import Readable
from ecorse.clean.totals import rows_of_sums
from ecorse.errors import ContractError
from ecorse.schema.dtypes import is_exact
from ecorse.schema.source import LookingUp, Remembering
from ecorse.schema.staging import STAGING_TABLES

if TYPE_CHECKING:
    from ecorse.schema.source import Canonical, Shop, Source

# constants of the shop, and what only restates another column
NOT_PROFILED = (
    "source_line", "shop_id", "currency", "country", "customer_key_kind", "is_simulated", "extra",
    "ordered_at", "street", "flags", "attributes", "line_kind",
)  # fmt: skip
FEW_INVALID = 20
FOREIGN = ("foreign_currency", "fx_rate_missing", "currency_unknown", "two_currencies")
EXAMPLES = 3


@dataclass
class CleanBlock:
    """Rows of one block: new lines, lines that may repeat an earlier one, and rejects.

    ``lines`` and ``candidates`` have columns of the source's table without ``load_id``;
    ``rejected`` those of ``ops.reject`` without its ids. ``companions`` and
    ``companion_candidates`` have, by table, the rows of other tables that belong to them.
    ``repeated`` counts the rows that repeat an earlier one of the block and are in none of these.
    ``raw`` has the text of the candidates (``source_line, raw``) where one may yet be rejected.
    """

    lines: pl.DataFrame
    candidates: pl.DataFrame
    rejected: pl.DataFrame
    companions: dict[str, pl.DataFrame] = field(default_factory=dict)
    companion_candidates: dict[str, pl.DataFrame] = field(default_factory=dict)
    repeated: int = 0
    raw: pl.DataFrame = field(default_factory=pl.DataFrame)


class Cleaner:
    """Cleans one file; iterate for its blocks, then read ``account`` and ``warnings``.

    Raises
    ------
    ContractError
        The file as a whole does not have the shape its contract declares.
    """

    def __init__(
        self,
        file: Readable,
        size_bytes: int,
        *,
        source: Source,
        shop: Shop,
        file_name: str,
        max_record_bytes: int,
        reject_limit_share: float,
        rates: Rates | None = None,
    ) -> None:
        if isinstance(source, Remembering):
            source = source.afresh()
        contract = source.contract
        self.account = Account()
        self._source, self._shop, self._file_name = source, shop, file_name
        self._limit_share = reject_limit_share
        self._rates = None
        if contract.foreign_currency == "convert":
            self._rates = rates or Rates.of(pl.DataFrame(schema=RATES_SCHEMA), shop.currency)
        self._framer = open_frames(file, contract, file_name, max_record_bytes)
        self._file_header = recognise_header(self._framer, contract, file_name)
        whole = self._file_header
        if isinstance(source, LookingUp):
            whole = source.extend(whole)
        self._orders = WholeOrders(self._file_header, contract, file_name)
        self._preparation = Preparation(whole, contract)
        self.header = self._preparation.header
        self.account.has_undeclared = bool(self.header.extra)
        facts = {"currency": shop.currency, "time_zone": shop.time_zone}
        self._row_rules = RowRules(contract, self.header, facts)
        table = self._table = STAGING_TABLES[contract.table]
        self._time = table.time
        self._flags_repeats = contract.repeats == "flag" and not contract.line_key
        self._has_flags = self._flags_repeats or any(r.level == "flag" for r in contract.rules)
        self._seen = None
        if contract.line_key or contract.repeats != "keep":
            inexact = [column.name for column in table.columns if not is_exact(column)]
            key = ("shop_id", "line_id") if contract.line_key else contract.dedup_key
            self._seen = SeenRows(size_bytes, key, inexact, is_keyed=bool(contract.line_key))

    def __iter__(self) -> Iterator[CleanBlock]:
        """Give the file's rows, block by block, in file order."""
        for block in _ahead(self._framer):
            yield self._clean(self._orders.take(block, self._parsed(block)))
        if (rest := self._orders.rest()) is not None:
            yield self._clean(rest)
        for rule, (rows, examples) in self._row_rules.counted().items():
            self.account.broken[rule] += rows
            self.account.broken_examples[rule] = examples
        self._refuse_missing_keys()
        self._refuse_other_encodings()

    def _refuse_other_encodings(self) -> None:
        """Refuse a file that is no UTF-8, where its bytes or the number of such rows prove it."""
        utf8, account = self._framer.utf8, self.account
        invalid = account.rejected["invalid_utf8"]
        few = max(FEW_INVALID, self._limit_share * account.rows_read)
        # not one line beyond ASCII is UTF-8: then none is broken, unless it is a single byte
        is_other = utf8.invalid_bytes > 1 and not utf8.is_proven
        if is_other or invalid > few:
            raise ContractError(
                f"{self._file_name}: {utf8.invalid_lines} of its lines are not valid UTF-8, the "
                f"first at byte offset {utf8.first_invalid_at}"
                f"{', and none beyond ASCII is' if is_other else ''}. Nothing was loaded. Declare "
                "the file's encoding in the source's contract: encoding = 'cp1252' (Windows, "
                "western Europe), 'latin-1', or another."
            )

    def originals(self) -> Iterator[NDArray[np.int64]]:
        """Lines that candidates may repeat, in parts, after the file was read."""
        return self._seen.originals() if self._seen else iter(())

    @property
    def warnings(self) -> list[str]:
        """Sentences for a person, after the file was read."""
        return notes(self.account, self.header, self._source, self._shop.currency)

    def _refuse_missing_keys(self) -> None:
        """Refuse a file most of whose keys another file lacks: it is not the right one."""
        for sought in self.account.sought.values():
            if sought.is_too_much:
                raise ContractError(
                    f"{self._file_name}: {sought.sentence()}; that is more than most_missing = "
                    f"{sought.most:g}. Nothing was loaded. Put the {sought.file} that belongs to "
                    "this file beside it, correct `on`, or declare most_missing for this lookup "
                    "(1: however many)."
                )

    def _parsed(self, block: FramedBlock) -> pl.DataFrame:
        raw = parse(block.data, self._file_header, *self._framer.parsed)
        if raw.height != len(block.lines):
            raise AssertionError(
                f"{self._file_name}: framing found {len(block.lines)} records and the parser "
                f"{raw.height} near line {block.lines[0]}"
            )
        return raw

    def _clean(self, whole: Whole) -> CleanBlock:
        contract, account = self._source.contract, self.account
        block, raw = whole.block, whole.raw
        if self.header.missing:
            return self._set_all_aside(block)
        sums = rows_of_sums(raw, self._file_header)
        raw, refused = self._preparation.tidy(raw, self._file_header)
        if isinstance(self._source, LookingUp):
            raw = self._source.enrich(raw, self.header, account.sought)
        raw = self._preparation.complete(raw, self._file_header)
        refused = [*sums, *refused, *whole.refused]
        typed = cast(raw, self.header, contract, refused, self._row_rules, block.lines)
        refuse_names(
            self._file_name, self._framer.header, self.header, raw, typed.reasons, block.lines
        )
        if contract.drift == "freeze":
            self._refuse_retyped(block, typed.reasons)
        found = self._source.canonicalise(typed.frame, self.header, self._shop)
        found = self._holdable(typed.frame, found)
        reasons = (
            typed.reasons if found.reasons is None else pl.concat([typed.reasons, found.reasons])
        )
        account.ignored.update(typed.left_out)
        rows = found.frame["_row"]
        lines = self._placed(block, found.frame)
        verdict = self._seen.judge(lines) if self._seen else None
        if self._has_flags:
            kept = typed.flags
            if found.reasons is not None:
                kept = kept.filter(pl.col("_row").is_in(rows.implode()))
            if self._flags_repeats and verdict is not None:
                repeated = rows.filter(verdict.repeated).alias("_row").to_frame()
                kept = pl.concat([kept, repeated.with_columns(rule=pl.lit(REPEATED))])
            account.flagged.update(kept["rule"].to_list())
            lines = lines.with_columns(flags_of(kept, rows))
        rejected = rejects_of(block, reasons)
        left_out = typed.left_out.total()
        if lines.height + rejected.height + left_out - len(block.broken) != raw.height:
            raise AssertionError(
                f"{self._file_name}: source {self._source.name} made {lines.height} rows, left "
                f"{left_out} out and refused {rejected.height - len(block.broken)} of "
                f"{raw.height} records"
            )
        self._count(block, lines, rejected)
        self._count_rejected_money(raw, reasons)
        account.rows_read += left_out
        account.repaired += typed.repaired
        self._take_warnings(block, typed.warned)
        account.warned += found.warnings
        account.held.update(found.held)
        for name, difference in found.derived.items():
            if name in account.derived:
                account.derived[name].add(difference)
            else:
                account.derived[name] = difference
        self._profile(raw, lines)
        if verdict is None or self._flags_repeats:
            verdict = _nothing_repeated(lines, verdict)
        before = account.money
        made = self._tally(
            self._sorted_out(block, lines, rejected, rows, found.companions, verdict)
        )
        is_all = made.lines.height == lines.height
        account.money_cleaned += (
            account.money - before if is_all else self._money(lines, found.companions)
        )
        return made

    def _take_warnings(self, block: FramedBlock, warned: pl.DataFrame) -> None:
        """Count the rows that break a rule of level warn; the first few are examples."""
        self.account.broken.update(warned["rule"].to_list())
        said = {rule.id: rule.sentence for rule in self._source.contract.rules}
        for row, rule, sentence in warned.drop_nulls().iter_rows():
            examples = self.account.broken_examples.setdefault(rule, [])
            if len(examples) < EXAMPLES:
                values = sentence.removesuffix(f": {said[rule]}.")
                examples.append(f"line {block.lines[row]}: {values}")

    def _holdable(self, typed: pl.DataFrame, found: Canonical) -> Canonical:
        """Without the rows that the table could not hold, or whose money is not the shop's."""
        names = {c.target: c.name for c in self.header.columns if c is not None and c.target}
        refused: list[pl.DataFrame] = []
        if self._rates is not None:
            found, refused = _in_the_shops_money(found, self._rates, self._source.contract.table)
        rated = found.frame
        if refused:
            without_rate = [row for part in refused for row in part["_row"]]
            rated = rated.filter(~pl.col("_row").is_in(without_rate))
        refused += foreign_rows(typed, rated, self._shop)
        refused += unholdable(found.frame, self._table, names)
        refused += without_key(found.frame, self._source.contract.line_key)
        found = _without(found, refused)
        if found.beside is None:
            return found
        made, contradicting = found.beside(found.frame["_row"])
        if self._rates is not None:
            made, _ = self._rates.convert(made)
        companions = {**found.companions, self._table.name: made}
        return _without(replace(found, companions=companions), contradicting)

    def _sorted_out(
        self,
        block: FramedBlock,
        lines: pl.DataFrame,
        rejected: pl.DataFrame,
        rows: pl.Series,
        companions: Mapping[str, pl.DataFrame],
        verdict: Verdict,
    ) -> CleanBlock:
        """Part new lines from candidates and repeated ones, with their companions.

        ``rows`` has the lines' places in the block.
        """
        candidate = verdict.candidate
        refused = verdict.contradicts.is_not_null()
        known = verdict.repeated | candidate | refused
        if not known.any():
            placed = {name: self._placed(block, found) for name, found in companions.items()}
            return CleanBlock(lines, lines.clear(), rejected, placed)
        if refused.any():
            reasons = key_reasons(lines, verdict.contradicts, rows)
            rejected = pl.concat([rejected, rejects_of(replace(block, broken=[]), reasons)])
            self.account.rejected[KEY_TWICE] += reasons.height
            self.account.money_contradicting += self._money_with(
                lines.filter(refused), companions, rows.filter(refused)
            )
        self._note_differing(lines, verdict, rows, companions)
        certain, undecided = (
            {
                name: self._placed(block, found.filter(pl.col("_row").is_in(of.implode())))
                for name, found in companions.items()
            }
            for of in (rows.filter(~known), rows.filter(candidate))
        )
        maybe = lines.filter(candidate)
        raw = pl.DataFrame()
        if self._source.contract.line_key and maybe.height:
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

    def _note_differing(
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
        found, dropped = self.account.differing, lines.filter(differs)
        money = self._money_with(dropped, companions, rows.filter(differs))
        columns = differing_columns(dropped["extra"], verdict.otherwise.filter(differs))
        found.add(Differing(dropped.height, money, columns))

    def _money(self, lines: pl.DataFrame, companions: Mapping[str, pl.DataFrame]) -> Decimal:
        """What rows and their companions are worth."""
        added = companions.get("order_lines")
        money = money_of(lines) if self._source.contract.table == "order_lines" else Decimal(0)
        return money if added is None else money + money_of(added)

    def _money_with(
        self, lines: pl.DataFrame, companions: Mapping[str, pl.DataFrame], rows: pl.Series
    ) -> Decimal:
        """The same of some of a block's rows, with the companions of these."""
        of_these = pl.col("_row").is_in(rows.implode())
        return self._money(lines, {n: frame.filter(of_these) for n, frame in companions.items()})

    def _count_rejected_money(self, raw: pl.DataFrame, reasons: pl.DataFrame) -> None:
        contract, account = self._source.contract, self.account
        if contract.table != "order_lines" or reasons.is_empty():
            return
        refused = reasons["_row"].unique()
        foreign = reasons.filter(pl.col("rule").is_in(FOREIGN))["_row"].unique()
        of_the_shop = refused.filter(~refused.is_in(foreign.implode()))
        money, unread = money_of_text(raw[of_the_shop], self.header, contract)
        account.money_rejected += money
        account.rejected_unread += unread + len(foreign)

    def _set_all_aside(self, block: FramedBlock) -> CleanBlock:
        """Reject every row of a file that lacks a required column; a replay brings them back."""
        names = ", ".join(map(repr, self.header.missing))
        sentence = f"column {names} is missing from the header, so the row cannot be read."
        rows = pl.int_range(len(block.lines), dtype=pl.UInt32, eager=True).alias("_row")
        reasons = rows.to_frame().with_columns(
            rule=pl.lit("missing_column"),
            column=pl.lit(self.header.missing[0]),
            sentence=pl.lit(sentence),
        )
        rejected = rejects_of(block, reasons)
        self._count(block, pl.DataFrame(), rejected)
        return CleanBlock(pl.DataFrame(), pl.DataFrame(), rejected)

    def _refuse_retyped(self, block: FramedBlock, reasons: pl.DataFrame) -> None:
        """Under ``freeze`` a value that is not of its column's type refuses the whole file."""
        invalid = reasons.filter(pl.col("rule").str.ends_with("_invalid"))
        if invalid.is_empty():
            return
        row, _, _, sentence = invalid.sort("_row").row(0)
        raise ContractError(
            f"{self._file_name}, line {block.lines[row]}: {sentence} The contract of "
            f"{self._source.contract.name} is frozen, so nothing was loaded. Mend the file, or set "
            "drift to 'evolve' to reject such rows alone."
        )

    def _placed(self, block: FramedBlock, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows with the number of the line they stood on, instead of their place in the block."""
        source_line = pl.Series("source_line", block.lines).gather(frame["_row"])
        return frame.select(source_line, pl.exclude("_row"))

    def _tally(self, block: CleanBlock) -> CleanBlock:
        """Count a block's new rows by table, and sum the money of its order lines."""
        table = self._source.contract.table
        self.account.lines[table] += block.lines.height
        for name, rows in block.companions.items():
            self.account.lines[LINES_ADDED if name == table else name] += rows.height
        self.account.money += self._money(block.lines, block.companions)
        return block

    def _count(self, block: FramedBlock, lines: pl.DataFrame, rejected: pl.DataFrame) -> None:
        account = self.account
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
        if self._time and lines.height:
            times = lines[self._time]
            first, last = times.dt.min(), times.dt.max()
            assert isinstance(first, datetime)
            assert isinstance(last, datetime)
            account.first_at = min(first, account.first_at or first)
            account.last_at = max(last, account.last_at or last)

    def _profile(self, raw: pl.DataFrame, lines: pl.DataFrame) -> None:
        if self.account.raw.is_full:
            return
        texts: dict[str, pl.Series] = {}
        numbers: dict[str, pl.Series] = {}
        for i, (column, name) in enumerate(
            zip(self.header.columns, self.header.names, strict=True)
        ):
            key = column.target or column.name if column else name
            texts[key] = raw[text_column(i)]
            if column and column.type in ("integer", "decimal"):
                numbers[key] = texts[key].cast(pl.Float64, strict=False)
        self.account.raw.add(pl.DataFrame(texts), numbers)
        self.account.clean.add(lines.drop(c for c in NOT_PROFILED if c in lines.columns))


def _ahead(blocks: Iterable[FramedBlock]) -> Iterator[FramedBlock]:
    """Frame the next block in a thread while one is cleaned; one block ahead, never more."""
    iterator = iter(blocks)
    with ThreadPoolExecutor(1, "framing") as pool:
        upcoming = pool.submit(next, iterator, None)
        while (block := upcoming.result()) is not None:
            upcoming = pool.submit(next, iterator, None)
            yield block


def _in_the_shops_money(
    found: Canonical, rates: Rates, table: str
) -> tuple[Canonical, list[pl.DataFrame]]:
    """Convert rows and the lines added to them; gives also why rows are left out, if they are."""
    if table != "order_lines":
        return found, []
    frame, reasons = rates.convert(found.frame)
    companions = dict(found.companions)
    if table in companions:
        companions[table], _ = rates.convert(companions[table])
    return replace(found, frame=frame, companions=companions), reasons


def _without(found: Canonical, refused: list[pl.DataFrame]) -> Canonical:
    """Without the rows that are refused, and what belongs to them."""
    if not refused:
        return found
    reasons = pl.concat([*refused, *([found.reasons] if found.reasons is not None else [])])
    is_kept = ~pl.col("_row").is_in(reasons["_row"].implode())
    return replace(
        found,
        frame=found.frame.filter(is_kept),
        companions={name: frame.filter(is_kept) for name, frame in found.companions.items()},
        reasons=reasons,
    )


def _nothing_repeated(lines: pl.DataFrame, verdict: Verdict | None) -> Verdict:
    """A verdict that keeps repeated rows; what may repeat one is still undecided."""
    no = pl.Series([False], dtype=pl.Boolean).new_from_index(0, lines.height)
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, lines.height)
    candidate = no if verdict is None else verdict.candidate
    return Verdict(no, candidate, nothing, nothing.cast(pl.Int64))
