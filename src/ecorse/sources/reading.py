"""What a shop declares otherwise than a source's contract: the table ``reading`` in ``shops.toml``.

What belongs here: which parts of a contract a shop may declare, and putting them in. What does
not: the contract itself (``ecorse.schema.contract``).
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator

from ecorse.declared import Table

if TYPE_CHECKING:
    from ecorse.schema.source import Source


def _one_character(text: str) -> str:
    if len(text) != 1:
        raise ValueError("expected one character")
    return text


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError("expected an encoding such as 'utf-8', 'latin-1' or 'cp1252'") from None
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]
OneCharacter = Annotated[str, AfterValidator(_one_character)]
Rung = Literal["id", "email", "address"]


class Reading(Table):
    """How one shop's files of a source are read; what is not given is as the contract says."""

    drift: Literal["evolve", "quarantine", "freeze"] | None = None
    encoding: Encoding | None = None
    delimiter: OneCharacter | None = None
    customer_rungs: tuple[Rung, ...] | None = None
    purchases_are_orders: bool | None = None

    def apply(self, source: Source) -> Source:
        """The source, with what is declared here in its contract."""
        given = {name: value for name, value in self if value is not None}
        if not given:
            return source
        contract: Any = replace(source.contract, **given)
        changed: Source = replace(source, contract=contract)  # type: ignore[type-var]
        return changed
