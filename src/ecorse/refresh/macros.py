"""Bands in SQL: ``daypart(hour)`` and ``price_band(price)`` of a mart become a case expression.

What belongs here: the names that SQL may use, and what is put for them. What does not: the bounds
(``ecorse.bands``, ``ecorse.clock``), so that SQL and Python cannot tell different dayparts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from ecorse import bands, clock
from ecorse.errors import ConfigError


def _name(of: bands.Bands) -> Callable[[exp.Expression], exp.Expression]:
    return lambda value: _case(value, of, [exp.Literal.string(name) for name in of.names])


def _number(of: bands.Bands) -> Callable[[exp.Expression], exp.Expression]:
    numbers = range(1, len(of.names) + 1)
    return lambda value: _case(value, of, [exp.Literal.number(number) for number in numbers])


def _case(
    value: exp.Expression, of: bands.Bands, results: Sequence[exp.Expression]
) -> exp.Expression:
    """The band of a value; what is not known is in none."""
    case = exp.Case()
    for bound, result in zip(of.bounds, results[:-1], strict=True):
        case = case.when(exp.LT(this=value.copy(), expression=exp.Literal.number(bound)), result)
    return case.when(exp.Not(this=exp.Is(this=value.copy(), expression=exp.null())), results[-1])


FUNCTIONS: dict[str, Callable[[exp.Expression], exp.Expression]] = {
    "daypart": _name(clock.DAYPARTS),
    "price_band": _name(bands.PRICES),
    "price_band_number": _number(bands.PRICES),
}
"""What a mart's SQL may call, with one argument."""


_CALL = re.compile(rf"\b(?:{'|'.join(FUNCTIONS)})\(", re.IGNORECASE)


def has_bands(sql: str) -> bool:
    """Whether a text calls one of ``FUNCTIONS``."""
    return _CALL.search(sql) is not None


def expand(select: exp.Select, where: str) -> exp.Select:
    """Put the case expression for every call of a band's function.

    Raises
    ------
    ConfigError
        A function of ``FUNCTIONS`` is called with more or fewer than one argument.
    """
    for call in list(select.find_all(exp.Anonymous)):
        function = FUNCTIONS.get(call.name.lower())
        if function is None:
            continue
        if len(call.expressions) != 1:
            raise ConfigError(f"{where}: {call.name} takes one argument, the number to be named.")
        call.replace(function(call.expressions[0]))
    return select
