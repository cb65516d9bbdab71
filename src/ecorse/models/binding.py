"""How a table's columns that are called like a measure are held to the measure.

What belongs here: the declaration, in a mart's header (``[[measures]]``) or of a model's table
(``Relation.bindings``). What does not: what the measures are, and the checks that follow
(``ecorse.refresh.measures``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from ecorse import declared
from ecorse.models.checks import CheckName, Column, Columns, Condition, Source
from ecorse.models.table_rules import PER_SHOP, Pairs


class Binding(declared.Table):
    """How a mart's rows relate to the shop's figure of some measures (``[[measures]]``).

    ``rows`` is ``whole``: the rows where ``where`` holds add up to the canonical figure, per group
    of ``by`` (the shop) and of ``month``, for each value of ``each`` on its own; ``part``: parts
    that may overlap, each between 0 and it; ``own``: the check ``check`` of the mart holds them to
    it, as no sum can. ``where_there`` says which of the canonical rows count here; ``table`` is
    another mart with the same column that these rows are compared with instead.
    """

    names: Columns = Field(description='the columns, such as ["orders", "units"]')
    rows: Literal["whole", "part", "own"] = Field(description='"whole", "part" or "own"')
    by: Pairs = PER_SHOP
    month: Column | Literal[""] = ""
    each: tuple[Column, ...] = ()
    where: Condition = ""
    where_there: Condition = ""
    table: Source | Literal[""] = ""
    only_here: bool = False
    check: CheckName = ""

    def mistakes(self) -> Iterable[str]:
        if (self.rows == "own") != bool(self.check):
            yield 'check names what holds the column to the measure, where rows = "own"'
        if self.rows != "whole" and (self.each or self.only_here):
            yield 'each and only_here are for rows = "whole"'
