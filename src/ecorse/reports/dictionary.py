"""The data dictionary: every table of ``marts``, its grain, columns and checks, as Markdown.

What belongs here: text made from the catalogue and the models' table declarations. What does not:
what any of them means; that stands beside the SQL and in each ``Relation``. Run it with
``python -m ecorse.reports.dictionary``; a test holds the committed page to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ecorse.models.relation import Relation
from ecorse.refresh.catalog import Catalog, load_catalog
from ecorse.refresh.marts import Mart
from ecorse.schema.staging import STAGING_TABLES
from ecorse.settings import get_settings
from ecorse.training.run import model_relations

DICTIONARY = Path("docs") / "data-dictionary.md"
_COMMENT = re.compile(
    r"comment on (?:view|column) marts\.(\w+)(?:\.(\w+))? is '((?:[^']|'')*)'", re.IGNORECASE
)

_OPENING = """\
# Data dictionary

Every relation of the schema `marts`, which is all that BI tools and applications read. Generated
from `include/sql/marts` and the models' declarations by `python -m ecorse.reports.dictionary`;
do not edit. Every relation also has `build_id`, the night it belongs to, and the same comments
stand in the database. Revenue is in the shop's currency; dates and hours are told in the shop's
time zone (both in `marts.shops`). Simulated rows are a shop of their own, `<shop>-simulated`.
"""

_STAGING = """\
# Staging

Cleaned rows, which marts are made of; readers do not see them. Each table has a twin
`repeated_<table>` of the same columns: rows that an earlier load of the same shop and source
already holds. Declared in `src/ecorse/schema/staging.py`.
"""


def write_dictionary() -> None:
    """Write the project's data dictionary, ``docs/data-dictionary.md``."""
    path = get_settings().project_dir / DICTIONARY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make_dictionary(load_catalog()), encoding="utf-8")


def make_dictionary(catalog: Catalog) -> str:
    """Make the dictionary's Markdown; the same catalogue gives the same text.

    Imports the models' classes, which declare their tables.

    Raises
    ------
    ecorse.errors.ConfigError
        A model's class cannot be imported.
    """
    parts = {mart.name: _mart_section(mart) for mart in catalog.marts.values()}
    for relation in model_relations(catalog):
        writers = [step.name for step in catalog.writers_of(relation.name)]
        reads = {table for name in writers for table in catalog.step(name).reads}
        parts[relation.name] = _model_section(relation, writers, sorted(reads))
    parts |= _schema_sections()
    names = sorted(parts)
    contents = "\n".join(f"- [{name}](#{name})" for name in names)
    return "\n".join([_OPENING, contents, "", *(parts[name] for name in names), *_staging()])


def _mart_section(mart: Mart) -> str:
    kind = "view" if mart.materialized == "view" else "table"
    sources = [_link(name) for name in mart.reads]
    sources += [f"`staging.{name}`" for name in mart.reads_staging]
    grain = ", ".join(mart.grain) + ("" if mart.is_unique else " (not unique)")
    return _section(
        mart.name,
        mart.about,
        f"A {kind} made by `{mart.file}`. Grain: {grain}. Reads {', '.join(sources) or 'nothing'}.",
        {name: (comment,) for name, comment in mart.comments.items()},
        ("column", "meaning"),
        [(check.name, check.level, check.sentence) for check in mart.bound_checks()],
    )


def _model_section(spec: Relation, models: Sequence[str], reads: Iterable[str]) -> str:
    return _section(
        spec.name,
        spec.about,
        f"A table written by {', '.join(f'`include/models/{model}.toml`' for model in models)}. "
        f"Grain: {', '.join(spec.grain)}. Reads {', '.join(map(_link, reads))}.",
        {name: (f"`{sql_type}`", comment) for name, (sql_type, comment) in spec.columns.items()},
        ("column", "type", "meaning"),
        [(check.name, check.level, check.sentence) for check in spec.bound_checks()],
    )


def _staging() -> list[str]:
    """The tables of staging, from their declaration, at the end of the page."""
    lines = [_STAGING]
    for table in STAGING_TABLES.values():
        lines += [f"### staging.{table.name}", "", _sentence(table.about), ""]
        lines += [_row(("column", "type", "a mapping fills it", "meaning")), _row(["---"] * 4)]
        for c in table.columns:
            kind = f"`{c.sql_type}`" + ("" if c.is_needed else ", may be null")
            about = c.about + (f" ({', '.join(c.allowed)})" if c.allowed else "")
            fills = {"needed": "always", "optional": "may", "": ""}[c.mapped]
            lines.append(_row((f"`{c.name}`", kind, fills, about)))
        for target, about in table.becomes.items():
            lines.append(_row((f"`{target}`", "no column", "may", f"Becomes {about}")))
        lines.append("")
    return lines


def _schema_sections() -> dict[str, str]:
    """Views of ``marts`` that the schema makes itself, from their comments there."""
    sections = {}
    for path in get_settings().files("sql/schema/*.sql"):
        comments: dict[str, dict[str, str]] = {}
        for view, column, comment in _COMMENT.findall(path.read_text(encoding="utf-8")):
            comments.setdefault(view, {})[column] = comment.replace("''", "'")
        for view, texts in comments.items():
            origin = f"A view made by `include/sql/schema/{path.name}`."
            columns = {column: (text,) for column, text in texts.items() if column}
            sections[view] = _section(
                view, texts.get("", ""), origin, columns, ("column", "meaning"), []
            )
    return sections


def _section(
    name: str,
    about: str,
    origin: str,
    columns: Mapping[str, tuple[str, ...]],
    heading: tuple[str, ...],
    checks: Iterable[tuple[str, str, str]],
) -> str:
    lines = [f"## {name}", "", _sentence(about), "", origin, ""]
    lines += [_row(heading), _row("---" for _ in heading)]
    lines += [_row((f"`{column}`", *cells)) for column, cells in columns.items()]
    lines.append("")
    if checks := list(checks):
        lines += ["Checks:", ""]
        lines += [f"- `{check}` ({level}): {_sentence(text)}" for check, level, text in checks]
        lines.append("")
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _link(name: str) -> str:
    return f"[{name}](#{name})"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


if __name__ == "__main__":
    write_dictionary()
