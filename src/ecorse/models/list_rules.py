"""What ``include/rules.toml`` says: the shop's own rules for everything that it recommends.

What belongs here: reading the file; it imports no model and no data library, since DAG files read
it. What does not: which products a rule is about tonight (``include/sql/marts/products``:
``rule_products``, ``rules_in_force``, ``ruled_products``), how lists keep to it
(``ecorse.recommenders.choosing``, ``ecorse.answering.ruled``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from ecorse import declared
from ecorse.bands import PRICES
from ecorse.declared import Table
from ecorse.errors import ConfigError
from ecorse.models.model_file import Text
from ecorse.models.recommender_file import LISTS
from ecorse.settings import Settings, get_settings

FILE: Final = "rules.toml"
EVERY_SHOP: Final = "*"
PICKS: Final = ("products", "categories", "brands", "select")
RuledList = Literal["for_you", "explore", "buy_again", "segment", "popular", "basket", "query"]
# what is shown besides the lists of customers: two marts, and answers for products and for words
OTHER_LISTS: Final[tuple[RuledList, ...]] = ("segment", "popular", "basket", "query")
EVERY_LIST: Final[tuple[RuledList, ...]] = (*LISTS, *OTHER_LISTS)
# the marts that say which rules hold tonight, and what they come to
RULE_MARTS: Final = frozenset({"rules_in_force", "ruled_products"})
MART_PLACES: Final = 20
LENGTHS_OF_MARTS: Final[tuple[tuple[str, RuledList, int], ...]] = (
    ("marts.segment_recommendations", "segment", MART_PLACES),
    ("marts.popular_recommendations", "popular", MART_PLACES),
)


class ListRule(Table):
    """What every rule says: whose lists, which kinds of them, and from when to when.

    ``from`` and ``to`` are days of the shop's data, both included. ``is_narrowing``: whether it
    leaves fewer products to choose from.
    """

    is_narrowing: ClassVar[bool] = False
    shop_id: Text = EVERY_SHOP
    lists: tuple[RuledList, ...] = Field(EVERY_LIST, min_length=1)
    from_: date | None = Field(None, alias="from")
    to: date | None = None

    def mistakes(self) -> Iterable[str]:
        """It is over before it begins."""
        if self.from_ and self.to and self.to < self.from_:
            yield f"to = {self.to}: before from = {self.from_}"

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
    is_narrowing: ClassVar[bool] = True


class Only(PickingRule):
    """No other products are on a list, such as those that are not in stock."""

    rule: Literal["only"]
    is_narrowing: ClassVar[bool] = True


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
    is_narrowing: ClassVar[bool] = True
    at_most: int = Field(ge=1)
    categories: tuple[Text, ...] = ()

    def mistakes(self) -> Iterable[str]:
        """An empty list of categories, which is not the same as none named: every one."""
        yield from super().mistakes()
        if "categories" in self.model_fields_set and not self.categories:
            yield "categories = []: names none; leave the key out for every category"


class PriceBand(ListRule):
    """Only products of these bands of ``marts.recommendable_products``, or up to one of them."""

    rule: Literal["price_band"]
    is_narrowing: ClassVar[bool] = True
    only: tuple[Text, ...] = ()
    at_most: str = ""

    @property
    def bands(self) -> tuple[str, ...]:
        """The names of the bands that may be listed; a product without one is in none."""
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

    def refuse_impossible(self, lengths: Sequence[tuple[str, RuledList, int]]) -> None:
        """Refuse places that a list has not, and kinds of lists that nobody makes.

        ``lengths``: of each declared recommender and kind of list, its name and ``top_n``.

        Raises
        ------
        ConfigError
            With file and key.
        """
        made = {*OTHER_LISTS, *(kind for _, kind, _ in lengths)}
        mistakes = []
        for number, rule in enumerate(self.rules):
            places = lengths
            if rule.lists != EVERY_LIST:  # whoever names none means those that there are
                places = [*lengths, *LENGTHS_OF_MARTS]
                mistakes += [
                    f"rules[{number}].lists: no recommender of include/models makes {kind}"
                    for kind in rule.lists
                    if kind not in made
                ]
            if isinstance(rule, Pin):
                mistakes += [
                    f"rules[{number}].place = {rule.place}: lists {kind} of {name} have {length} "
                    "places"
                    for name, kind, length in places
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
