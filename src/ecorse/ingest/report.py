"""The raw-versus-clean report of a load, as rows of ``ops.load_report`` and as Markdown.

What belongs here: which figures the report has, and its two forms. What does not: gathering them
(``clean.cleaner``, ``clean.profile``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import psycopg

from ecorse.clean.account import Account
from ecorse.errors import TerminalError
from ecorse.ingest.ledger import LoadRow
from ecorse.warehouse.connect import connect


class Figure(NamedTuple):
    """One row of ``ops.load_report`` without its load."""

    section: str
    item: str
    metric: str
    raw_value: str | None
    clean_value: str | None


KEPT = ("flagged", "warned")  # kinds of counts whose rows are staged


def write_report(conn: psycopg.Connection, load: LoadRow, account: Account) -> None:
    """Write the report of a load, in the caller's transaction."""
    with conn.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.load_report (load_id, section, item, metric, raw_value, clean_value)
            values (%s, %s, %s, %s, %s, %s)
            """,
            [(load.load_id, *figure) for figure in _figures(load, account)],
        )


def _figures(load: LoadRow, account: Account) -> Iterator[Figure]:
    yield Figure("rows", "all", "rows", str(load.rows_read), str(load.rows_staged))
    for item, rows in (
        ("duplicate", load.rows_duplicate),
        ("ignored", load.rows_ignored),
        ("rejected", load.rows_rejected),
    ):
        yield Figure("rows", item, "rows", str(rows), None)
    yield Figure("rows", "lines added", "rows", None, str(load.lines_added))
    for item, amount in load.money.items():
        is_kept = item == "staged"
        name, told = ("money", None) if is_kept else (f"money {item}", str(amount))
        unit = f"sum in {load.currency}"
        yield Figure("rows", name, unit, told, str(amount) if is_kept else None)
    for fate, rows in account.unread.items():
        item = f"{fate.replace('_', ' ')}, money not readable"
        yield Figure("rows", item, "rows", str(rows), None)
    for kind, rules in load.counts.items():
        for rule, rows in rules.items():
            yield Figure("rules", rule, kind, str(rows), str(rows) if kind in KEPT else "0")
    for repair, rows in sorted(account.repaired.items()):
        yield Figure("rules", repair, "repaired", str(rows), str(rows))
    raw = {name: profile.metrics() for name, profile in account.profiles.raw.columns.items()}
    clean = {name: profile.metrics() for name, profile in account.profiles.clean.columns.items()}
    for name in dict.fromkeys((*raw, *clean)):
        yield from _column(name or "(unnamed)", raw.get(name, {}), clean.get(name, {}))
    for name, found in account.derived.items():
        yield Figure("derived", name, "rows compared", str(found.checked), None)
        yield Figure("derived", name, "rows that differ", str(found.different), None)
        if found.money:
            unit = f"difference in {load.currency}"
            yield Figure("derived", name, unit, str(found.money), None)
        for number, example in enumerate(found.examples, 1):
            yield Figure("derived", name, f"example {number}", example, None)


def _column(name: str, raw: Mapping[str, str], clean: Mapping[str, str]) -> Iterator[Figure]:
    for metric in dict.fromkeys((*raw, *clean)):
        yield Figure("columns", name, metric, raw.get(metric), clean.get(metric))


SECTIONS = {
    "rows": ("Rows", "What", "Unit", "In the file", "Staged"),
    "rules": ("Rules", "Rule", "What happened", "Rows in the file", "Rows staged"),
    "columns": ("Columns before and after", "Column", "Metric", "Raw", "Clean"),
    "derived": ("Derived columns, computed again", "Column", "Metric", "In the file", ""),
}


def report_markdown(load_id: int) -> str:
    """The report of a load as Markdown, for a person.

    Raises
    ------
    TerminalError
        There is no such load.
    """
    with connect(application_name="ecorse report") as conn:
        load = conn.execute(
            """
            select file_name, shop_id, source, sha256, known_at, time_zone, currency, warnings
            from ops.load where load_id = %s
            """,
            (load_id,),
        ).fetchone()
        if load is None:
            raise TerminalError(f"There is no load {load_id}. `ecorse status` lists the loads.")
        figures = conn.execute(
            """
            select section, item, metric, raw_value, clean_value from ops.load_report
            where load_id = %s
            """,
            (load_id,),
        ).fetchall()
    file_name, shop_id, source, sha256, known_at, time_zone, currency, warnings = load
    parts = [
        f"# Load {load_id}: {_cell(file_name)}",
        f"Shop {shop_id}, source {source}, loaded {known_at:%Y-%m-%d %H:%M:%S} UTC; times in "
        f"{time_zone}, money in {currency}. Content sha256 `{sha256}`.",
    ]
    parts += [f"- {_cell(sentence)}" for sentence in warnings]
    for section, (title, *heads) in SECTIONS.items():
        rows = [figure[1:] for figure in figures if figure[0] == section]
        if rows:
            lines = [f"## {title}", "", _row(heads), _row(["---"] * 4)]
            parts.append("\n".join(lines + [_row(row) for row in rows]))
    return "\n\n".join(parts) + "\n"


def _row(cells: tuple[str | None, ...] | list[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str | None) -> str:
    """Text that cannot break out of a Markdown table or carry HTML."""
    if text is None:
        return ""
    for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\\", "\\\\"), ("|", "\\|")):
        text = text.replace(plain, safe)
    return " ".join(text.split())
