"""What a shop declares otherwise than a source's contract: the table ``reading`` in ``shops.toml``.

What belongs here: which parts of a contract a shop may declare, and putting them in. What does
not: the contract itself (``ecorse.schema.contract``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ecorse.declared import refuse
from ecorse.sources.shaping import ShapeTable, contradictions

if TYPE_CHECKING:
    from ecorse.schema.source import Source

Rung = Literal["id", "email", "address"]


class Reading(ShapeTable):
    """How one shop's files of a source are read; what is not given is as the contract says."""

    drift: Literal["evolve", "quarantine", "freeze"] | None = None
    customer_rungs: tuple[Rung, ...] | None = None
    purchases_are_orders: bool | None = None

    def apply(self, source: Source) -> Source:
        """The source, with what is declared here in its contract.

        Raises
        ------
        ConfigError
            What is declared here and what the source declares contradict each other.
        """
        own = set(Reading.model_fields) - set(ShapeTable.model_fields)
        given = {name: getattr(self, name) for name in own if getattr(self, name) is not None}
        shape = self.shape(source.contract.shape)
        if not given and shape == source.contract.shape:
            return source
        refuse(f"reading of {source.contract.name}", list(contradictions(shape)))
        contract: Any = replace(source.contract, shape=shape, **given)
        changed: Source = replace(source, contract=contract)  # type: ignore[type-var]
        return changed
