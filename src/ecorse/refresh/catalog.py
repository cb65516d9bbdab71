"""The catalogue: every mart and every trained model, and the order in which they are made.

What belongs here: reading ``include/sql/marts`` (TOML header and one select per file) and the
models' declarations into one checked graph; cheap enough for every DAG parse, importing no data
library. What does not: running SQL, building or publishing (``builds.py``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from ecorse.errors import ConfigError
from ecorse.models.declaration import Declaration, load_declarations
from ecorse.refresh.render import output_columns, parse_select, references, render
from ecorse.settings import Settings, get_settings

__all__ = ["Catalog", "Check", "Mart", "Step", "load_catalog", "render"]

COLUMN_COMMENTS = "_columns.toml"
_HEADER = re.compile(r"\A\s*/\*(.*?)\*/", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")  # leaves room for a build's suffix in 63 bytes
_REQUIRED = ("about", "grain", "materialized")
_OPTIONAL = ("columns", "checks", "is_unique")
_CHECK_KEYS = ("name", "level", "sentence", "sql")


@dataclass(frozen=True)
class Check:
    """A rule about a mart: its SQL selects the rows that break it."""

    name: str
    level: Literal["fail", "warn"]
    sentence: str
    sql: str


@dataclass(frozen=True)
class Mart:
    """One file of ``include/sql/marts``.

    ``columns`` maps each column of the final select, in order, to its comment. ``reads`` are
    marts, ``reads_staging`` tables of staging. ``is_unique`` is false where the grain names what
    a row is about without identifying it (a view on lines).
    """

    name: str
    path: Path
    about: str
    grain: tuple[str, ...]
    materialized: Literal["table", "view"]
    columns: Mapping[str, str]
    checks: tuple[Check, ...]
    reads: tuple[str, ...]
    reads_staging: tuple[str, ...]
    sql: str
    is_unique: bool = True


@dataclass(frozen=True)
class Step:
    """One node of the night: a mart that is built or a model that is trained."""

    name: str
    kind: Literal["mart", "model"]
    reads: frozenset[str] = field(default_factory=frozenset)
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """Marts and models by name, and the steps that make them in order."""

    marts: Mapping[str, Mart]
    models: Mapping[str, Declaration]

    @cached_property
    def _levels(self) -> tuple[tuple[Step, ...], ...]:
        return _sort_into_levels(self._collect_steps())

    def levels(self) -> list[list[Step]]:
        """Group the steps: each level needs only the levels before it; names sorted in a level."""
        return [list(level) for level in self._levels]

    def steps(self) -> list[Step]:
        """List the steps in topological order; the same files give the same order."""
        return [step for level in self._levels for step in level]

    def step(self, name: str) -> Step:
        """Find one step by name.

        Raises
        ------
        ConfigError
            There is no step of that name.
        """
        for step in self.steps():
            if step.name == name:
                return step
        known = ", ".join(step.name for step in self.steps())
        raise ConfigError(f"There is no mart or model {name!r}; known are {known}.")

    def writers_of(self, table: str) -> list[Step]:
        """Find the steps that write a table of ``marts``: one mart, or one or more models.

        Raises
        ------
        ConfigError
            No step writes it.
        """
        found = [step for step in self.steps() if table in step.writes]
        if not found:
            raise ConfigError(f"No mart and no model writes marts.{table}.")
        return found

    def _collect_steps(self) -> list[Step]:
        steps = [
            Step(mart.name, "mart", frozenset(mart.reads), (mart.name,))
            for mart in self.marts.values()
        ]
        steps += [
            Step(model.name, "model", _model_reads(model), model.writes)
            for model in self.models.values()
        ]
        where = {name: str(mart.path) for name, mart in self.marts.items()}
        where |= {name: str(model.path) for name, model in self.models.items()}
        _check_names(steps, where, self.models)
        written = {table for step in steps for table in step.writes}
        for step in steps:
            for table in sorted(step.reads - written):
                raise ConfigError(
                    f"{where[step.name]}: reads marts.{table}, which no mart and no model "
                    f"writes. Add include/sql/marts/{table}.sql or mend the name."
                )
        for mart in self.marts.values():
            _check_check_references(mart, written)
        return steps


def load_catalog(settings: Settings | None = None) -> Catalog:
    """Read every mart and model declaration; only changed files are parsed again.

    Raises
    ------
    ConfigError
        A file is wrong: the message names it and says what to do. Also for a cycle.
    """
    settings = settings or get_settings()
    # a project adds comments to the shipped ones, or says one of them otherwise
    comments = tuple(
        path.read_text(encoding="utf-8") for path in settings.stack(f"sql/marts/{COLUMN_COMMENTS}")
    )
    marts = [
        _parse_mart(path, path.read_text(encoding="utf-8"), comments)
        for path in settings.files("sql/marts/**/*.sql")
    ]
    catalog = Catalog(
        marts={mart.name: mart for mart in marts},
        models={model.name: model for model in load_declarations(settings)},
    )
    catalog.steps()
    return catalog


@lru_cache(maxsize=512)
def _parse_mart(path: Path, text: str, shared_comments: tuple[str, ...]) -> Mart:
    match = _HEADER.match(text)
    if match is None:
        raise ConfigError(
            f"{path}: has no header; begin the file with a /* */ comment that holds TOML with "
            f"{', '.join(_REQUIRED)}."
        )
    if not _NAME.match(path.stem):
        raise ConfigError(
            f"{path}: rename it; a mart's name is lower case letters, digits and _, up to 48."
        )
    header = _read_toml(match.group(1), f"{path} (header)")
    _check_header(header, path)
    # behind as many lines as the header has, so that a syntax error names the file's line
    sql = "\n" * text[: match.end()].count("\n") + text[match.end() :].rstrip().rstrip(";").rstrip()
    select = parse_select(sql, str(path))
    names = output_columns(select, str(path))
    if "build_id" in names:
        raise ConfigError(f"{path}: leave out the column 'build_id'; the build adds it itself.")
    grain = tuple(header["grain"])
    for column in grain:
        if column not in names:
            raise ConfigError(
                f"{path}: the grain names {column!r}, which the final select does not have."
            )
    tables = references(select, str(path))
    is_unique = header.get("is_unique", True)
    return Mart(
        name=path.stem,
        path=path,
        about=header["about"],
        grain=grain,
        materialized=header["materialized"],
        columns=_comment_columns(names, header.get("columns", {}), shared_comments, path),
        checks=(
            *_grain_checks(path.stem, grain, is_unique),
            *_declared_checks(header.get("checks", []), path),
        ),
        reads=tuple(sorted(table for schema, table in tables if schema == "marts")),
        reads_staging=tuple(sorted(table for schema, table in tables if schema == "staging")),
        sql=sql,
        is_unique=is_unique,
    )


def _read_toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from None


def _check_header(header: Mapping[str, Any], path: Path) -> None:
    for key in _REQUIRED:
        if key not in header:
            raise ConfigError(f"{path}: the header lacks {key!r}; add a line {key} = ...")
    for key in header:
        if key not in (*_REQUIRED, *_OPTIONAL):
            raise ConfigError(
                f"{path}: the header has the unknown key {key!r}; "
                f"known are {', '.join((*_REQUIRED, *_OPTIONAL))}."
            )
    if header["materialized"] not in ("table", "view"):
        raise ConfigError(
            f'{path}: materialized = {header["materialized"]!r}; write "table" or "view".'
        )
    grain = header["grain"]
    if not isinstance(grain, list) or not grain or grain[0] != "shop_id":
        raise ConfigError(f"{path}: grain must be a list of columns that begins with shop_id.")


def _comment_columns(
    names: tuple[str, ...],
    own: Mapping[str, str],
    shared_comments: tuple[str, ...],
    path: Path,
) -> dict[str, str]:
    shared: dict[str, str] = {}
    for text in shared_comments:
        shared |= _read_toml(text, COLUMN_COMMENTS)
    for column in own:
        if column not in names:
            raise ConfigError(
                f"{path}: the header comments the column {column!r}, which the final select "
                "does not have; remove the comment or mend the name."
            )
    for column in names:
        if column not in own and column not in shared:
            raise ConfigError(
                f"{path}: the column {column!r} has no comment; add it under [columns] of the "
                f"header, or to {COLUMN_COMMENTS} when several marts share it."
            )
    return {column: own.get(column) or shared[column] for column in names}


def _grain_checks(name: str, grain: tuple[str, ...], is_unique: bool) -> list[Check]:
    columns, nulls = (
        ", ".join(grain),
        " or ".join(f"{column} is null" for column in grain),
    )
    checks = [
        Check(
            "grain_is_not_null",
            "fail",
            f"A column of the grain ({columns}) is null",
            f"select {columns} from marts.{name} where {nulls}",
        )
    ]
    if is_unique:
        checks.append(
            Check(
                "grain_is_unique",
                "fail",
                f"More than one row per {columns}",
                f"select {columns}, count(*) as row_count from marts.{name} "
                f"group by {columns} having count(*) > 1",
            )
        )
    return checks


def _declared_checks(declared: list[Mapping[str, str]], path: Path) -> list[Check]:
    checks: list[Check] = []
    for number, check in enumerate(declared, start=1):
        if sorted(check) != sorted(_CHECK_KEYS):
            raise ConfigError(
                f"{path}: check {number} has the keys {', '.join(check)}; "
                f"it needs exactly {', '.join(_CHECK_KEYS)}."
            )
        if check["level"] not in ("fail", "warn"):
            raise ConfigError(
                f"{path}: check {check['name']!r} has level {check['level']!r}; "
                'write "fail" or "warn".'
            )
        if check["name"] in {c.name for c in checks} | {
            "grain_is_unique",
            "grain_is_not_null",
        }:
            raise ConfigError(f"{path}: two checks are called {check['name']!r}; rename one.")
        level = cast(Literal["fail", "warn"], check["level"])
        checks.append(Check(check["name"], level, check["sentence"], check["sql"].strip()))
    return checks


@lru_cache(maxsize=512)
def _tables_read(sql: str, where: str) -> frozenset[tuple[str, str]]:
    return frozenset(references(parse_select(sql, where), where))


def _model_reads(model: Declaration) -> frozenset[str]:
    reads: set[str] = set()
    for frame, sql in model.inputs.items():
        for schema, table in sorted(_tables_read(sql, f"{model.path} [inputs] {frame}")):
            if schema != "marts":
                raise ConfigError(
                    f"{model.path}: the input {frame!r} reads {schema}.{table}; "
                    "a model reads marts.* only."
                )
            reads.add(table)
    return frozenset(reads)


def _check_check_references(mart: Mart, written: set[str]) -> None:
    for check in mart.checks:
        where = f"{mart.path} (check {check.name})"
        for schema, table in sorted(_tables_read(check.sql, where)):
            if schema == "marts" and table not in written:
                raise ConfigError(
                    f"{where}: reads marts.{table}, which no mart and no model writes."
                )


def _check_names(
    steps: list[Step], where: Mapping[str, str], models: Mapping[str, Declaration]
) -> None:
    """Refuse one name for two things; several models may share a table (``TableSpec``)."""
    writers: dict[str, Step] = {}
    for step in steps:
        if step.kind == "mart" and step.name in models:
            raise ConfigError(
                f"{models[step.name].path}: a mart is called {step.name!r} too; rename one."
            )
        for table in step.writes:
            other = writers.setdefault(table, step)
            if other is not step and "mart" in (step.kind, other.kind):
                raise ConfigError(
                    f"{where[step.name]}: writes marts.{table}, "
                    f"which {where[other.name]} writes too; rename one."
                )


def _sort_into_levels(steps: list[Step]) -> tuple[tuple[Step, ...], ...]:
    levels: list[tuple[Step, ...]] = []
    waiting = sorted(steps, key=lambda step: step.name)
    while waiting:
        unmade = {table for step in waiting for table in step.writes}
        ready = [step for step in waiting if not step.reads & unmade]
        if not ready:
            stuck = ", ".join(step.name for step in waiting)
            raise ConfigError(
                f"These marts and models wait for each other in a cycle: {stuck}. "
                "Take one reference out of include/sql/marts or include/models."
            )
        levels.append(tuple(ready))
        waiting = [step for step in waiting if step not in ready]
    return tuple(levels)
