"""``[[also]]`` of a draft: written where the sample proves it, else asked with what speaks against.

What belongs here: the lines of a draft about money beside the goods. What does not: what the
sample proves (``draft_money``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ecorse.sources.mappings.draft_look import Look
from ecorse.sources.mappings.draft_money import Money, Part
from ecorse.sources.mappings.draft_statuses import back_words

# kinds that are added by being said once per order; tax and discounts may be in the prices already
PLAIN = ("shipping", "tip", "refund")
DOUBTS = {
    "tax": "is it beside the prices, or in them (tax)?",
    "discount": "is it taken off the prices already?",
    "fee": 'does the customer pay it ("+"), or does a platform keep it ("-" or left out)?',
    "gift_card": "was a card sold, or was the order paid with one (then leave it out)?",
}


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


class Beside:
    """The lines about money beside the goods; ``order`` is the name of the order's column."""

    def __init__(self, money: Money, order: str, status: Look | None) -> None:
        self.money, self.order, self.status = money, order, status
        self.written = [part for part in money.parts if _is_proven(part)]
        for part in list(self.written):  # one of a kind, or several that are said alike
            first = next(p for p in self.written if p.kind == part.kind)
            if (part.scope, part.sign) != (first.scope, first.sign):
                self.written.remove(part)
                part.against = (
                    f"there is one [[also]] of a kind, and {first.name!r} is said otherwise"
                )

    def head(self) -> Iterator[str]:
        """The keys above the columns: whether prices have their tax."""
        taxes = [part for part in self.money.parts if part.kind == "tax"]
        if any(part in self.written for part in taxes):
            yield f"# proven: {self.money.total}"
            yield 'tax = "apart"'
        elif taxes:
            yield '# QUESTION: do prices include their tax? Then tax = "included", else:'
            yield '# tax = "apart"'

    def lines(self) -> Iterator[str]:
        """Every ``[[also]]``, those that are proven first."""
        for kind in dict.fromkeys(part.kind for part in self.written):
            parts = [part for part in self.written if part.kind == kind]
            yield ""
            for part in parts:
                yield f"# proven: {part.name!r} {self._why(part)}"
            yield from self._also(parts)
        for part in self.money.parts:
            if part not in self.written:
                yield ""
                about = f"{part.name!r} may be money of the kind {part.kind}"
                yield f"# QUESTION: {about}: {self._open(part)}"
                yield from (f"# {line}" for line in self._also([part]))

    def _why(self, part: Part) -> str:
        said = part.evidence or part.against
        if part.in_total:
            return f"is in the order's total ({self.money.total}); {said}"
        return f"is said once per order: {said}"

    def _open(self, part: Part) -> str:
        if part.same_as:
            return f"it says the same money as {part.same_as!r}, which would count twice. Else:"
        told = [text for text in (part.evidence, part.against) if text]
        if part.in_total is False and part.kind != "refund":
            told.append(f"the order's total holds without it ({self.money.total})")
        doubt = DOUBTS.get(part.kind, "")
        if part.scope == "row":
            doubt = f"{doubt} If it is beside the prices, it is said per row."
        elif not part.scope:
            doubt = f"{doubt} Once per order, or on every row (then without once_per)?"
        return f"{'; '.join(told)}. {doubt.strip()} If so:"

    def _also(self, parts: Sequence[Part]) -> Iterator[str]:
        first = parts[0]
        amount = first.name
        if len(parts) > 1:
            names = ['"' + part.name.replace('"', '""') + '"' for part in parts]
            each = [f"coalesce({name}, 0)" for name in names]
            if first.is_on_first_line:  # further rows say nothing, and so does the sum
                each[0] = names[0]
            amount = " + ".join(each)
        yield "[[also]]"
        yield f"kind = {_quoted(first.kind)}"
        yield f"amount = {_quoted(amount)}"
        if first.sign == "-":
            yield 'sign = "-"'
        if first.scope != "row" and not first.is_zero_below:
            yield f"once_per = {_quoted(self.order)}"
        if first.kind == "refund" and self.status is not None:
            words = back_words(self.status.texts)
            if words:
                name = '"' + self.status.name.replace('"', '""') + '"'
                listed = ", ".join("'" + word.replace("'", "''") + "'" for word in words)
                when = f"{name} is null or {name} not in ({listed})"
                yield f"when = {_quoted(when)}  # rows of these are taken back whole"


def _is_proven(part: Part) -> bool:
    if part.same_as:
        return False
    if part.in_total:
        return bool(part.scope)
    if part.scope != "order" or part.kind not in PLAIN:
        return False
    return part.in_total is None or part.kind == "refund"
