"""What a mapping file may say, checked whole: every mistake is told at once.

What belongs here: the file's shape and its checks. What does not: what becomes of data rows
(``source``).
"""

from __future__ import annotations

import codecs
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecorse.errors import ConfigError
from ecorse.schema.contract import Column, Contract, Form, Rule

# canonical columns that a mapping may fill, by table; those marked * every row needs
TARGETS = {
    "order_lines": (
        "order_id*", "product_id", "product_name", "category", "category_path", "brand",
        "quantity*", "unit_price*", "ordered_at", "ordered_local", "customer_id",
        "customer_email", "address", "street", "city", "region", "postal_code", "country",
        "platform", "status", "line_kind",
    ),
    "events": (
        "event_at*", "event_type*", "product_id", "customer_id", "customer_email", "session_id",
        "price", "quantity", "rating", "query", "platform", "country", "category_id",
        "category_path", "brand",
    ),
    "products": (
        "product_id*", "product_name", "category", "category_path", "brand", "description",
        "image_uri", "price",
    ),
    "customers": ("customer_id*",),
}  # fmt: skip
# what staging allows in these columns; the file's own words may be mapped to them in [values]
ALLOWED = {
    "status": ("sold", "cancelled", "returned"),
    "line_kind": ("product", "shipping", "fee", "discount", "voucher", "adjustment", "manual",
                  "sample"),
    "event_type": ("view", "cart", "remove_from_cart", "purchase", "search", "click", "bookmark",
                   "rating"),
}  # fmt: skip
WITH_ATTRIBUTES = ("products", "customers")
TYPES = {
    "quantity": "integer", "unit_price": "decimal", "price": "decimal", "rating": "decimal",
    "ordered_at": "timestamp", "ordered_local": "timestamp", "event_at": "timestamp",
}  # fmt: skip
Text = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnTable(_Table):
    """A column of a file, and what it becomes; see ``ecorse.schema.contract.Column``."""

    name: str
    target: Text | None = None
    type: Literal["text", "integer", "decimal", "boolean", "date", "timestamp"] = "text"
    required: bool = True
    aliases: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    normalise: tuple[Literal["currency_sign", "thousands", "integral_decimal"], ...] = ()
    zone: str = "shop"

    def column(self) -> Column:
        """The declaration that casting works by."""
        return Column(**self.model_dump())


class RuleTable(_Table):
    """A condition on a canonical column; see ``ecorse.schema.contract.Rule``."""

    id: Text
    column: Text
    check: Literal["not_empty", "greater", "at_least", "at_most", "one_of", "matches"]
    sentence: Text
    bound: str = ""
    level: Literal["reject", "flag"] = "reject"


class LookupTable(_Table):
    """Another file of the same folder: where ``on`` agrees, its ``columns`` are the row's too.

    ``on`` maps a column of the row (of the file, or of a lookup before) to one of the other file.
    """

    file: Text
    on: dict[str, str] = Field(min_length=1)
    columns: tuple[ColumnTable, ...] = Field(min_length=1)


class MappingFile(_Table):
    """A whole mapping file."""

    about: Text
    table: Literal["order_lines", "events", "products", "customers"]
    columns: tuple[ColumnTable, ...] = Field(min_length=1)
    rules: tuple[RuleTable, ...] = ()
    lookups: tuple[LookupTable, ...] = ()
    constants: dict[str, str | int | float | bool] = {}
    values: dict[str, dict[str, str]] = {}
    dedup_key: tuple[str, ...] = ()
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8"
    drift: Literal["evolve", "quarantine", "freeze"] = "evolve"
    customer_rungs: tuple[Literal["id", "email", "address"], ...] = ("id", "email")

    @property
    def every_column(self) -> tuple[ColumnTable, ...]:
        """The columns of the file and of its lookups."""
        return self.columns + tuple(c for lookup in self.lookups for c in lookup.columns)


def read_declared(path: Path) -> tuple[MappingFile, Contract]:
    """What a mapping file says, and the contract it makes.

    Raises
    ------
    ConfigError
        The file is no TOML or says something that a mapping cannot say; every mistake is named.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        declared = MappingFile.model_validate(document)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except ValidationError as error:
        mistakes = [f"{_where(e['loc'])}: {e['msg']}" for e in error.errors()]
        raise ConfigError(_told(path, mistakes)) from None
    if mistakes := list(_mistakes(declared)):
        raise ConfigError(_told(path, mistakes))
    return declared, _contract(path.stem, declared)


def _where(location: tuple[int | str, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).lstrip(".")


def _told(path: Path, mistakes: list[str]) -> str:
    return f"{path}: {len(mistakes)} mistakes. " + " | ".join(mistakes)


def _mistakes(declared: MappingFile) -> list[str]:
    """What is well-formed and makes no sense: targets, types, rules, lookups."""
    names = [t.rstrip("*") for t in TARGETS[declared.table]]
    needed = [t.rstrip("*") for t in TARGETS[declared.table] if t.endswith("*")]
    given = [c.target for c in declared.every_column if c.target] + list(declared.constants)
    wrong = []
    for target in given:
        is_attribute = declared.table in WITH_ATTRIBUTES and target.startswith("attributes.")
        if target not in names and not is_attribute:
            more = ", attributes.<name>" if declared.table in WITH_ATTRIBUTES else ""
            wrong.append(
                f"target {target!r}: staging.{declared.table} has no such column; it has "
                f"{', '.join(names)}{more}"
            )
    wrong += [
        f"target {t!r} is filled twice" for t in sorted({t for t in given if given.count(t) > 1})
    ]
    wrong += [f"no column fills {t!r}, which every row needs" for t in needed if t not in given]
    if declared.table == "order_lines":
        if not {"ordered_at", "ordered_local"} & set(given):
            wrong.append("no column fills 'ordered_local' (or 'ordered_at', for UTC instants)")
        if not {"product_id", "product_name"} & set(given):
            wrong.append("no column fills 'product_id' or 'product_name'")
    for column in declared.every_column:
        expected = TYPES.get(column.target or "")
        if expected and column.type != expected:
            wrong.append(
                f"column {column.name!r}: {column.target} is a {expected}, not {column.type}"
            )
        if (column.type in ("date", "timestamp")) != bool(column.formats):
            wrong.append(
                f"column {column.name!r}: a date or timestamp, and nothing else, needs formats "
                'such as ["%Y-%m-%d %H:%M"]'
            )
    wrong += [
        f"rule {rule.id!r}: no column fills {rule.column!r}"
        for rule in declared.rules
        if rule.column not in given
    ]
    for target, allowed in ALLOWED.items():
        words = [declared.constants.get(target), *declared.values.get(target, {}).values()]
        wrong += [
            f"{target} = {word!r}: expected one of {', '.join(allowed)}"
            for word in words
            if word is not None and word not in allowed
        ]
    try:
        codecs.lookup(declared.encoding)
    except LookupError:
        wrong.append(f"encoding {declared.encoding!r} is not known; use e.g. utf-8 or cp1252")
    wrong += [
        f"lookup file {lookup.file!r}: expected the name of a file of the same folder"
        for lookup in declared.lookups
        if "/" in lookup.file or "\\" in lookup.file
    ]
    wrong += [f"values.{t}: no column fills {t!r}" for t in declared.values if t not in given]
    wrong += [f"dedup_key: no column fills {t!r}" for t in declared.dedup_key if t not in given]
    return wrong


def _bounds_of_staging(declared: MappingFile) -> list[Rule]:
    """Rules for what the staging table could not hold, where the mapping states none of its own."""
    given = {c.target for c in declared.every_column}
    rules = []
    if "quantity" in given:
        told = "expected between -1000000 and 1000000 pieces"
        rules += [
            Rule("quantity_too_large", "quantity", "at_most", told, "1000000"),
            Rule("quantity_too_small", "quantity", "at_least", told, "-1000000"),
        ]
    if "rating" in given:
        rules.append(Rule("rating_too_large", "rating", "at_most", "expected at most 100", "100"))
    for target, allowed in ALLOWED.items():
        if target in given:
            words = "|".join((*declared.values.get(target, {}), *allowed))
            sentence = f"expected one of {words.replace('|', ', ')}"
            rules.append(Rule(f"{target}_unknown", target, "one_of", sentence, words))
    return rules


def _contract(name: str, declared: MappingFile) -> Contract:
    rules = [Rule(**rule.model_dump()) for rule in declared.rules]
    stated = {rule.column for rule in rules if rule.check == "not_empty"}
    for target in TARGETS[declared.table]:
        column = target.rstrip("*")
        if target.endswith("*") and column not in stated and column not in declared.constants:
            rules.append(Rule(f"{column}_empty", column, "not_empty", "every row needs one"))
    rules += _bounds_of_staging(declared)
    key = declared.dedup_key or tuple(
        c.target for c in declared.columns if c.target and not c.target.startswith("attributes.")
    )
    return Contract(
        name=name,
        forms=(Form(name, tuple(c.column() for c in declared.columns)),),
        rules=tuple(rules),
        dedup_key=tuple(k for k in key if k not in ("customer_email", "ordered_at"))
        or ("shop_id",),
        delimiter=declared.delimiter,
        quote=declared.quote,
        encoding=declared.encoding,
        table=declared.table,
        drift=declared.drift,
        customer_rungs=declared.customer_rungs,
        declares=declared.model_dump_json(),
    )
