"""The columns of a draft: a line for each, or the question that a person has to answer first.

What belongs here: what is written about one column. What does not: the rest of a draft (``draft``),
the guesses (``draft_values``, ``draft_roles``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from ecorse.clean.times import has_time
from ecorse.schema.staging import STAGING_TABLES
from ecorse.sources.mappings import draft_rules
from ecorse.sources.mappings.columns import types_of
from ecorse.sources.mappings.draft_look import Look, example_of, read_as
from ecorse.sources.mappings.draft_money import kind_of
from ecorse.sources.mappings.draft_prices import MOST_PLACES, places_of
from ecorse.sources.mappings.draft_roles import IDS, TIMES
from ecorse.sources.mappings.draft_settled import Settled
from ecorse.sources.mappings.draft_statuses import guests_in
from ecorse.sources.mappings.draft_times import epoch_of
from ecorse.sources.mappings.draft_words import says
from ecorse.sources.mappings.guests import GUEST_WORDS


def quoted(value: object) -> str:
    """A value as TOML."""
    return json.dumps(value, ensure_ascii=False)


class Columns:
    """The columns of one draft; ``targets`` by name, as far as no question is open about them."""

    def __init__(self, texts: pl.DataFrame, looks: tuple[Look, ...], settled: Settled) -> None:
        roles = settled.roles
        self.texts, self.looks, self.settled = texts, looks, settled
        self.staging = STAGING_TABLES[roles.table]
        self.targets = dict(roles.targets)
        self.asked: set[str] = set()  # targets that a question is about: no line fills them
        self.taken: set[str] = set(self.targets.values())

    def lines(self) -> Iterator[str]:
        joined = self.date_and_time()
        for one in self.looks:
            if joined and one.name == joined[0].name:
                yield self._joined(*joined)
            elif joined and one.name == joined[1].name:
                continue
            else:
                yield from self._column(one)

    def date_and_time(self) -> tuple[Look, Look] | None:
        """A date without a time, and a column of times of day beside it."""
        dates = [k for k in self.looks if self.targets.get(k.name) in TIMES
                 and k.kind == "timestamp" and not any(map(has_time, k.formats))]  # fmt: skip
        times = [k for k in self.looks if k.kind == "time" and k.name not in self.targets]
        return (dates[0], times[0]) if dates and times and not dates[0].others else None

    def _joined(self, date: Look, time: Look) -> str:
        formats = [f"{date.formats[0]} {time.formats[0]}"]
        if (time.texts.is_null() & date.texts.is_not_null()).any():
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
        if one.name in self.settled.asked:
            yield from self._asked(one, kind)
            return
        if not target:
            yield from self._untargeted(one)
            return
        if about := self.settled.evidence.get(one.name):
            yield f"  # proven: {one.name!r} is {about}"
        yield f"  {{ {self._said(one, target, kind)} }},{self._about(one, kind)}"

    def _asked(self, one: Look, kind: str) -> Iterator[str]:
        """A column of two readings that nothing settles: no line is taken for granted."""
        asked = self.settled.asked[one.name]
        if one.name in self.targets:
            self.asked.add(self.targets[one.name])
        yield f"  # QUESTION: {asked.sentence}. Keep one of these lines:"
        for target in asked.targets:
            more = "" if target else ", required = false"
            kind = self._kind(one, target) if target else kind
            yield f"  # {{ {self._said(one, target, kind)}{more} }},"

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
        if target == "discount_share" and one.is_number and (one.read().abs() > 1).any():
            return "percent"  # 10 of 100
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
        nulls = self._nulls(one, target)
        if nulls:
            parts.append(f"nulls = {quoted(nulls)}")
        return ", ".join(parts)

    def _nulls(self, one: Look, target: str) -> list[str]:
        """Words for nothing; of a customer also those for guests, where a load would not know."""
        if target != "customer_id" or self.staging.name == "customers":
            return list(one.nulls)
        guests = guests_in(one.texts)
        if not one.nulls and {word.lower() for word in guests} <= set(GUEST_WORDS):
            return []
        return list(dict.fromkeys((*one.nulls, *guests)))

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
            f"  # QUESTION: day and month? {example!r} can be read in two ways, and the sample "
            f"does not tell which{self._order_of(one)}. Keep one of these lines:"
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
        if one.questions or (kind == "decimal" and places_of(one) > MOST_PLACES):
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
        return self.staging.name == "order_lines" and kind_of(one) is not None

    def typed(self) -> pl.DataFrame:
        """The sample as a load would cast it, without what a question is open about."""
        columns = [pl.int_range(self.texts.height, eager=True).alias("_row")]
        for one in self.looks:
            target = self.targets.get(one.name, "")
            if target in self.asked or one.questions or not one.name or one.others:
                continue
            if not target and one.name in self.targets.values():
                continue  # a target of another column: rules mean that one
            kind = self._kind(one, target)
            if kind == "timestamp" and not one.formats:
                continue
            columns.append(one.read(kind).alias(target or one.name))
        return pl.DataFrame(columns)
