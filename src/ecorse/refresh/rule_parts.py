"""The rules of ``include/rules.toml`` as parameters of the templates that are made of them.

What belongs here: from the file to parts of SQL: what each rule says, which lists it is for, which
names and selects pick its products. What does not: what a rule may say (``models.list_rules``);
what the rules come to (``include/sql/marts/products``: ``rule_products``, ``rules_in_force``,
``ruled_products``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from sqlglot import exp

from ecorse.errors import ConfigError
from ecorse.models.action import literal
from ecorse.models.list_rules import (
    FILE,
    AnyRule,
    Boost,
    CategoryCap,
    PickingRule,
    Pin,
    PriceBand,
    RulesFile,
)
from ecorse.refresh.render import parse_select

Part = tuple[tuple[str, str], ...]
KIND = {"products": "product", "categories": "category", "brands": "brand"}
NEEDED = ("shop_id", "product_id")


def parts_of(file: RulesFile) -> dict[str, tuple[Part, ...]]:
    """What the templates repeat for each rule, each list of a rule, each name and each select.

    Raises
    ------
    ConfigError
        A select cannot be read, or does not give shop and product; the message names the rule.
    """
    return {
        "shop_rules": tuple(_rule(n, rule) for n, rule in enumerate(file.rules)),
        "rule_lists": tuple(
            _part(rule=n, list=literal(name))
            for n, rule in enumerate(file.rules)
            for name in dict.fromkeys(rule.lists)
        ),
        "rule_names": tuple(
            _part(rule=n, shop=literal(rule.shop_id), kind=literal(kind), label=literal(label))
            for n, rule in enumerate(file.rules)
            for kind, label in dict.fromkeys(_names(rule))
        ),
        "rule_selects": tuple(
            _part(rule=n, shop=literal(rule.shop_id), text=_select(rule.select, n))
            for n, rule in enumerate(file.rules)
            if isinstance(rule, PickingRule) and rule.select
        ),
    }


def _part(**values: str | int) -> Part:
    return tuple((name, str(value)) for name, value in values.items())


def _rule(number: int, rule: AnyRule) -> Part:
    return _part(
        rule=number,
        shop=literal(rule.shop_id),
        kind=literal(rule.rule),
        declared=literal(rule.model_dump_json(by_alias=True, exclude_defaults=True)),
        is_narrowing="true" if rule.is_narrowing else "false",
        factor=repr(rule.factor) if isinstance(rule, Boost) else "null",
        place=rule.place if isinstance(rule, Pin) else "null",
        at_most=rule.at_most if isinstance(rule, CategoryCap) else "null",
        from_date=literal(str(rule.from_)) if rule.from_ else "null",
        to_date=literal(str(rule.to)) if rule.to else "null",
    )


def _names(rule: AnyRule) -> Iterator[tuple[str, str]]:
    """What a rule names: the kind of each name as ``rule_products`` has it, and the name."""
    if isinstance(rule, Pin):
        yield "product", rule.product
    elif isinstance(rule, PriceBand):
        yield from (("price band", band) for band in rule.bands)
    elif isinstance(rule, CategoryCap) and not rule.categories:
        yield "any category", ""
    else:
        for key, kind in KIND.items():
            yield from ((kind, label) for label in getattr(rule, key, ()))


@lru_cache(maxsize=256)
def _select(text: str, number: int) -> str:
    where = f"include/{FILE}: rules[{number}].select"
    select = parse_select(text, where)
    given = select.named_selects
    missing = [name for name in NEEDED if name not in given]
    if missing and not any(isinstance(one, exp.Star) or one.is_star for one in select.expressions):
        raise ConfigError(
            f"{where} gives no column {', '.join(missing)}; it gives {', '.join(given)}. Expected "
            f"{' and '.join(NEEDED)}."
        )
    return text.strip().rstrip(";")
