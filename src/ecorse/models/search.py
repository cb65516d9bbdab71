"""The ``[search]`` of a segmentation: which parameters are tried, how long, and by which figure.

What belongs here: what may be declared, and the table of trials. What does not: searching
(``searched``).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from ecorse import declared
from ecorse.declared import Table
from ecorse.errors import ConfigError
from ecorse.models.relation import Column, Relation

TRIALS: Final = Relation(
    name="segmentation_trials",
    about="Every setting that a declared search tried when it last ran, and why one won",
    grain=("shop_id", "segmentation", "trial"),
    columns={
        "shop_id": Column("text", "Shop"),
        "segmentation": Column("text", "Which segmentation: the name in its declaration"),
        "trial": Column("integer", "1 for the parameters as declared, then as they were tried"),
        "parameters": Column("text", "What was searched and its values, as JSON"),
        "objective": Column("text", "The figure of the fit that the search goes by"),
        "value": Column("double precision", "That figure; null where it is undefined"),
        "is_admissible": Column("boolean", "Within the declared limits of other figures"),
        "is_chosen": Column("boolean", "The trial whose parameters were taken"),
        "reason": Column("text", "Why it was chosen or not"),
    },
    writer_column="segmentation",
)


class Range(Table):
    """Values of one parameter: from ``low`` to ``high``, or one of ``choices``."""

    low: int | FiniteFloat | None = None
    high: int | FiniteFloat | None = None
    step: int | None = Field(None, ge=1)
    log: bool = False
    choices: tuple[Any, ...] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.choices:
            if (self.low, self.high, self.step, self.log) != (None, None, None, False):
                raise ValueError("expected choices alone, or low and high")
        elif self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("expected choices, or low and a larger high")
        elif self.log and self.low <= 0:
            raise ValueError("expected low above 0 where log = true")
        elif (self.step is not None) and (self.log or not self.is_whole):
            raise ValueError("expected a step only between whole numbers, and not with log = true")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that must be allowed for all between them to be."""
        return self.choices or (self.low, self.high)


class Limit(Table):
    """What a figure must keep within for a trial to count."""

    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None

    def objection(self, name: str, value: float | None) -> str:
        """Why the figure is not within; empty if it is."""
        if value is None or not isfinite(value):
            return f"{name} is undefined"
        if self.at_least is not None and value < self.at_least:
            return f"{name} {value:.4g}, needed {self.at_least:.4g}"
        if self.at_most is not None and value > self.at_most:
            return f"{name} {value:.4g}, allowed {self.at_most:.4g}"
        return ""


class Search(Table):
    """A whole ``[search]``: what is tried, how often, how long, and by which figure.

    ``objective`` and ``limits`` name figures of the fit (``Segmentation.metrics``), or
    ``smallest_share`` and ``segments``. With ``trials`` reached the result is the same every time;
    ``seconds`` only ends the search sooner.
    """

    objective: str = Field(min_length=1)
    direction: Literal["maximize", "minimize"] = "maximize"
    trials: int = Field(20, ge=2, le=1000)
    seconds: float = Field(600, gt=0)
    seed: int = 0
    parameters: dict[str, Range] = Field(min_length=1)
    limits: dict[str, Limit] = Field(default_factory=dict)


def with_values(config: Table, values: Mapping[str, Any], where: str) -> Any:
    """A configuration with other values at dotted paths such as ``selection.k_max``.

    Raises
    ------
    ConfigError
        There is no such parameter, or it does not allow the value.
    """
    document = copy.deepcopy(config.model_dump(mode="json", by_alias=True))
    for path, value in values.items():
        *tables, key = path.split(".")
        table: Any = document
        for name in tables:
            table = table.get(name) if isinstance(table, dict) else None
        if not isinstance(table, dict) or key not in table:
            known = ", ".join(sorted(table)) if isinstance(table, dict) else "none"
            raise ConfigError(f"{where}: parameters.{path}: no such parameter; there are {known}.")
        table[key] = value
    return declared.check(document, type(config), f"{where} at {json.dumps(dict(values))}")


def check_search(search: Any, config: Table, where: str) -> None:
    """Let every end of every range be tried on the declared parameters.

    Raises
    ------
    ConfigError
        A range names no parameter, or holds values that it does not allow.
    """
    for path, values in search.parameters.items():
        for value in values.ends:
            with_values(config, {path: value}, where)
