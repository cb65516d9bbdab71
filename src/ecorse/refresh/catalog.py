"""The catalogue: every mart and every trained model, and the order in which they are made.

What belongs here: one checked graph of the marts and the models' declarations; cheap enough for
every DAG parse, importing no data library. What does not: reading a mart's file (``marts``);
running SQL, building or publishing (``builds``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ecorse.errors import ConfigError
from ecorse.models.declaration import Declaration, load_declarations
from ecorse.models.list_rules import NO_RULES, RULE_MARTS, RulesFile, load_rules
from ecorse.models.relation import SqlCheck
from ecorse.provenance import __version__, git_sha
from ecorse.refresh.marts import Mart, read_marts
from ecorse.refresh.order import Area, Step, part_into_areas, sort_into_levels
from ecorse.refresh.render import parse_select, references
from ecorse.settings import Settings, get_settings

TASKS = ("open_build", "audit", "publish")


@dataclass(frozen=True)
class Catalog:
    """Marts and models by name, and the steps that make them in order."""

    marts: Mapping[str, Mart]
    models: Mapping[str, Declaration]
    rules: RulesFile = NO_RULES

    @cached_property
    def _levels(self) -> tuple[tuple[Step, ...], ...]:
        return sort_into_levels(self._collect_steps())

    def levels(self) -> list[list[Step]]:
        """Group the steps: each level needs only the levels before it; names sorted in a level."""
        return [list(level) for level in self._levels]

    def steps(self) -> list[Step]:
        """List the steps in topological order; the same files give the same order."""
        return [step for level in self._levels for step in level]

    @cached_property
    def _areas(self) -> tuple[Area, ...]:
        return part_into_areas(self.steps(), {m.name: m.area for m in self.marts.values()})

    def areas(self) -> list[Area]:
        """Group the marts by area, models on their own: each needs only those before it.

        An area that a model stands in the middle of comes in parts: ``segments``, ``segments_2``.
        """
        return list(self._areas)

    def area(self, name: str) -> Area:
        """Find one area by name.

        Raises
        ------
        ConfigError
            There is no area of that name (any more).
        """
        for area in self._areas:
            if area.name == name:
                return area
        known = ", ".join(area.name for area in self._areas)
        raise ConfigError(f"There is no area or model {name!r}; known are {known}.")

    def made_from(self, step: Step) -> str:
        """What tells the declaration of a step from an earlier one: a hash."""
        if step.kind == "model":
            model = self.models[step.name]
            declared = model.file.model_dump_json() + self._own_models
        else:
            mart = self.marts[step.name]
            declared = repr((mart.sql, mart.grain, mart.materialized, mart.work_table))
        text = f"{declared} {__version__} {git_sha()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

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

    @cached_property
    def _own_models(self) -> str:
        """The text of a project's own models; a step does not tell which of them it uses."""
        settings = get_settings()
        files = [*settings.files("recommenders/*.py"), *settings.files("segments/*.py")]
        return "".join(file.read_text("utf-8") for file in files)

    def upstream(self, step: Step) -> set[str]:
        """Find the steps that write what a step reads."""
        return {writer.name for table in step.reads for writer in self.writers_of(table)}

    def _collect_steps(self) -> list[Step]:
        steps = [
            Step(mart.name, "mart", frozenset(mart.reads), (mart.name,))
            for mart in self.marts.values()
        ]
        steps += [
            Step(
                model.name,
                "model",
                # with the mart that rows standing in for the model are held to (``training``)
                _model_reads(model)
                | ({model.listed_in} & self.marts.keys())
                | (RULE_MARTS & self.marts.keys() if model.has_customer_lists else set()),
                model.writes,
            )
            for model in self.models.values()
        ]
        where = {name: mart.where for name, mart in self.marts.items()}
        where |= {name: str(model.path) for name, model in self.models.items()}
        _check_names(steps, where, self.models)
        written = {table for step in steps for table in step.writes}
        for step in steps:
            for table in sorted(step.reads - written):
                raise ConfigError(
                    f"{where[step.name]}: reads marts.{table}, which no mart and no model "
                    f"writes. Add include/sql/marts/<area>/{table}.sql or mend the name."
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
    catalog = Catalog(
        marts={mart.name: mart for mart in read_marts(settings)},
        models={model.name: model for model in load_declarations(settings)},
        rules=load_rules(settings),
    )
    _check_areas(catalog)
    return catalog


def _check_areas(catalog: Catalog) -> None:
    """Refuse what would give two tasks of a night one name."""
    taken = dict.fromkeys(TASKS, "a task of every night")
    for area in catalog.areas():
        if area.kind == "marts":
            place = f"the folder {catalog.marts[area.steps[0].name].path.parent}"
        else:
            place = str(catalog.models[area.name].path)
        if area.name in taken:
            raise ConfigError(
                f"Two tasks of a night would be called {area.name!r}: {taken[area.name]} and "
                f"{place}. Rename one of them."
            )
        taken[area.name] = place


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
        if isinstance(check, SqlCheck):
            where = f"include/sql/checks/{mart.name}.{check.name}.sql"
            reads = {f"{schema}.{table}" for schema, table in _tables_read(check.sql, where)}
        else:
            where, reads = f"{mart.path} (check {check.called()})", check.reads()
        for table in sorted(reads):
            schema, _, name = table.partition(".")
            if schema == "marts" and name not in written:
                raise ConfigError(f"{where}: reads {table}, which no mart and no model writes.")


def _check_names(
    steps: list[Step], where: Mapping[str, str], models: Mapping[str, Declaration]
) -> None:
    """Refuse one name for two things; several models may share a table (``Relation``)."""
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
