"""Proposing a mapping from a sample of a file: ``ecorse source draft``.

What belongs here: sampling, and the text of a draft. What does not: the guesses themselves
(``draft_words``, ``draft_values``, ``draft_roles``, ``draft_rules``), and deciding: where a file
allows two readings the draft has a question, and no line that answers it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from ecorse.clean.cast import parse, text_column
from ecorse.clean.finding import Finding
from ecorse.clean.opening import open_shape
from ecorse.clean.sniff import sniff
from ecorse.clean.times import has_time
from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Form, Header
from ecorse.schema.shape import PLAIN, Shape
from ecorse.schema.staging import STAGING_TABLES
from ecorse.sources.mappings import draft_rules
from ecorse.sources.mappings.declare import types_of
from ecorse.sources.mappings.draft_roles import IDS, TIMES, Roles, decide
from ecorse.sources.mappings.draft_statuses import status_lines
from ecorse.sources.mappings.draft_values import Look, epoch_of, example_of, look, read_as
from ecorse.sources.mappings.draft_words import says

SAMPLE_ROWS = 10_000
# money that exports state once per order: meaning -> kind of line, and its sign
BESIDE = {"shipping": ("shipping", "+"), "tax": ("tax", "+"), "discount": ("discount", "-"),
          "tip": ("tip", "+"), "refund": ("refund", "-"), "fee": ("fee", "+")}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """The first rows of a file, as text by name, and what was found about how it is written."""

    shape: Shape
    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    texts: pl.DataFrame


@dataclass(frozen=True)
class Drafted:
    """A draft: its text, and what was decided, for those who measure it."""

    text: str
    roles: Roles
    looks: tuple[Look, ...]


def draft(path: Path, table: str | None = None) -> Drafted:
    """A mapping for a file, as TOML with comments; ``table`` is guessed where it is not given.

    Raises
    ------
    ContractError
        The file cannot be read as a table.
    """
    sample = read_sample(path)
    looks = tuple(look(name, sample.texts[name]) for name in sample.names)
    roles = decide(looks, table)
    return Drafted(_Writer(path, sample, looks, roles).text(), roles, looks)


def read_sample(path: Path) -> Sample:
    """The first rows of a file, in the shape that was found.

    Raises
    ------
    ContractError
        The file cannot be read as a table.
    """
    found = sniff(path)
    with path.open("rb") as file:
        framer = open_shape(file, found.shape, path.name)
        names = _apart([name.strip() for name in framer.header])
        columns = tuple(Column(name, None) for name in names)
        header = Header(Form("sample", columns), names, columns)
        block = next(iter(framer), None)
        data = b"" if block is None else block.data
        raw = parse(data, header, *framer.parsed).head(SAMPLE_ROWS)
    if not names:
        raise ContractError(f"{path.name}: has no columns. There is nothing to propose.")
    texts = raw.select(pl.col(text_column(i)).alias(n) for i, n in enumerate(names))
    return Sample(found.shape, found.questions, names, texts)


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names, each once: one that stands again gets its place behind it, as a load names it."""
    apart: list[str] = []
    for position, name in enumerate(names, 1):
        apart.append(f"{name} ({position})" if name in apart else name)
    return tuple(apart)


def quoted(value: object) -> str:
    """A value as TOML."""
    return json.dumps(value, ensure_ascii=False)


class _Writer:
    """One draft at work."""

    def __init__(self, path: Path, sample: Sample, looks: tuple[Look, ...], roles: Roles) -> None:
        self.path, self.sample, self.looks, self.roles = path, sample, looks, roles
        self.staging = STAGING_TABLES[roles.table]
        self.targets = dict(roles.targets)
        self.asked: set[str] = set()  # targets that a question is about: no line fills them
        self.taken: set[str] = set(self.targets.values())

    def text(self) -> str:
        """The whole draft."""
        columns = list(self._columns())
        parts = [
            [f"# A draft made from {self.sample.texts.height} rows of {self.path.name}: read it "
             "line by line.", "# Every QUESTION is yours to answer. Save it as "
             "include/sources/<name>.toml, then:",
             f"#   ecorse source check {self.path.name} --source <name>",
             f'about = "What {self.path.name} is, in a sentence."'],
            self._table(), list(self._shape()), list(self._repeats()), list(self._fill_down()),
            ["", "columns = [", *columns, "]"], list(self._missing()), self._statuses(),
            list(self._also()), list(self._rules()),
        ]  # fmt: skip
        return "\n".join(line for part in parts for line in part) + "\n"

    def _table(self) -> list[str]:
        line = f"table = {quoted(self.roles.table)}"
        if self.roles.question:
            return [f"# QUESTION: {self.roles.question}.", line]
        return [line]

    def _shape(self) -> Iterator[str]:
        """How the file is written, where that is not the usual way."""
        for finding in self.sample.findings:
            yield f"# QUESTION: {finding.part}: {finding.sentence}"
        shape = self.sample.shape
        for key in Shape.__dataclass_fields__:
            value = getattr(shape, key)
            if value != getattr(PLAIN, key):
                written = list(value) if isinstance(value, tuple) else value
                yield f"{key} = {quoted(written)}"

    def _repeats(self) -> Iterator[str]:
        key = draft_rules.key_of_lines(self.looks, self.targets, self.sample.texts)
        if key:
            yield (
                f"# QUESTION: does {' with '.join(map(repr, key))} name the same line in every "
                "later export? Then:"
            )
            yield f"# line_key = {quoted(list(key))}"
        equal = draft_rules.equal_lines(self.sample.texts)
        if equal:
            yield (
                f"# QUESTION: {equal} sampled rows equal an earlier one in every column. Are they "
                'repeats ("drop", as without this line), or pieces that were sold ("keep")?'
            )
            yield '# repeats = "keep"'

    def _fill_down(self) -> Iterator[str]:
        """Values that stand on an order's first line only."""
        if self.roles.table != "order_lines":
            return
        down = draft_rules.filled_down(self.looks, self.targets, self.sample.texts)
        about = [n for n in down if self.targets.get(n) not in (None, "discount_amount")]
        if about:
            within = next(n for n, target in self.targets.items() if target == "order_id")
            yield f"# stands on the first line of each order only: {', '.join(map(repr, about))}"
            yield f"fill_down = {{ within = {quoted(within)}, columns = {quoted(about)} }}"

    # --- columns -------------------------------------------------------------------------------

    def _columns(self) -> Iterator[str]:
        joined = self._date_and_time()
        for one in self.looks:
            if joined and one.name == joined[0].name:
                yield self._joined(*joined)
            elif joined and one.name == joined[1].name:
                continue
            else:
                yield from self._column(one)

    def _date_and_time(self) -> tuple[Look, Look] | None:
        """A date without a time, and a column of times of day beside it."""
        dates = [k for k in self.looks if self.targets.get(k.name) in TIMES
                 and k.kind == "timestamp" and not any(map(has_time, k.formats))]  # fmt: skip
        times = [k for k in self.looks if k.kind == "time" and k.name not in self.targets]
        return (dates[0], times[0]) if dates and times and not dates[0].others else None

    def _joined(self, date: Look, time: Look) -> str:
        formats = [f"{date.formats[0]} {time.formats[0]}"]
        if time.texts.null_count():
            formats.append(date.formats[0])
        target = self.targets[date.name]
        return (
            f"  {{ from = {quoted([date.name, time.name])}, target = {quoted(target)}, "
            f'type = "timestamp", formats = {quoted(formats)} }},'
        )

    def _column(self, one: Look) -> Iterator[str]:
        target = self.targets.get(one.name, "")
        if not target and self.staging.has_attributes:
            target = self._attribute(one)
        kind = self._kind(one, target)
        if target in TIMES and kind == "timestamp" and not one.formats:
            one.formats = (epoch_of(one.texts.drop_nulls()),)
        target = self._instant(one, target)
        if one.others and target:
            yield from self._either_way(one, target, kind)
            return
        for question in one.questions:
            yield f"  # QUESTION: {one.name}: {question}"
        if not target:
            yield from self._untargeted(one)
            return
        yield f"  {{ {self._said(one, target, kind)} }},{self._about(one, kind)}"

    def _attribute(self, one: Look) -> str:
        target = "attributes." + "_".join(one.name.lower().split())
        if target in self.taken or not one.name:
            return ""
        self.taken.add(target)
        return target

    def _kind(self, one: Look, target: str) -> str:
        if not target or target.startswith("attributes."):
            kind = "text" if one.kind == "time" else one.kind
            dates = one.formats and not any(map(has_time, one.formats))
            return "date" if kind == "timestamp" and dates and target else kind
        fits = types_of(target, self.staging)
        if target in IDS or not fits:
            return "text"
        return one.kind if one.kind in fits else fits[0]

    def _instant(self, one: Look, target: str) -> str:
        """Instants have a target of their own."""
        is_instant = any("%z" in f or f.startswith("epoch") for f in one.formats)
        if is_instant and target in ("ordered_local", "refunded_local"):
            target = target.replace("_local", "_at")
            self.targets[one.name] = target
        return target

    def _said(self, one: Look, target: str, kind: str, formats: Sequence[str] = ()) -> str:
        parts = [f"name = {quoted(one.name)}"]
        if target:
            parts.append(f"target = {quoted(target)}")
        if kind != "text":
            parts.append(f"type = {quoted(kind)}")
        if kind in ("date", "timestamp"):
            parts.append(f"formats = {quoted(list(formats or one.formats))}")
            if any(f.endswith(("UTC", "Z")) for f in one.formats):
                parts.append('zone = "UTC"')
            if one.is_date_only and kind == "timestamp":
                parts.append("date_only = true")
        if kind in ("integer", "decimal", "percent"):
            if one.decimal:
                parts.append(f"decimal = {quoted(one.decimal)}")
            if one.group and (one.decimal, one.group) != (",", "."):
                parts.append(f"group = {quoted(one.group)}")
            repairs = list(one.normalise)
            if kind == "integer" and one.kind == "decimal":
                repairs.append("integral_decimal")
            if kind != "integer":
                repairs = [r for r in repairs if r != "integral_decimal"]
            if repairs:
                parts.append(f"normalise = {quoted(repairs)}")
        if one.nulls:
            parts.append(f"nulls = {quoted(list(one.nulls))}")
        return ", ".join(parts)

    def _about(self, one: Look, kind: str) -> str:
        if one.unread and kind != "text":
            return f"  # {one.unread} sampled values cannot be read so"
        if not one.rows:
            return "  # empty in the sample"
        return ""

    def _either_way(self, one: Look, target: str, kind: str) -> Iterator[str]:
        """A date whose day and month may be either way round: no line is taken for granted."""
        self.asked.add(target)
        kind = "date" if kind == "date" else "timestamp"
        example = example_of(one.texts)
        yield (
            f"  # QUESTION: day and month? {example!r} can be read in two ways, and no value of "
            f"the sample tells which{self._order_of(one)}. Keep one of these lines:"
        )
        for time_format in (one.formats[0], *one.others):
            yield f"  # {{ {self._said(one, target, kind, [time_format])} }},"

    def _order_of(self, one: Look) -> str:
        """How far the rows stand in the order of their times, in each reading."""
        told = []
        for time_format in (one.formats[0], *one.others):
            column = replace(one.column(kind="timestamp"), formats=(time_format,))
            read = read_as(one.texts, column)
            grows = (read >= read.shift(1)).drop_nulls()
            if len(grows) >= draft_rules.LEAST_ROWS:
                told.append(f"as {time_format} {grows.sum() / len(grows):.0%} of rows grow in time")
        return f" ({', '.join(told)})" if told else ""

    def _untargeted(self, one: Look) -> Iterator[str]:
        if one.name in self.targets:
            return
        if self._is_index(one):
            yield f"  {{ name = {quoted(one.name)}, ignore = true }},  # numbers the rows"
            return
        kind = one.kind if one.kind in ("integer", "decimal", "percent") else "text"
        if one.questions:
            kind = "text"
        said = self._said(one, "", "decimal" if self._is_money(one) else kind)
        yield f"  {{ {said}, required = false }},  # not mapped: it tells lines apart"

    def _is_index(self, one: Look) -> bool:
        """Whether a column without a name, or named so, counts the rows."""
        if one.kind != "integer" or (one.name and not says(one.name, "index")):
            return False
        numbers = one.read()
        return len(numbers) > 1 and bool((numbers.diff().drop_nulls() == 1).all())

    def _is_money(self, one: Look) -> bool:
        return one.is_number and one.kind != "percent" and any(says(one.name, m) for m in BESIDE)

    # --- what follows --------------------------------------------------------------------------

    def _missing(self) -> Iterator[str]:
        """What every row needs and no column was recognised as."""
        given = set(self.targets.values())
        if "line_total" in given:
            given.add("unit_price")
        needed = [t for t in self.staging.targets(needed=True) if t not in given]
        if self.roles.table == "order_lines":
            if not given & {"ordered_local", "ordered_at"}:
                needed.append("ordered_local")
            if not given & {"product_id", "product_name"}:
                needed.append("product_id")
        if not needed:
            return
        yield ""
        for target in needed:
            yield f"# QUESTION: no column was recognised as {target}, which every row needs."
        yield "# Give a column that target, take it from another file ([[lookups]]), or state it:"
        yield "# [constants]"
        for target in needed:
            value = (
                "1                # if each row is one piece" if target == "quantity" else '"..."'
            )
            yield f"# {target} = {value}"

    def _statuses(self) -> list[str]:
        for one in self.looks:
            target = self.targets.get(one.name)
            if target in ("status", "event_type") and one.rows:
                return status_lines(one.texts, target, self.staging)
        return []

    def _also(self) -> Iterator[str]:
        """Money of the order beside its lines, which a person decides about."""
        if self.roles.table != "order_lines" or "order_id" not in self.targets.values():
            return
        order = next(n for n, target in self.targets.items() if target == "order_id")
        for one in self.looks:
            meaning = next((m for m in BESIDE if says(one.name, m)), None)
            if one.name in self.targets or not one.is_number or meaning is None:
                continue
            if says(one.name, "line") or says(one.name, "percent"):
                continue
            numbers = one.read("decimal").drop_nulls()
            if not (numbers != 0).any():
                continue
            kind, sign = BESIDE[meaning]
            yield ""
            yield (
                f"# QUESTION: is {one.name!r} money of the order beside its lines? Then (or, where "
                "it is of the line alone, without once_per):"
            )
            yield "# [[also]]"
            yield f"# kind = {quoted(kind)}"
            yield f"# amount = {quoted(one.name)}"
            if sign == "-":
                yield '# sign = "-"'
            yield f"# once_per = {quoted(order)}"

    def _rules(self) -> Iterator[str]:
        frame = self._typed()
        for found in draft_rules.propose(self.looks, self.targets, frame):
            exceptions = f"; not in: {found.broken}" if found.broken else ""
            yield ""
            yield "[[rules]]"
            yield f"id = {quoted(found.id)}"
            yield f"expr = {_literal(found.expr)}"
            about = f"holds in {found.kept} of {found.judged} rows{exceptions}"
            yield f'level = "{found.level}"  # {about}'
            yield f"sentence = {quoted(found.sentence)}"

    def _typed(self) -> pl.DataFrame:
        """The sample as a load would cast it, without what a question is open about."""
        columns = [pl.int_range(self.sample.texts.height, eager=True).alias("_row")]
        for one in self.looks:
            target = self.targets.get(one.name, "")
            if target in self.asked or one.questions or not one.name or one.others:
                continue
            kind = self._kind(one, target)
            if kind == "timestamp" and not one.formats:
                continue
            columns.append(one.read(kind).alias(target or one.name))
        return pl.DataFrame(columns)


def _literal(text: str) -> str:
    return f"'{text}'" if "'" not in text else quoted(text)
