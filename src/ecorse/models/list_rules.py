"""What ``include/rules.toml`` says: the shop's own rules for the lists of its customers.

What belongs here: reading the file; it imports no model and no data library, since DAG files read
it. What does not: which products a rule is about tonight (``ecorse.training.shop_rules``), how
lists keep to it (``ecorse.recommenders.choosing``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from ecorse import declared
from ecorse.bands import PRICES
from ecorse.declared import Table
from ecorse.errors import ConfigError
from ecorse.models.model_file import Text
from ecorse.models.recommender_file import LISTS, ListKind
from ecorse.settings import Settings, get_settings

FILE: Final = "rules.toml"
EVERY_SHOP: Final = "*"
PICKS: Final = ("products", "categories", "brands", "select")


class ListRule(Table):
    """What every rule says: whose lists, which kinds of them, and from when to when.

    ``from`` and ``to`` are days of the shop's data, both included.
    """

    shop_id: Text = EVERY_SHOP
    lists: tuple[ListKind, ...] = Field(LISTS, min_length=1)
    from_: date | None = Field(None, alias="from")
    to: date | None = None

    def mistakes(self) -> Iterable[str]:
        """It is over before it begins."""
        if self.from_ and self.to and self.to < self.from_:
            yield f"to = {self.to}: before from = {self.from_}"

    def is_for(self, shop_id: str, day: date) -> bool:
        """Whether it holds for a shop whose data ends on ``day``."""
        begun, over = not self.from_ or self.from_ <= day, self.to and self.to < day
        return self.shop_id in (EVERY_SHOP, shop_id) and begun and not over

    def meets(self, other: ListRule) -> bool:
        """Whether both may hold for one list on one day."""
        shops = {self.shop_id, other.shop_id}
        first, last = self.from_ or date.min, self.to or date.max
        return (
            (len(shops) == 1 or EVERY_SHOP in shops)
            and bool({*self.lists} & {*other.lists})
            and first <= (other.to or date.max)
            and (other.from_ or date.min) <= last
        )


class PickingRule(ListRule):
    """A rule about products: those named, and those of the categories, brands and the select.

    ``select`` gives ``shop_id`` and ``product_id`` from ``marts.*`` or ``staging.*``.
    """

    products: tuple[Text, ...] = ()
    categories: tuple[Text, ...] = ()
    brands: tuple[Text, ...] = ()
    select: str = ""

    def mistakes(self) -> Iterable[str]:
        """It names nothing."""
        yield from super().mistakes()
        if not any(getattr(self, key) for key in PICKS):
            yield f"names no product; expected one or more of {', '.join(PICKS)}"


class Exclude(PickingRule):
    """These products are on no list."""

    rule: Literal["exclude"]


class Only(PickingRule):
    """No other products are on a list, such as those that are not in stock."""

    rule: Literal["only"]


class Boost(PickingRule):
    """The scores of these products are times ``factor``; below 1 they come later."""

    rule: Literal["boost"]
    factor: float = Field(gt=0, le=1000, allow_inf_nan=False)


class Pin(ListRule):
    """A product at a place of every list that it may be on."""

    rule: Literal["pin"]
    product: Text
    place: int = Field(ge=1)


class CategoryCap(ListRule):
    """At most so many products of one category on a list; without ``categories`` of every one.

    Products whose category is not known are not counted.
    """

    rule: Literal["category_cap"]
    at_most: int = Field(ge=1)
    categories: tuple[Text, ...] = ()


class PriceBand(ListRule):
    """Only products of these bands of ``marts.recommendable_products``, or up to one of them."""

    rule: Literal["price_band"]
    only: tuple[Text, ...] = ()
    at_most: str = ""

    @property
    def bands(self) -> tuple[str, ...]:
        """The names of the bands that may be listed."""
        return self.only or PRICES.names[: PRICES.names.index(self.at_most) + 1]

    def mistakes(self) -> Iterable[str]:
        """Bands that there are not; both keys, or none."""
        yield from super().mistakes()
        if bool(self.only) == bool(self.at_most):
            yield "expected either only or at_most"
        for band in (*self.only, *filter(None, [self.at_most])):
            if band not in PRICES.names:
                yield f"no price band {band!r}; there are {', '.join(map(repr, PRICES.names))}"


AnyRule = Annotated[
    Exclude | Only | Boost | Pin | CategoryCap | PriceBand, Field(discriminator="rule")
]


class RulesFile(Table):
    """The whole file; a rule is known by its place in it."""

    rules: tuple[AnyRule, ...] = Field((), description="a table [[rules]] per rule")

    def mistakes(self) -> Iterable[str]:
        """Those of each rule, and pins that want one place, or one product at two places."""
        for number, rule in enumerate(self.rules):
            yield from (f"rules[{number}]: {mistake}" for mistake in rule.mistakes())
        pins = [(n, rule) for n, rule in enumerate(self.rules) if isinstance(rule, Pin)]
        for place, (number, pin) in enumerate(pins):
            for other_number, other in pins[:place]:
                if not pin.meets(other):
                    continue
                for key in ("place", "product"):
                    if getattr(pin, key) == getattr(other, key):
                        yield (
                            f"rules[{number}].{key} = {getattr(pin, key)!r}: rules[{other_number}] "
                            "pins the same, for the same lists and days"
                        )

    @property
    def names_brands(self) -> bool:
        """Whether a rule needs to know the brand of products."""
        return any(isinstance(rule, PickingRule) and rule.brands for rule in self.rules)

    def selects(self) -> Mapping[int, str]:
        """The select of each rule that has one, by the rule's place in the file."""
        return {
            number: rule.select
            for number, rule in enumerate(self.rules)
            if isinstance(rule, PickingRule) and rule.select
        }

    def refuse_unknown_shops(self, known: Collection[str]) -> None:
        """Refuse rules for a shop that there is not: nobody would miss them.

        Raises
        ------
        ConfigError
            With file and key.
        """
        declared.refuse(
            f"include/{FILE}",
            [
                f"rules[{number}].shop_id = {rule.shop_id!r}: expected {EVERY_SHOP!r} or one of "
                f"{', '.join(sorted(known))}"
                for number, rule in enumerate(self.rules)
                if rule.shop_id not in (EVERY_SHOP, *known)
            ],
        )

    def refuse_impossible(self, lengths: Sequence[tuple[str, ListKind, int]]) -> None:
        """Refuse places that a list has not, and kinds of lists that nobody makes.

        ``lengths``: of each declared recommender and kind of list, its name and ``top_n``.

        Raises
        ------
        ConfigError
            With file and key.
        """
        mistakes = []
        for number, rule in enumerate(self.rules):
            if rule.lists != LISTS:  # whoever names none means those that there are
                made = {kind for _, kind, _ in lengths}
                mistakes += [
                    f"rules[{number}].lists: no recommender of include/models makes {kind}"
                    for kind in rule.lists
                    if kind not in made
                ]
            if isinstance(rule, Pin):
                mistakes += [
                    f"rules[{number}].place = {rule.place}: lists {kind} of {name} have {length} "
                    "places"
                    for name, kind, length in lengths
                    if kind in rule.lists and rule.place > length
                ]
        declared.refuse(f"include/{FILE}", mistakes)


NO_RULES: Final = RulesFile()


def load_rules(settings: Settings | None = None) -> RulesFile:
    """Read ``include/rules.toml``; no file is no rule.

    Raises
    ------
    ConfigError
        The file says what no rule can be; every mistake is named.
    """
    found = (settings or get_settings()).files(FILE)
    if not found:
        return NO_RULES
    path = found[0]
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    return _read(path, changed)


@lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int) -> RulesFile:
    return declared.read(path, RulesFile)
