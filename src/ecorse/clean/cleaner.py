"""One file from bytes to canonical rows: frame, parse, cast, canonicalise, block by block.

What belongs here: the order of the cleaning steps. What does not: the steps, the database; what
may repeat a row of an earlier block is decided where the rows are (``load``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.account import REPEATED, Account
from ecorse.clean.aside import Aside
from ecorse.clean.blocks import FramedBlock
from ecorse.clean.cast import Cast, cast, parse
from ecorse.clean.duplicates import SeenRows, Verdict
from ecorse.clean.keeping import Keeping, without_rows
from ecorse.clean.notes import notes
from ecorse.clean.opening import open_frames, recognise_header
from ecorse.clean.orders import Whole, WholeOrders
from ecorse.clean.parting import CleanBlock, parted, placed
from ecorse.clean.prepare import Preparation
from ecorse.clean.quoted import find_quoted
from ecorse.clean.rates import RATES_SCHEMA, Rates
from ecorse.clean.refusing import refuse_missing_keys, refuse_other_encodings, refuse_retyped
from ecorse.clean.rejects import flags_of, key_reasons, missing_column, rejects_of
from ecorse.clean.rules import RowRules
from ecorse.clean.second_table import refuse_names
from ecorse.clean.stream import Readable
from ecorse.clean.tally import Tally
from ecorse.clean.totals import rows_of_sums
from ecorse.schema.dtypes import is_exact
from ecorse.schema.source import Canonical, Forbidding, Keyed, LookingUp, Remembering, Shop, Source
from ecorse.schema.staging import CONSENTS, STAGING_TABLES


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
        table = STAGING_TABLES[contract.table]
        self._keeping = Keeping(contract, self.header, table, shop, self._rates)
        self._tally = Tally(self.account, contract, self.header, table)
        self._aside = Aside(source, self.header, shop, self.account)
        self._flags_repeats = contract.repeats == "flag" and not contract.line_key
        self._has_flags = self._flags_repeats or any(r.level == "flag" for r in contract.rules)
        self._seen, self._has_key = None, bool(contract.line_key)
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
        self._aside.finish()
        self._tally.finish()
        refuse_missing_keys(self._file_name, self.account)
        refuse_other_encodings(self._file_name, self._framer.utf8, self.account, self._limit_share)

    def originals(self) -> Iterator[NDArray[np.int64]]:
        """Lines that candidates may repeat, in parts, after the file was read."""
        return self._seen.originals() if self._seen else iter(())

    @property
    def warnings(self) -> list[str]:
        """Sentences for a person, after the file was read."""
        return notes(self.account, self.header, self._source, self._shop.currency)

    def _parsed(self, block: FramedBlock) -> pl.DataFrame:
        raw = parse(block.data, self._file_header, *self._framer.parsed)
        if raw.height != len(block.lines):
            raise AssertionError(
                f"{self._file_name}: framing found {len(block.lines)} records and the parser "
                f"{raw.height} near line {block.lines[0]}"
            )
        find_quoted(raw, self._file_header, block, self._framer.shape, self.account.quoted)
        return raw

    def _clean(self, whole: Whole) -> CleanBlock:
        block = whole.block
        self._aside.add_unread("rejected", len(block.broken))
        if self.header.missing:
            return self._set_all_aside(block)
        raw, typed = self._cast(whole)
        found = self._source.canonicalise(typed.frame, self.header, self._shop)
        found = self._keeping.keep(typed.frame, found)
        reasons = [typed.reasons, *([] if found.reasons is None else [found.reasons])]
        lines, verdict = placed(block, found.frame), None
        if self._seen is not None:
            verdict = self._seen.judge(lines)
            if verdict.contradicts.is_not_null().any():
                reasons.append(key_reasons(lines, verdict.contradicts, found.frame["_row"]))
                found, lines, verdict = _uncontradicted(found, lines, verdict)
        found = self._keeping.with_lines_beside(found)
        rows = found.frame["_row"]
        if self._has_flags:
            lines = lines.with_columns(self._flags(typed.flags, rows, verdict))
        refused = pl.concat(reasons)
        rejected = rejects_of(block, refused)
        self._check_complete(block, raw, lines, rejected, typed)
        self._count(block, raw, lines, rejected, typed, found)
        if refused.height:
            self._aside.add("rejected", typed.of_orders, raw, refused["_row"].unique())
        if self._flags_repeats:
            verdict = _nothing_repeated(verdict)
        elif verdict is not None:
            self._tally.count_differing(lines, verdict, rows, found.companions)
        made = parted(
            block, lines, rows, found.companions, rejected, verdict,
            is_keyed=bool(self._source.contract.line_key),
        )  # fmt: skip
        self._add_forbidden(made, block, typed, refused["_row"].unique())
        self._tally.count_made(made, lines, found.companions)
        if typed.left_rows.height and isinstance(self._source, Keyed) and self._has_key:
            keys = self._source.keys_of(typed.left_rows, self.header, self._shop)
            made.left_out = keys.drop_nulls().unique(maintain_order=True)
        return made

    def _add_forbidden(
        self, made: CleanBlock, block: FramedBlock, typed: Cast, refused: pl.Series
    ) -> None:
        """What refused rows forbid stands though they do not: nobody is written to for a typo."""
        if not len(refused) or not isinstance(self._source, Forbidding):
            return
        every = pl.concat([typed.frame, typed.refused_rows])
        rows = every.filter(pl.col("_row").is_in(refused.implode())).sort("_row")
        said = self._source.forbidden(rows, self.header, self._shop)
        if said is not None:
            others = [made.companions[CONSENTS.name]] if CONSENTS.name in made.companions else []
            made.companions[CONSENTS.name] = pl.concat([*others, placed(block, said)])

    def _cast(self, whole: Whole) -> tuple[pl.DataFrame, Cast]:
        """The block's text, completed, and its typed rows."""
        contract, header = self._source.contract, self.header
        block, raw = whole.block, whole.raw
        sums = rows_of_sums(raw, self._file_header)
        raw, unfilled = self._preparation.tidy(block, raw, self._file_header)
        if isinstance(self._source, LookingUp):
            raw = self._source.enrich(raw, header, self.account.sought)
        raw = self._preparation.complete(raw, self._file_header)
        refused = [*sums, *whole.refused]
        typed = cast(raw, header, contract, refused, self._row_rules, block.lines, unfilled)
        refuse_names(self._file_name, self._framer.header, header, raw, typed.reasons, block.lines)
        if contract.drift == "freeze":
            refuse_retyped(self._file_name, contract.name, block, typed.reasons)
        return raw, typed

    def _flags(self, flags: pl.DataFrame, rows: pl.Series, verdict: Verdict | None) -> pl.Series:
        """Column ``flags`` of the rows that are kept; counts them."""
        kept = flags.filter(pl.col("_row").is_in(rows.implode()))
        if self._flags_repeats and verdict is not None:
            repeated = rows.filter(verdict.repeated).alias("_row").to_frame()
            kept = pl.concat([kept, repeated.with_columns(rule=pl.lit(REPEATED))])
        self.account.flagged.update(kept["rule"].to_list())
        return flags_of(kept, rows)

    def _check_complete(
        self, block: FramedBlock, raw: pl.DataFrame, lines: pl.DataFrame, rejected: pl.DataFrame,
        typed: Cast,
    ) -> None:  # fmt: skip
        left_out, broken = typed.left_out.height, len(block.broken)
        if lines.height + rejected.height + left_out - broken != raw.height:
            raise AssertionError(
                f"{self._file_name}: source {self._source.name} made {lines.height} rows, left "
                f"{left_out} out and refused {rejected.height - broken} of {raw.height} records"
            )

    def _count(
        self, block: FramedBlock, raw: pl.DataFrame, lines: pl.DataFrame, rejected: pl.DataFrame,
        typed: Cast, found: Canonical,
    ) -> None:  # fmt: skip
        self._tally.count(block, lines, rejected)
        self._tally.count_left_out(typed.left_out)
        self._tally.count_warned(block, typed.warned)
        self._tally.count_found(found)
        self.account.repaired += typed.repaired
        self._tally.profile(raw, lines)
        if typed.left_out.height:
            self._aside.add("left_out", typed.of_orders, raw, typed.left_out["_row"])

    def _set_all_aside(self, block: FramedBlock) -> CleanBlock:
        """Reject every row of a file that lacks a required column; a replay brings them back."""
        rejected = rejects_of(block, missing_column(block, self.header.missing))
        self._tally.count(block, pl.DataFrame(), rejected)
        self._aside.add_unread("rejected", len(block.lines))
        return CleanBlock(pl.DataFrame(), pl.DataFrame(), rejected)


def _ahead(blocks: Iterable[FramedBlock]) -> Iterator[FramedBlock]:
    """Frame the next block in a thread while one is cleaned; one block ahead, never more."""
    iterator = iter(blocks)
    with ThreadPoolExecutor(1, "framing") as pool:
        upcoming = pool.submit(next, iterator, None)
        while (block := upcoming.result()) is not None:
            upcoming = pool.submit(next, iterator, None)
            yield block


def _uncontradicted(
    found: Canonical, lines: pl.DataFrame, verdict: Verdict
) -> tuple[Canonical, pl.DataFrame, Verdict]:
    """Without the rows whose key came before with other content."""
    is_kept = verdict.contradicts.is_null()
    found = without_rows(found, found.frame["_row"].filter(~is_kept))
    return found, lines.filter(is_kept), Verdict(*(part.filter(is_kept) for part in verdict))


def _nothing_repeated(verdict: Verdict | None) -> Verdict | None:
    """A verdict that keeps repeated rows; what may repeat one is still undecided."""
    if verdict is None:
        return None
    return verdict._replace(repeated=pl.Series([False]).new_from_index(0, len(verdict.repeated)))
