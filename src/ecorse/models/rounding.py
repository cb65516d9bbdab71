"""How far off a rounded number may be: what checks allow, on any shop.

What belongs here: the bounds that follow from decimals and floating point. What does not: the rules
that use them.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

Decimals = Annotated[int, Field(ge=0, le=15)]
"""To how many decimals a column is rounded: what is computed from it can be no better."""
FLOAT_NOISE: Final = "1e-14"
"""By what part of its size a double precision number may be off after a few steps."""


def half_unit(decimals: int) -> str:
    """How far off rounding to so many decimals may be: ``5e-9`` for 8."""
    return f"5e-{decimals + 1}"
