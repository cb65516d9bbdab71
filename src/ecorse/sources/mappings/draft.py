"""Proposing a mapping from a sample of a file: ``ecorse source draft``.

What belongs here: guesses, each with the reason beside it for a person to confirm. What does not:
deciding; a date whose day and month could be either way round is asked for, never guessed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from ecorse.clean.cast import parse, text_column
from ecorse.clean.opening import open_shape
from ecorse.clean.stream import open_text
from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Form, Header, header_key
from ecorse.schema.shape import Shape
from ecorse.schema.staging import STAGING_TABLES
from ecorse.sources.mappings.declare import type_of

SAMPLE_ROWS = 10_000
ENCODINGS = ("utf-8", "cp1252", "latin-1")
DELIMITERS = (",", "\t", ";", "|")
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y")
EITHER_WAY = (("%m/%d/%Y", "%d/%m/%Y"), ("%m/%d/%y", "%d/%m/%y"), ("%m-%d-%Y", "%d-%m-%Y"))
TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %H:%M:%S UTC", "T%H:%M:%SZ")
SYNONYMS = {
    "order_id": ("orderid", "ordernumber", "invoice", "invoiceno", "transactionid"),
    "product_id": ("productid", "sku", "stockcode", "itemid", "asin"),
    "product_name": ("productname", "product", "title", "name", "item", "itemname"),
    "category": ("category", "productcategory", "categoryname", "department"),
    "category_path": ("categorycode", "categorypath", "genres"),
    "brand": ("brand", "manufacturer"),
    "quantity": ("quantity", "qty", "quantityordered", "units", "pieces"),
    "unit_price": ("unitprice", "priceeach", "price", "itemprice"),
    "price": ("price", "unitprice", "listprice"),
    "ordered_local": ("orderdate", "invoicedate", "orderedat", "purchasedate", "date", "timestamp"),
    "event_at": ("eventtime", "eventat", "timestamp", "time", "date"),
    "event_type": ("eventtype", "event", "action", "type"),
    "customer_id": ("customerid", "userid", "clientid", "buyerid", "id"),
    "customer_email": ("email", "emailaddress", "customeremail"),
    "session_id": ("sessionid", "usersession", "session"),
    "address": ("address", "purchaseaddress", "shipaddress"),
    "city": ("city", "town"),
    "country": ("country", "shipcountry"),
    "postal_code": ("postalcode", "zip", "zipcode", "postcode"),
    "platform": ("platform", "device", "channel"),
    "rating": ("rating", "stars", "score"),
    "query": ("query", "searchquery", "searchterm"),
    "description": ("description", "descriptions", "longdescription", "text"),
    "image_uri": ("imageuri", "image", "imageurl", "picture"),
}


@dataclass(frozen=True)
class Guess:
    """What one column of the file seems to be."""

    name: str
    type: str
    formats: tuple[str, ...]
    other_format: str
    example: str


def draft(path: Path, table: str | None = None) -> str:
    """A mapping for a file, as TOML with comments; ``table`` is guessed where it is not given.

    Raises
    ------
    ContractError
        The file cannot be read as a table.
    """
    encoding, delimiter, header, frame = _sample(path)
    guesses = [
        _guess(name, frame[text_column(i)].drop_nulls()) for i, name in enumerate(header.names)
    ]
    chosen = table or _table(guesses)
    taken: set[str] = set()
    lines = [
        f"# A draft made from {frame.height} rows of {path.name}. Read it line by line: "
        "a guess is a guess.",
        f"# Save it as include/sources/<name>.toml, then: ecorse source check {path.name} --source "
        "<name>",
        f'about = "What {path.name} is, in a sentence."',
        f"table = {json.dumps(chosen)}  # order_lines, events, products or customers",
    ]
    if delimiter != ",":
        lines.append(f"delimiter = {json.dumps(delimiter)}")
    if encoding != "utf-8":
        lines.append(f'encoding = "{encoding}"')
    lines += ["", "columns = ["]
    lines += [_column(guess, chosen, taken) for guess in guesses]
    lines.append("]")
    needed = list(STAGING_TABLES[chosen].targets(needed=True))
    if chosen == "order_lines":
        needed.append("ordered_local")
    missing = [target for target in needed if target not in taken]
    if missing:
        lines += ["", "# Every row needs these, and no column was recognised as one:"]
        lines += [f"#   {target}" for target in missing]
        lines += [
            "# Give a column that target, or state a constant (uncomment the next lines):",
            "# [constants]",
            *(f'# {target} = "..."' for target in missing),
        ]
    return "\n".join(lines) + "\n"


def _sample(path: Path) -> tuple[str, str, Header, pl.DataFrame]:
    """Encoding, delimiter, header and the first rows, as text."""
    last: ContractError | UnicodeError | None = None
    for encoding in ENCODINGS:
        for delimiter in _delimiters(path, encoding):
            try:
                return encoding, delimiter, *_read(path, encoding, delimiter)
            except ContractError as error:
                last = error
    raise last or ContractError(f"{path.name}: cannot be read as a table.")


def _delimiters(path: Path, encoding: str) -> Sequence[str]:
    """The delimiters, the likeliest first: the one that the first line has most of."""
    with path.open("rb") as file:
        try:
            blocks = open_text(file, Shape(encoding=encoding), path.name).blocks
            first = next(iter(blocks), b"").decode("utf-8", "replace").splitlines()[:1]
        except ContractError:
            return ()
    line = first[0] if first else ""
    return sorted(DELIMITERS, key=lambda d: -len(next(csv.reader([line], delimiter=d), [])))[:1]


def _read(path: Path, encoding: str, delimiter: str) -> tuple[Header, pl.DataFrame]:
    with path.open("rb") as file:
        framer = open_shape(file, Shape(encoding=encoding, delimiter=delimiter), path.name)
        columns = tuple(Column(name.strip(), None) for name in framer.header)
        header = Header(Form("sample", columns), tuple(c.name for c in columns), columns)
        block = next(iter(framer), None)
        if block is not None and any(b.rule == "invalid_utf8" for b in block.broken):
            raise ContractError(f"{path.name}: is not {encoding}.")
        data = b"" if block is None else b"".join(islice(_lines(block.data), SAMPLE_ROWS))
    return header, parse(data, header, *framer.parsed)


def _lines(data: bytes) -> list[bytes]:
    return [line + b"\n" for line in data.split(b"\n") if line]


def _guess(name: str, values: pl.Series) -> Guess:
    """The narrowest type that every sampled value has."""
    example = values[0] if len(values) else ""
    if not len(values):
        return Guess(name, "text", (), "", example)
    for day_format in DATES:
        for time in TIMES:
            if _fits(values, day_format + time):
                return Guess(name, "timestamp", (day_format + time,), "", example)
    for pair in EITHER_WAY:
        for time in TIMES:
            fitting = [f + time for f in pair if _fits(values, f + time)]
            if fitting:
                other = fitting[1] if len(fitting) > 1 else ""
                return Guess(name, "timestamp", (fitting[0],), other, example)
    plain = values.str.contains(r"^[+-]?(0|[1-9]\d{0,17})$").all()
    if plain:
        return Guess(name, "integer", (), "", example)
    if values.str.contains(r"^[+-]?\d{1,10}(\.\d{1,4}0*)?$").all():
        return Guess(name, "decimal", (), "", example)
    return Guess(name, "text", (), "", example)


def _fits(values: pl.Series, time_format: str) -> bool:
    if "%H" in time_format:
        read = values.str.to_datetime(time_format, time_unit="us", strict=False)
    else:
        read = values.str.to_date(time_format, strict=False)
    years = read.dt.year().drop_nulls()
    return not read.null_count() and bool(years.is_between(1900, 2100).all())


def _table(guesses: list[Guess]) -> str:
    """The staging table that most of the columns have a place in."""
    keys = {header_key(guess.name) for guess in guesses}

    def has(target: str) -> bool:
        return bool(keys & {header_key(target), *SYNONYMS.get(target, ())})

    if has("event_type") or (has("rating") and has("product_id")):
        return "events"
    if has("order_id") and has("quantity"):
        return "order_lines"
    if has("product_name") or has("description"):
        return "products"
    return "customers"


def _column(guess: Guess, table: str, taken: set[str]) -> str:
    """One column of the draft, with the guess's doubts in a comment."""
    key = header_key(guess.name)
    target, kind = "", guess.type
    staging = STAGING_TABLES[table]
    for candidate in staging.targets():
        if candidate not in taken and key in (header_key(candidate), *SYNONYMS.get(candidate, ())):
            target = candidate
            break
    if not target and staging.has_attributes:
        target = "attributes." + "_".join(guess.name.lower().split())
        if target in taken:
            target = ""
    if kind == "timestamp" and "%H" not in guess.formats[0] and target.startswith("attributes."):
        kind = "date"
    if target in ("order_id", "product_id", "customer_id", "session_id", "postal_code"):
        kind = "text"  # an id stays as it is written
    if target and not target.startswith("attributes."):
        kind = type_of(staging.column(target)) or "text"
    if kind == "timestamp" and not guess.formats:
        target, kind = "", "text"
    taken.add(target)
    parts = [f"name = {json.dumps(guess.name)}"]
    if target:
        parts.append(f"target = {json.dumps(target)}")
    if kind != "text":
        parts.append(f'type = "{kind}"')
    if kind in ("date", "timestamp"):
        parts.append(f"formats = [{json.dumps(guess.formats[0])}]")
        if guess.formats[0].endswith(("UTC", "Z")):
            parts.append('zone = "UTC"')
    doubt = "" if target else "  # not mapped"
    if guess.other_format and kind in ("date", "timestamp"):
        doubt = f'  # DAY AND MONTH? {guess.example!r} could also be "{guess.other_format}": decide'
    return f"  {{ {', '.join(parts)} }},{doubt}"
