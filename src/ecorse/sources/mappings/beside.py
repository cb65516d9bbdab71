"""What a mapping says about lines beside a row's own, and rows that are none: their shape.

What belongs here: ``[[also]]``, ``[[taken_back]]``, ``[[leave_out]]``, ``fill_down`` as they are
written, and what cannot be. What does not: making the lines (``added``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from ecorse.clean.expressions import Name, compile
from ecorse.clean.operands import ExpressionError
from ecorse.declared import Table

Text = Annotated[str, Field(min_length=1)]
HOLDING_TAX = ("shipping", "fee")


class FillDownTable(Table):
    """Columns whose values stand on the first line of a group; see ``contract.FillDown``."""

    within: Text
    columns: tuple[Text, ...] = Field(min_length=1)


class AlsoTable(Table):
    """A value of a row that becomes a line of its own kind beside it.

    ``amount`` is a declared column of type decimal, or an expression. With sign ``-`` the value is
    taken off. ``once_per``: the value is said once per order, or the same on each of its lines.
    ``at`` is a declared column with its own time. ``tax``: where prices hold their tax, the part
    of ``[[also]]`` kind "tax" that this amount holds.
    """

    kind: Literal[
        "shipping", "fee", "discount", "tax", "tip", "refund", "gift_card", "voucher", "adjustment"
    ]
    amount: Text
    sign: Literal["+", "-"] = "+"
    once_per: Text | None = None
    when: Text | None = None
    at: Text | None = None
    tax: Text | None = None


class TakenBackTable(Table):
    """Rows whose lines are taken back: their lines stand once more beside the sale."""

    when: Text
    at: Text | None = None
    status: Literal["returned", "cancelled"] = "returned"


class LeaveOutTable(Table):
    """Rows that are no sales (test orders, unpaid ones): counted as ignored under the id."""

    id: Text = Field(pattern=r"^[a-z][a-z0-9_]*$")
    when: Text


def wrong_beside(
    also: tuple[AlsoTable, ...],
    taken_back: tuple[TakenBackTable, ...],
    leave_out: tuple[LeaveOutTable, ...],
    names: Mapping[str, Name],
    of_file: Mapping[str, Name],
    times: Collection[str],
    *,
    tax: str | None,
) -> Iterator[str]:
    """What these say that cannot be.

    Parameters
    ----------
    names
        What expressions may name; ``of_file``: those of ``leave_out``, which sees no constants.
    times
        Declared columns of type date or timestamp.
    tax
        What the mapping says of prices: ``included`` or ``apart``.
    """
    kinds = [one.kind for one in also]
    for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        yield (
            f"also: {kind!r} stands more than once; say one amount for all of it, such as "
            "coalesce(a, 0) + coalesce(b, 0)"
        )
    for number, one in enumerate(also, 1):
        place = f"also {number}"
        yield from _wrong_expression(f"{place}: amount", one.amount, names)
        yield from _wrong_at(place, one.at, times)
        if one.when is not None:
            yield from _wrong_expression(f"{place}: when", one.when, names, is_condition=True)
        if one.once_per is not None and one.once_per not in names:
            yield f"{place}: once_per = {one.once_per!r}: no column is called so"
        yield from _wrong_tax(place, one, next((t for t in also if t.kind == "tax"), None), tax)
        if one.tax is not None:
            yield from _wrong_expression(f"{place}: tax", one.tax, names)
        if one.kind == "tax" and tax is None:
            yield f'{place}: say tax = "included" or tax = "apart": whether prices include it'
    for number, back in enumerate(taken_back, 1):
        place = f"taken_back {number}"
        yield from _wrong_expression(f"{place}: when", back.when, names, is_condition=True)
        yield from _wrong_at(place, back.at, times)
    for left in leave_out:
        place = f"leave_out {left.id!r}"
        yield from _wrong_expression(place, left.when, of_file, is_condition=True)


def _wrong_tax(
    place: str, one: AlsoTable, of_prices: AlsoTable | None, tax: str | None
) -> Iterator[str]:
    """What it says of the tax that it holds itself: asked where prices do, else there is none."""
    is_asked = tax == "included" and of_prices is not None
    if one.kind in HOLDING_TAX and is_asked and one.tax is None:
        yield (
            f'{place}: prices hold their tax, and this may too: say tax = "...", the part of '
            "[[also]] kind 'tax' that this amount holds, or tax = \"0\""
        )
    if one.tax is None:
        return
    if one.kind not in HOLDING_TAX or not is_asked or of_prices is None:
        yield (
            f'{place}: tax is for {" and ".join(HOLDING_TAX)}, where tax = "included" and an '
            "[[also]] of kind 'tax' has it"
        )
    elif one.once_per != of_prices.once_per:
        yield f"{place}: tax: its once_per is another than that of [[also]] kind 'tax'"


def _wrong_at(place: str, at: str | None, times: Collection[str]) -> Iterator[str]:
    if at is not None and at not in times:
        yield f"{place}: at = {at!r}: no column of type date or timestamp is called so"


def _wrong_expression(
    place: str, text: str, names: Mapping[str, Name], *, is_condition: bool = False
) -> Iterator[str]:
    try:
        value = compile(as_expression(text, names), names, is_condition=is_condition)
    except ExpressionError as error:
        yield f"{place}: {error}"
        return
    if not is_condition and value.kind != "number":
        yield f"{place}: expected a number; {text!r} is {value.kind}"


def as_expression(text: str, names: Mapping[str, Name]) -> str:
    """A name that is written without quotes, though SQL would want them, as an expression."""
    return '"' + text.replace('"', '""') + '"' if text in names else text
