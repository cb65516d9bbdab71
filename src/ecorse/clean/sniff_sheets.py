"""Finding the table in a workbook: its sheets, and where their header stands.

What belongs here: workbooks. What does not: text (``sniff``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecorse.clean.dialect import Record
from ecorse.clean.finding import Sniffed, laid_out, of_layout, sheet_finding
from ecorse.clean.formats import sheet_rows
from ecorse.clean.layout import Layout, find_layout
from ecorse.errors import ContractError
from ecorse.schema.shape import PLAIN


def sniff_workbook(path: Path) -> Sniffed:
    """Find the sheets that hold one table, and where its header stands.

    Raises
    ------
    ContractError
        The workbook is damaged, or none of its sheets holds a table.
    """
    found: list[tuple[str, list[Record], Layout]] = []
    others: list[str] = []
    for sheet, rows in sheet_rows(path):
        records = [Record(i + 1, ",".join(row), tuple(row), True) for i, row in enumerate(rows)]
        width = len(rows[0]) if rows else 0
        layout = find_layout(records, width) if width > 1 else None
        if layout is None or not layout.header or layout.header.stop >= len(records):
            others += [sheet] if rows else []
        elif found and _names(records, layout) != _names(*found[0][1:]):
            others.append(sheet)
        else:
            found.append((sheet, records, layout))
    if not found:
        raise ContractError(
            f"{path.name}: no sheet of the workbook holds a header with rows below it."
        )
    chosen = [sheet for sheet, _, _ in found]
    _, records, layout = found[0]
    shape = laid_out(PLAIN, records, layout)
    if others:
        shape = replace(shape, sheet=tuple(chosen))
    findings = (sheet_finding(chosen, others), *of_layout(records, layout, shape))
    return Sniffed(shape, findings, layout.width, "xlsx")


def _names(records: list[Record], layout: Layout) -> tuple[str, ...]:
    return records[layout.header.start].fields
