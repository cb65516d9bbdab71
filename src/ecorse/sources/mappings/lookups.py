"""Joining what a mapping looks up in other files of its folder, as text, before anything is cast.

What belongs here: reading those files whole and joining them. What does not: their columns' types
and rules, which are the contract's like those of the file itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ecorse.clean.cast import parse, text_column
from ecorse.clean.opening import open_frames
from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Contract, Form, Header, header_key, recognise
from ecorse.sources.mappings.declare import LookupTable, Style


@dataclass(frozen=True)
class Lookup:
    """One looked-up file: a frame of text with its key columns and the columns it gives."""

    file: str
    on: tuple[str, ...]
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    frame: pl.DataFrame
    sha256: str


def read_lookup(declared: LookupTable, style: Style, contract: Contract, folder: Path) -> Lookup:
    """Read a file that is looked up in; it must be small, for it is held in memory.

    Raises
    ------
    ContractError
        The file is missing, lacks a column, has a broken row, or one key with two values.
    """
    path = folder / declared.file
    if not path.is_file():
        raise ContractError(
            f"{declared.file}: the mapping {contract.name} looks columns up in this file, and it "
            f"is not in {folder}. Nothing was loaded. Put it beside the file that is loaded."
        )
    keys = [Column(name, None) for name in declared.on.values()]
    given = tuple(c.column(style) for c in declared.columns)
    known = {header_key(c.name) for c in given}
    form = Form(declared.file, (*given, *(k for k in keys if header_key(k.name) not in known)))
    alone = Contract(declared.file, (form,), (), (), shape=contract.shape.characters)
    with path.open("rb") as file:
        framer = open_frames(file, alone, declared.file)
        header = recognise(alone, framer.header, declared.file)
        parts = []
        for block in framer:
            if block.broken:
                raise ContractError(
                    f"{declared.file}: {block.broken[0].sentence} Nothing was loaded: a file that "
                    "is looked up in must be whole."
                )
            parts.append(parse(block.data, header, *framer.parsed))
    frame = pl.concat(parts) if parts else parse(b"", header, *framer.parsed)
    place = {header_key(name): text_column(i) for i, name in enumerate(header.names)}
    key_names = tuple(f"_key_{i}" for i in range(len(keys)))
    frame = frame.select(
        *(_text(place[header_key(k.name)]).alias(n) for k, n in zip(keys, key_names, strict=True)),
        *(_text(_place_of(header, c)).alias(f"_value_{i}") for i, c in enumerate(given)),
    ).unique(maintain_order=True)
    twice = frame.filter(pl.struct(key_names).is_duplicated() & pl.col(key_names[0]).is_not_null())
    if twice.height:
        named = ", ".join(f"{k.name} {twice[n][0]!r}" for k, n in zip(keys, key_names, strict=True))
        raise ContractError(
            f"{declared.file}: {named} stands there with different values, so it is not known "
            "which to take. Nothing was loaded."
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Lookup(declared.file, tuple(declared.on), key_names, given, frame, sha256)


def _text(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().replace("", None)


def _place_of(header: Header, column: Column) -> str:
    if column not in header.columns:  # not required, and not there
        raise ContractError(f"column {column.name!r} is missing from {header.form.name}.")
    return text_column(header.columns.index(column))


def extend(header: Header, lookups: tuple[Lookup, ...]) -> Header:
    """The header with the looked-up columns behind the file's own."""
    more = [column for lookup in lookups for column in lookup.columns]
    return Header(
        header.form,
        (*header.names, *(column.name for column in more)),
        (*header.columns, *more),
        header.missing,
    )


def join(raw: pl.DataFrame, header: Header, lookups: tuple[Lookup, ...]) -> pl.DataFrame:
    """Add the looked-up columns to a block of text; a key that is not found gives nulls.

    ``header`` is the extended one.
    """
    width = raw.width
    for lookup in lookups:
        places = {
            header_key(name): i for i, name in reversed(list(enumerate(header.names[:width])))
        }
        if unknown := [name for name in lookup.on if header_key(name) not in places]:
            raise ContractError(
                f"{lookup.file} is looked up by {', '.join(map(repr, unknown))}, which neither the "
                "file nor a lookup before has. Correct `on` in the mapping."
            )
        left = [_text(text_column(places[header_key(name)])) for name in lookup.on]
        raw = raw.with_columns(
            value.alias(key) for value, key in zip(left, lookup.keys, strict=True)
        )
        renamed = {f"_value_{i}": text_column(width + i) for i in range(len(lookup.columns))}
        raw = raw.join(
            lookup.frame.rename(renamed), on=list(lookup.keys), how="left", maintain_order="left"
        ).drop(lookup.keys)
        width += len(lookup.columns)
    return raw
