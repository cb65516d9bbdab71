"""What a shop declares otherwise than a source's contract: the table ``reading`` in ``shops.toml``.

What belongs here: which parts of a contract a shop may declare, and putting them in. What does
not: the contract itself (``ecorse.schema.contract``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ecorse.declared import refuse
from ecorse.schema.contract import Column, DecimalSign
from ecorse.sources.shaping import Groups, ShapeTable, contradictions

if TYPE_CHECKING:
    from ecorse.schema.source import Source

Rung = Literal["id", "email", "address"]


class Reading(ShapeTable):
    """How one shop's files of a source are read; what is not given is as the contract says."""

    drift: Literal["evolve", "quarantine", "freeze"] | None = None
    customer_rungs: tuple[Rung, ...] | None = None
    purchases_are_orders: bool | None = None
    decimal: DecimalSign | None = None
    group: Groups | None = None

    def apply(self, source: Source) -> Source:
        """The source, with what is declared here in its contract.

        Raises
        ------
        ConfigError
            What is declared here and what the source declares contradict each other.
        """
        contract = source.contract
        shape = self.shape(contract.shape)
        refuse(f"reading of {contract.name}", list(contradictions(shape)))
        given = {
            name: value
            for name in ("drift", "customer_rungs", "purchases_are_orders")
            if (value := getattr(self, name)) is not None
        }
        forms = tuple(
            replace(form, columns=tuple(self._signs(column) for column in form.columns))
            for form in contract.forms
        )
        changed: Any = replace(contract, shape=shape, forms=forms, **given)
        if changed == contract:
            return source
        made: Source = replace(source, contract=changed)  # type: ignore[type-var]
        return made

    def _signs(self, column: Column) -> Column:
        """A column with the signs that the shop's numbers have."""
        if column.type not in ("decimal", "percent", "integer"):
            return column
        decimal = column.decimal if self.decimal is None else self.decimal
        group = column.group
        if self.decimal is not None:
            group = "." if decimal == "," else ""
        return replace(column, decimal=decimal, group=group if self.group is None else self.group)
