"""Reading ``include/sql``: marts by area, their checks, and the comments that columns share.

What belongs here: from the text of one file to one checked ``Mart``; importing no data library.
What does not: the order of marts (``catalog``); making them (``tables``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ecorse import declared
from ecorse.errors import ConfigError
from ecorse.models.binding import Binding
from ecorse.models.list_rules import load_rules
from ecorse.models.relation import GRAIN_CHECKS, Column, NamedCheck, Relation, SqlCheck
from ecorse.refresh.action_rules import rules_of
from ecorse.refresh.macros import has_bands
from ecorse.refresh.measures import every_measure, with_measures
from ecorse.refresh.render import DIALECT, output_columns, parse_select, references
from ecorse.refresh.rule_parts import Part, parts_of
from ecorse.refresh.templates import SUFFIX, expand_template
from ecorse.settings import Settings

COLUMN_COMMENTS = "_columns.toml"
_HEADER = re.compile(r"\A\s*/\*(.*?)\*/", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")  # leaves room for a build's suffix in 63 bytes
Given = tuple[tuple[str, tuple[Part, ...]], ...]
_REQUIRED = ("about", "grain", "materialized")


@dataclass(frozen=True, kw_only=True)
class Mart(Relation):
    """One mart: a file of ``include/sql/marts/<area>``, or one of those that a template writes.

    ``reads`` are marts, ``reads_staging`` tables of staging. A ``work_table`` is read by so many
    others that its rows are held in a table while a night is made; what is published is a view.
    ``made_of`` is the file or folder of the project whose texts a template puts into its SQL.
    """

    area: str
    path: Path
    materialized: Literal["table", "view"]
    work_table: bool
    made_of: str
    reads: tuple[str, ...]
    reads_staging: tuple[str, ...]
    sql: str

    @property
    def file(self) -> str:
        """Where it stands, as documentation names it."""
        return f"include/sql/marts/{self.area}/{self.path.name}"

    @property
    def where(self) -> str:
        """What an error of its SQL names."""
        return f"{self.path} (with what {self.made_of} says)" if self.made_of else str(self.path)


class _Header(declared.Table):
    """What stands in the comment that a mart's file begins with."""

    about: str = Field(min_length=1, description="a sentence: what one row is")
    grain: tuple[str, ...] = Field(description='a list of columns, such as ["shop_id", "city"]')
    materialized: Literal["table", "view"] = Field(description='"table" or "view"')
    work_table: bool = False
    is_unique: bool = True
    made_of: str = ""
    columns: dict[str, str] = Field(default_factory=dict)
    measures: tuple[Binding, ...] = ()
    checks: tuple[NamedCheck, ...] = ()

    def mistakes(self) -> Iterable[str]:
        if self.work_table and self.materialized != "view":
            yield "work_table = true is for views; a table is held already, leave it out"
        if self.grain[:1] != ("shop_id",):
            yield f"grain = {list(self.grain)}: expected a list of columns that begins with shop_id"


class _CheckHeader(declared.Table):
    """What stands in the comment that a file of ``include/sql/checks`` begins with."""

    level: Literal["fail", "warn"] = Field(description='"fail" or "warn"')
    sentence: str = Field(min_length=1, description="what is wrong when it finds rows")


def read_marts(settings: Settings) -> list[Mart]:
    """Read every mart of ``include/sql``, by name; only changed files are parsed again.

    Raises
    ------
    ConfigError
        A file is wrong: the message names it, its mistakes, and what to do.
    """
    if misplaced := settings.files("sql/marts/*.sql"):
        areas = sorted({path.parent.name for path in settings.files("sql/marts/*/*.sql")})
        raise ConfigError(
            f"{misplaced[0]}: move it into the folder of its area ({', '.join(areas)}, ...)."
        )
    # a project adds comments to the shipped ones, or says one of them otherwise
    comments = tuple(
        path.read_text(encoding="utf-8") for path in settings.stack(f"sql/marts/{COLUMN_COMMENTS}")
    )
    measures = every_measure(settings)
    # a measure's column needs no comment of the mart: it has the measure's sentence
    comments = ("\n".join(f'{name} = ""' for name in measures), *comments)
    given = (("rules", rules_of(settings)), *parts_of(load_rules(settings)).items())
    marts: dict[str, Mart] = {}
    for path in settings.files("sql/marts/*/*.sql"):
        own_given = given if path.name.endswith(SUFFIX) else ()
        for mart in _parse_file(path, path.read_text(encoding="utf-8"), comments, own_given):
            other = marts.setdefault(mart.name, mart)
            is_own = path.is_relative_to(settings.project_dir)
            if other is not mart and is_own == other.path.is_relative_to(settings.project_dir):
                raise ConfigError(f"{path}: {other.path} makes {mart.name!r} too; rename one.")
            if is_own:  # also over one that a shipped template makes
                marts[mart.name] = mart
    for path in settings.files("sql/checks/*.sql"):
        name, _, rest = path.stem.partition(".")
        if name not in marts or not _NAME.match(rest):
            raise ConfigError(
                f"{path}: call it <mart>.<check>.sql; {name!r} is {'a' if name in marts else 'no'} "
                f"mart, and a check's name is lower case letters, digits and _."
            )
        check = _parse_check(path, path.read_text(encoding="utf-8"))
        marts[name] = replace(marts[name], checks=(*marts[name].checks, check))
    marts = {
        name: with_measures(mart, measures, f"{mart.path} (mart {name})")
        for name, mart in marts.items()
    }
    for mart in marts.values():
        _refuse_equal_names(mart)
    return [marts[name] for name in sorted(marts)]


@lru_cache(maxsize=512)
def _parse_file(path: Path, text: str, comments: tuple[str, ...], given: Given) -> tuple[Mart, ...]:
    header, sql = _split(path, text, f"TOML with {', '.join(_REQUIRED)}")
    if not path.name.endswith(SUFFIX):
        return (_make_mart(path, path.stem, str(path), header, sql, comments),)
    lists = {name: [dict(part) for part in parts] for name, parts in given}
    return tuple(
        _make_mart(path, name, f"{path} (mart {name})", own, body, comments)
        for name, own, body in expand_template(header, sql.strip("\n"), str(path), lists)
    )


@lru_cache(maxsize=512)
def _parse_check(path: Path, text: str) -> SqlCheck:
    document, sql = _split(path, text, "TOML with level, sentence")
    header = declared.check(document, _CheckHeader, f"{path} (header)")
    name = path.stem.partition(".")[2]
    return SqlCheck(name=name, level=header.level, sentence=header.sentence, sql=sql)


def _split(path: Path, text: str, what: str) -> tuple[dict[str, Any], str]:
    """The header, parsed, and the SQL behind as many lines as the header has: a syntax error then
    names the file's line."""
    match = _HEADER.match(text)
    if match is None:
        raise ConfigError(
            f"{path}: has no header; begin the file with a /* */ comment that holds {what}."
        )
    body = text[match.end() :].rstrip().rstrip(";").rstrip()
    lines = "\n" * text[: match.end()].count("\n")
    return declared.parse(match.group(1), f"{path} (header)"), lines + body


def _make_mart(
    path: Path, name: str, where: str, document: dict[str, Any], sql: str, comments: tuple[str, ...]
) -> Mart:
    if not _NAME.match(name):
        raise ConfigError(
            f"{where}: rename it; a mart's name is lower case letters, digits and _, up to 48."
        )
    header = declared.check(document, _Header, f"{where} (header)")
    select = parse_select(sql, where)
    names = output_columns(select, where)
    shared: dict[str, Any] = {}
    for layer in comments:
        shared |= declared.parse(layer, COLUMN_COMMENTS)
    declared.refuse(where, list(_column_mistakes(header, names, shared)))
    tables = references(select, where)
    return Mart(
        name=name,
        about=header.about,
        grain=header.grain,
        columns={
            column: Column("", header.columns.get(column) or shared[column]) for column in names
        },
        checks=header.checks,
        is_unique=header.is_unique,
        area=path.parent.name,
        path=path,
        materialized=header.materialized,
        work_table=header.work_table,
        made_of=header.made_of,
        reads=tuple(sorted(table for schema, table in tables if schema == "marts")),
        reads_staging=tuple(sorted(table for schema, table in tables if schema == "staging")),
        bindings=header.measures,
        sql=select.sql(dialect=DIALECT, pretty=True) if has_bands(sql) else sql,
    )


def _column_mistakes(
    header: _Header, names: tuple[str, ...], shared: Mapping[str, Any]
) -> Iterable[str]:
    """What does not fit between a header and the columns of the final select."""
    if "build_id" in names:
        yield "leave out the column 'build_id'; the build adds it itself"
    for column in header.grain:
        if column not in names:
            yield f"the grain names {column!r}, which the final select does not have"
    for column in header.columns:
        if column not in names:
            yield (
                f"the header comments the column {column!r}, which the final select does not have; "
                "remove the comment or mend the name"
            )
    for column in names:
        if column not in header.columns and column not in shared and column != "build_id":
            yield (
                f"the column {column!r} has no comment; add it under [columns] of the header, or "
                f"to {COLUMN_COMMENTS} when several marts share it"
            )


def _refuse_equal_names(mart: Mart) -> None:
    names = Counter([*GRAIN_CHECKS, *(check.called() for check in mart.checks)])
    if twice := [name for name, times in names.items() if times > 1]:
        raise ConfigError(
            f"{mart.path}: marts.{mart.name} has two checks called {twice[0]!r}; give one a name."
        )
