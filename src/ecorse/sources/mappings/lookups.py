"""Joining what a mapping looks up in other files of its folder, as text, before anything is cast.

What belongs here: reading those files and finding their rows by key. What does not: their columns'
types and rules, which are the contract's like those of the file itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecorse.clean.cast import parse, text_column
from ecorse.clean.opening import open_frames
from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Contract, Form, Header, header_key
from ecorse.schema.recognise import recognise
from ecorse.schema.shape import Shape
from ecorse.schema.source import Sought
from ecorse.sources.mappings.columns import Style
from ecorse.sources.mappings.declare import LookupTable

EXAMPLES = 3
KEPT_FILES = 8  # a night loads many files that look up the same few


@dataclass(frozen=True)
class Lookup:
    """One looked-up file, as text: the columns it gives, and its rows by the hash of their key.

    ``keys`` and ``values`` have one row per key, in the order of ``hashes``, which grow.
    """

    file: str
    on: tuple[str, ...]
    columns: tuple[Column, ...]
    most_missing: float
    keys: pl.DataFrame
    values: pl.DataFrame
    hashes: NDArray[np.uint64]
    seed: int
    sha256: str

    def find(self, keys: pl.DataFrame) -> pl.Series:
        """The row of each key; null where a key is null, in whole or in part, or is not there."""
        if not self.keys.height:
            return pl.Series([None], dtype=pl.UInt32).new_from_index(0, keys.height)
        hashes = _hashes(keys, self.seed).to_numpy()
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        rows = pl.Series(places, dtype=pl.UInt32)
        found = self.keys[rows]
        same = [found[name] == keys[name] for name in keys.columns]
        there = pl.select(pl.all_horizontal(pl.lit(s) for s in same)).to_series()
        return pl.select(pl.when(pl.lit(there)).then(pl.lit(rows))).to_series()


def read_lookup(declared: LookupTable, style: Style, contract: Contract, folder: Path) -> Lookup:
    """Read a file that is looked up in; its keys and the columns it gives are held in memory.

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
    state = path.stat()
    return _read(
        path,
        (state.st_mtime_ns, state.st_size, state.st_ino),
        declared.shape(contract.shape.characters),
        tuple(declared.on.items()),
        tuple(c.column(declared.over(style)) for c in declared.columns),
        declared.most_missing,
    )


@lru_cache(maxsize=KEPT_FILES)
def _read(
    path: Path,
    state: tuple[int, int, int],
    shape: Shape,
    on: tuple[tuple[str, str], ...],
    columns: tuple[Column, ...],
    most_missing: float,
) -> Lookup:
    """Read a file, once for each of its states."""
    names = [name for _, name in on]
    frame = _texts(path, shape, names, columns)
    key_names = frame.columns[: len(names)]
    frame = frame.filter(pl.all_horizontal(pl.col(key_names).is_not_null())).unique()
    keys = frame.select(key_names)
    twice = frame.filter(keys.is_duplicated())
    if twice.height:
        first = twice.sort(key_names).row(0)
        named = ", ".join(f"{n} {v!r}" for n, v in zip(names, first[: len(names)], strict=True))
        raise ContractError(
            f"{path.name}: {named} stands there with different values, so it is not known "
            "which to take. Nothing was loaded."
        )
    hashes, seed = _apart(keys)
    order = hashes.arg_sort()
    return Lookup(
        file=path.name,
        on=tuple(ours for ours, _ in on),
        columns=columns,
        most_missing=most_missing,
        keys=keys[order],
        values=frame.drop(key_names)[order],
        hashes=hashes[order].to_numpy(),
        seed=seed,
        sha256=_sha256(path),
    )


def _texts(
    path: Path, shape: Shape, key_names: Sequence[str], columns: tuple[Column, ...]
) -> pl.DataFrame:
    """A file's key columns, ``_key_…``, and the columns it gives, ``_value_…``."""
    known = {header_key(name) for c in columns for name in (c.name, *c.aliases)}
    keys = tuple(Column(n, None) for n in dict.fromkeys(key_names) if header_key(n) not in known)
    alone = Contract(path.name, (Form(path.name, (*columns, *keys)),), (), (), shape=shape)
    with path.open("rb") as file:
        framer = open_frames(file, alone, path.name)
        header = recognise(alone, framer.header, path.name)
        places = {header_key(name): i for i, name in reversed(list(enumerate(header.names)))}
        taken = [
            *(_text(places[header_key(n)]).alias(f"_key_{i}") for i, n in enumerate(key_names)),
            *(_given(header, c).alias(f"_value_{i}") for i, c in enumerate(columns)),
        ]
        parts = [parse(b"", header, *framer.parsed).select(taken)]
        for block in framer:
            if block.broken:
                raise ContractError(
                    f"{path.name}: {block.broken[0].sentence} Nothing was loaded: a file that "
                    "is looked up in must be whole."
                )
            parts.append(parse(block.data, header, *framer.parsed).select(taken))
    return pl.concat(parts)


def _text(place: int) -> pl.Expr:
    return pl.col(text_column(place)).str.strip_chars().replace("", None)


def _given(header: Header, column: Column) -> pl.Expr:
    """A column's text; null where it is not required and not there."""
    if column not in header.columns:
        return pl.lit(None, pl.String)
    return _text(header.columns.index(column))


def _hashes(keys: pl.DataFrame, seed: int) -> pl.Series:
    return keys.select(pl.struct(pl.all()).hash(seed=seed)).to_series()


def _apart(keys: pl.DataFrame) -> tuple[pl.Series, int]:
    """Hashes that tell all keys apart, and their seed; the first will nearly always do."""
    seed = 0
    while (hashes := _hashes(keys, seed)).n_unique() < keys.height:
        seed += 1
    return hashes, seed


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def extend(header: Header, lookups: tuple[Lookup, ...]) -> Header:
    """The header with the looked-up columns behind the file's own."""
    more = [column for lookup in lookups for column in lookup.columns]
    return Header(
        header.form,
        (*header.names, *(column.name for column in more)),
        (*header.columns, *more),
        header.missing,
    )


def join(
    raw: pl.DataFrame, header: Header, lookups: tuple[Lookup, ...], sought: dict[str, Sought]
) -> pl.DataFrame:
    """Add the looked-up columns to a block of text; a key that is not found gives nulls.

    ``header`` is the extended one. ``sought`` counts, by file, the rows that have a key, and those
    whose key is not there.
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
        keys = raw.select(
            _text(places[header_key(name)]).alias(f"_key_{i}") for i, name in enumerate(lookup.on)
        )
        rows = lookup.find(keys)
        _count(sought.setdefault(lookup.file, Sought(lookup.file, lookup.most_missing)), lookup,
               keys, rows)  # fmt: skip
        raw = raw.with_columns(
            lookup.values[f"_value_{i}"].gather(rows).alias(text_column(width + i))
            for i in range(len(lookup.columns))
        )
        width += len(lookup.columns)
    return raw


def _count(sought: Sought, lookup: Lookup, keys: pl.DataFrame, rows: pl.Series) -> None:
    has_key = keys.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
    missed = has_key & rows.is_null()
    examples = [
        ", ".join(f"{name} {value!r}" for name, value in zip(lookup.on, key, strict=True))
        for key in keys.filter(missed).unique(maintain_order=True).head(EXAMPLES).iter_rows()
    ]
    sought.add(int(has_key.sum()), int(missed.sum()), examples)
