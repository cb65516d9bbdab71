"""The order of a night: which step needs which, level by level and area by area.

What belongs here: sorting steps by what they read and write. What does not: where steps come from
(``catalog``); how Airflow draws them (``ecorse.orchestration``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ecorse.errors import ConfigError


@dataclass(frozen=True)
class Step:
    """One node of the night: a mart that is built or a model that is trained."""

    name: str
    kind: Literal["mart", "model"]
    reads: frozenset[str] = field(default_factory=frozenset)
    writes: tuple[str, ...] = ()


def sort_into_levels(steps: Sequence[Step]) -> tuple[tuple[Step, ...], ...]:
    """Sort steps: each level needs only the levels before it; names sorted in a level.

    Raises
    ------
    ConfigError
        Steps wait for each other.
    """
    levels: list[tuple[Step, ...]] = []
    waiting = sorted(steps, key=lambda step: step.name)
    while waiting:
        unmade = {table for step in waiting for table in step.writes}
        ready = [step for step in waiting if not step.reads & unmade]
        if not ready:
            stuck = ", ".join(step.name for step in _without_what_follows(waiting))
            raise ConfigError(
                f"These marts and models wait for each other in a cycle: {stuck}. "
                "Take one reference out of include/sql/marts or include/models."
            )
        levels.append(tuple(ready))
        waiting = [step for step in waiting if step not in ready]
    return tuple(levels)


def _without_what_follows(waiting: Sequence[Step]) -> Sequence[Step]:
    """Of steps that wait, those in a cycle or between two: what only waits for them is not told."""
    read = frozenset[str]().union(*(step.reads for step in waiting))
    needed = [step for step in waiting if read & set(step.writes)]
    return needed if len(needed) == len(waiting) else _without_what_follows(needed)


@dataclass(frozen=True)
class Area:
    """Steps that are made one after the other: the marts of one area, or one model.

    ``steps`` are in an order in which each needs only steps before it, here or in earlier areas.
    ``needs`` are the areas that have to be made before, without those that these need already.
    """

    name: str
    kind: Literal["marts", "model"]
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()


def part_into_areas(steps: Sequence[Step], area_of: Mapping[str, str]) -> tuple[Area, ...]:
    """Group steps by area, in as few parts as their order allows.

    An area comes as a whole as soon as all that it needs is made; among several, the first in the
    alphabet. Where none does, a model is trained; where none can be, the area that gets furthest
    is cut in two, and the rest follows as ``<area>_2``.

    Parameters
    ----------
    steps
        In an order in which each needs only steps before it.
    area_of
        The area of each mart by name.
    """
    waiting, parts, found = list(steps), Counter[str](), list[Area]()
    while waiting:
        unmade = {table for step in waiting for table in step.writes}
        possible: dict[str, list[Step]] = {}
        for area in sorted({area_of[step.name] for step in waiting if step.kind == "mart"}):
            made: set[str] = set()
            for step in waiting:  # they are sorted, so one pass finds all that the area can make
                own = step.kind == "mart" and area_of[step.name] == area
                if own and not step.reads & (unmade - made):
                    possible.setdefault(area, []).append(step)
                    made.update(step.writes)
        models = [s for s in waiting if s.kind == "model" and not s.reads & unmade]
        left = Counter(area_of[step.name] for step in waiting if step.kind == "mart")
        whole = [area for area in possible if len(possible[area]) == left[area]]
        if not whole and models:
            chosen = Area(models[0].name, "model", (models[0],))
        else:
            area = whole[0] if whole else max(possible, key=lambda name: len(possible[name]))
            parts[area] += 1
            name = area if parts[area] == 1 else f"{area}_{parts[area]}"
            chosen = Area(name, "marts", tuple(possible[area]))
        found.append(chosen)
        waiting = [step for step in waiting if step not in chosen.steps]
    return _with_needs(found)


def _with_needs(areas: Sequence[Area]) -> tuple[Area, ...]:
    """What each area waits for, reduced: who needs ``orders`` need not name what that needs."""
    writers: dict[str, set[str]] = {}
    for area in areas:
        for step in area.steps:
            for table in step.writes:
                writers.setdefault(table, set()).add(area.name)
    before: dict[str, set[str]] = {}
    found = []
    for area in areas:
        reads = {table for step in area.steps for table in step.reads}
        needed = set[str]().union(*(writers[table] for table in reads)) - {area.name}
        implied = set[str]().union(*(before[name] for name in needed))
        before[area.name] = needed | implied
        found.append(replace(area, needs=tuple(sorted(needed - implied))))
    return tuple(found)
