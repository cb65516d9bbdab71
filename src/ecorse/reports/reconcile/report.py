"""A platform's report, read by the cleaning of any file: a series of money per column.

What belongs here: the report's figures. What does not: what they should be (``search``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ecorse.clean.cast import cast, parse
from ecorse.clean.opening import open_frames
from ecorse.clean.prepare import Preparation
from ecorse.errors import ConfigError, ContractError, DataError
from ecorse.reports.reconcile.amounts import ORDERS, Holds, Series
from ecorse.reports.reconcile.daily import Days
from ecorse.reports.reconcile.declare import (
    MeasureTable,
    ReportFile,
    read_kind,
    report_kinds,
)
from ecorse.schema.contract import Contract, own_name
from ecorse.schema.recognise import has_header, recognise


@dataclass(frozen=True)
class Figure:
    """One column of a report: the parts it holds, and its money per day as ``amounts`` has it."""

    name: str
    holds: Holds
    series: Series

    @property
    def counts_orders(self) -> bool:
        """Whether it counts orders."""
        return ORDERS in self.holds.sold


@dataclass(frozen=True)
class Report:
    """A report as it was read. ``days`` is ``None`` where it has no days; then a series has one.

    ``currencies`` has those that its rows are in, as far as they say it.
    """

    kind: str
    declared: ReportFile
    file_name: str
    days: Days | None
    figures: tuple[Figure, ...]
    unread: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()

    @property
    def money(self) -> tuple[Figure, ...]:
        """Its figures of money."""
        return tuple(f for f in self.figures if not f.counts_orders)


def read_report(path: Path, source: str, kind: str | None = None) -> Report:
    """Read a report; which kind it is, is told, or the one that its header fits.

    Raises
    ------
    ConfigError
        There is no such file or kind, or no kind or several fit.
    DataError
        A row cannot be read, or a day stands twice: no row is passed over.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file.")
    kind = kind or _recognised(path, source)
    declared = read_kind(kind)
    contract = declared.contract(kind)
    try:
        frame, lines, unread = _read(path, contract)
    except ContractError as error:
        as_kind = f"(Read as a report of the kind {kind}; --as says otherwise.)"
        raise DataError(f"{error} {as_kind}") from None
    if frame.is_empty():
        raise DataError(f"{path.name}: the report has a header and no rows.")
    if declared.rows is not None:
        _refuse_unknown_rows(declared, frame, path.name)
    if declared.day is None:
        days, rows = None, _by_kind(declared, frame, path.name)
    else:
        days, rows = _by_day(declared, frame, lines, path.name)
    currencies = _currencies(declared, frame, lines, path.name)
    by_title = {m.called: m for m in declared.measures}
    figures = tuple(
        Figure(m.called, Holds(frozenset({ORDERS}), frozenset()) if m.counts else m.held(), series)
        for m in by_title.values()
        if (series := rows.get(m.called)) is not None
    )
    if not any(not figure.counts_orders for figure in figures):
        names = ", ".join(repr(m.name) for m in declared.measures)
        raise DataError(f"{path.name}: it has none of the columns {names} of a report {kind}.")
    return Report(kind, declared, path.name, days, figures, unread, currencies)


def _recognised(path: Path, source: str) -> str:
    fitting = []
    for name in sorted(report_kinds()):
        declared = read_kind(name)
        if not declared.sources or source in declared.sources:
            contract = declared.contract(name)
            try:
                with path.open("rb") as file:
                    header = open_frames(file, contract, path.name).header
            except ContractError:
                continue
            known = recognise(contract, header, path.name).columns if has_header(
                contract, header
            ) else ()  # fmt: skip
            if (many := sum(c is not None for c in known)) > 1:
                fitting.append((bool(declared.sources), many, name))
    # the platform's own kind, and of these the one that says most about the file
    best = [name for *fits, name in fitting if fits == list(max(fitting)[:2])]
    if len(best) == 1:
        return best[0]
    of_source = ", ".join(sorted(report_kinds()))
    why = f"it could be {' or '.join(best)}" if best else "its header is none that is known"
    raise ConfigError(
        f"{path.name}: which report of the platform of {source} is it? {why[0].upper()}{why[1:]}. "
        f"Say --as KIND; there are {of_source}; a kind of your own is a file "
        "include/reports/<kind>.toml (docs/how-to/reconcile.md)."
    )


def _read(path: Path, contract: Contract) -> tuple[pl.DataFrame, Sequence[int], tuple[str, ...]]:
    """Typed rows, their lines, and the names of columns that are not declared."""
    parts, lines = [], list[int]()
    with path.open("rb") as file:
        framer = open_frames(file, contract, path.name)
        header = recognise(contract, framer.header, path.name)
        preparation = Preparation(header, contract)
        for block in framer:
            if block.broken:
                raise DataError(f"{path.name}: {block.broken[0].sentence} A report must be whole.")
            raw = parse(block.data, header, *framer.parsed)
            raw, refused = preparation.tidy(block, raw, header)
            typed = cast(raw, header, contract, refused)
            if typed.reasons.height:
                row, _, _, sentence = typed.reasons.sort("_row").row(0)
                raise DataError(
                    f"{path.name}, line {block.lines[row]}: {sentence} A report must be whole: "
                    "mend the line, or say in the report's declaration how it is written "
                    "(decimal, group, formats, skip_matching for totals)."
                )
            parts.append(typed.frame)
            lines += [int(line) for line in block.lines]
    return pl.concat(parts) if parts else pl.DataFrame(), lines, header.extra


def _by_day(
    declared: ReportFile, frame: pl.DataFrame, lines: Sequence[int], file_name: str
) -> tuple[Days, Mapping[str, Series]]:
    assert declared.day is not None
    day = frame[own_name(declared.day.name)].cast(pl.Date)
    if day.null_count():
        at = lines[int(day.is_null().arg_true()[0])]
        raise DataError(
            f"{file_name}, line {at}: {declared.day.name} is empty. Is this the row of totals? "
            "skip_matching in the report's declaration leaves such lines out."
        )
    if declared.rows is None and (twice := day.filter(day.is_duplicated())).len():
        raise DataError(f"{file_name}: {twice[0]} stands on two lines; expected a row per day.")
    first, last = day.min(), day.max()
    days = Days(first, last)  # type: ignore[arg-type]
    place = (day - pl.Series([first]).new_from_index(0, len(day))).dt.total_days().to_numpy()
    rows = dict[str, Series]()
    for measure in declared.measures:
        if own_name(measure.name) not in frame.columns:
            continue
        series = np.zeros(len(days), np.int64)
        is_of_it = _rows_of(declared, measure, frame).to_numpy()
        values = _scaled(frame[own_name(measure.name)], measure.sign)
        np.add.at(series, place[is_of_it], values[is_of_it])
        rows[measure.called] = rows.get(measure.called, 0) + series
    return days, rows


def _by_kind(declared: ReportFile, frame: pl.DataFrame, file_name: str) -> Mapping[str, Series]:
    key = frame[own_name(str(declared.rows))]
    if (twice := key.filter(key.is_duplicated())).len():
        raise DataError(
            f"{file_name}: {declared.rows} {twice[0]!r} stands on two lines; expected each once."
        )
    rows = dict[str, Series]()
    for measure in declared.measures:
        found = frame.filter(_rows_of(declared, measure, frame))[own_name(measure.name)]
        series = _scaled(found, measure.sign).sum(keepdims=True)
        rows[measure.called] = rows.get(measure.called, 0) + series
    return rows


def _rows_of(declared: ReportFile, measure: MeasureTable, frame: pl.DataFrame) -> pl.Series:
    """Which rows a figure is made of."""
    if not measure.row:
        return pl.Series([True]).new_from_index(0, frame.height)
    return frame[own_name(str(declared.rows))].is_in(list(measure.row))


def _refuse_unknown_rows(declared: ReportFile, frame: pl.DataFrame, file_name: str) -> None:
    wanted = {row for measure in declared.measures for row in measure.row}
    found = set(frame[own_name(str(declared.rows))].fill_null(""))
    if unknown := sorted(found - wanted):
        raise DataError(
            f"{file_name}: {declared.rows} {', '.join(map(repr, unknown))} is not declared, so it "
            "is not known which money it is. Add it to the report's measures, or leave its lines "
            "out with skip_matching."
        )


def _currencies(
    declared: ReportFile, frame: pl.DataFrame, lines: Sequence[int], file_name: str
) -> tuple[str, ...]:
    if declared.currency is None:
        return ()
    said = frame[own_name(declared.currency)]
    if said.null_count():
        at = lines[int(said.is_null().arg_true()[0])]
        raise DataError(
            f"{file_name}, line {at}: {declared.currency} is empty; expected the currency of each "
            "row's money."
        )
    return tuple(said.str.to_uppercase().unique().sort())


def _scaled(values: pl.Series, sign: str) -> Series:
    whole = values.to_physical().cast(pl.Int64).fill_null(0).to_numpy()
    return -whole if sign == "-" else whole
