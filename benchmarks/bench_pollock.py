"""Reading 94 versions of one shop file, each with one fault, told how it is written and finding it.

What belongs here: the files of the Pollock benchmark in the data folder beside the project
(``../shared/data/pollock``), a mapping for each, what comes out beside the clean answer, and pandas
told the same. What does not: shapes of our own (``tests/clean/test_shapes.py``).

*Told*: the mapping has what the benchmark's ``parameters/`` say of the file; where that is not
enough and the file is refused, what the refusal asks for (names of a broken header, the line where
a second table begins) is added from the parameters and the message, as a person would. *Found*: the
mapping is made of ``ecorse.clean.sniff``. Both read all files through the whole cleaning, with
columns that nine tenths of the first rows agree on as integer, decimal or date, else text.

Precision, recall and F1 are of the header's names (in order), of whole records, and of cells (value
and column), each counted as often as it occurs, and averaged over files; ``of 10`` is the sum that
the paper compares systems by: these nine, and the share of files that were read. *Silent* counts
delivered values that differ from the nearest clean record without a reject or a flag.
Source: https://www.vldb.org/pvldb/vol16/p1870-vitagliano.pdf

Run ``python benchmarks/bench_pollock.py [--verbose]``. The last lines are
``bench <name> <ratio> <better|worse> than <peer>``, ratio = our score / the peer's.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from ecorse.clean.opening import open_shape
from ecorse.clean.sniff import sniff
from ecorse.errors import ContractError
from ecorse.schema.shape import PLAIN, Shape

DATA = Path(__file__).parents[2] / "shared" / "data" / "pollock"
TYPES = (
    ("integer", re.compile(r"\d{1,9}"), ""),
    ("decimal", re.compile(r"\$?\d{1,9}(\.\d+)?"), ""),
    ("date", re.compile(r"\d\d/\d\d/\d{4}"), ', formats = ["%d/%m/%Y"]'),
)
Row = tuple[str, ...]


@dataclass
class Read:
    """What came out of a file: header and records as text; or why it was refused."""

    header: Row = ()
    records: list[Row] = field(default_factory=list)
    refused: str = ""
    asked: list[str] = field(default_factory=list)
    rejected: int = 0


@dataclass
class Score:
    """Precision and recall of header, records and cells, and how many values differ silently."""

    parts: dict[str, float]
    silent: int
    is_read: bool


# --- ours ----------------------------------------------------------------------------------------


def read_told(path: Path, parameters: dict[str, Any]) -> Read:
    """Read a file by a mapping made of its parameters, and of what refusals ask for."""
    shape = told_shape(parameters)
    asked: list[str] = []
    for _ in range(3):
        read = read_by(path, shape, parameters["column_names"])
        read.asked = asked
        if not read.refused:
            return read
        if pattern := re.search(r"stop_at = '(.*?)'\)", read.refused):
            shape = replace(shape, stop_at=pattern[1])
            asked.append("stop_at")
        elif not shape.names and parameters["column_names"]:
            shape = replace(shape, names=tuple(parameters["column_names"]))
            asked.append("names")
        else:
            return read
    return read


def told_shape(parameters: dict[str, Any]) -> Shape:
    """The shape that the benchmark's parameters state."""
    quote, escape = parameters["quotechar"], parameters["escapechar"]
    is_doubled = escape == quote
    names = tuple(f"column {i + 1}" for i in range(parameters["n_columns"]))
    return Shape(
        delimiter=parameters["delimiter"] or PLAIN.delimiter,
        quote=quote or PLAIN.quote,
        escape="" if is_doubled else escape,
        # neither doubled nor escaped by a sign of its own: what stands in a text is text
        bare_quotes=not is_doubled and escape != "\\" and bool(quote),
        header_rows=parameters["header_lines"] if parameters["n_columns"] else 1,
        names=() if parameters["header_lines"] else names,
        skip_rows=parameters["preamble_lines"],
    )


def read_found(path: Path, parameters: dict[str, Any]) -> Read:
    """Read a file by what is found in it."""
    try:
        found = sniff(path)
        with path.open("rb") as file:
            header = open_shape(file, found.shape, path.name).header
    except ContractError as error:
        return Read(refused=str(error))
    read = read_by(path, found.shape, header)
    read.asked = [finding.part for finding in found.questions]
    return read


def read_by(path: Path, shape: Shape, names: Sequence[str]) -> Read:
    """Read a file through the whole cleaning, by a mapping of a shape and all its columns."""
    from ecorse.clean.cleaner import Cleaner
    from ecorse.ingest.shops import Shop
    from ecorse.sources.mappings.source import read_mapping

    shop = Shop(shop_id="b", shop_name="B", time_zone="UTC", currency="USD", sources=())
    names = list(shape.names or names)
    try:
        types = types_of(path, shape)
        with tempfile.TemporaryDirectory() as folder, path.open("rb") as file:
            mapping = Path(folder) / "pollock.toml"
            mapping.write_text(mapping_of(shape, names, types), encoding="utf-8")
            cleaner = Cleaner(
                file, path.stat().st_size, source=read_mapping(mapping), shop=shop,
                file_name=path.name, max_record_bytes=1 << 20, reject_limit_share=1.0,
            )  # fmt: skip
            rows: list[Row] = []
            rejected = 0
            for block in cleaner:
                rejected += block.rejected.height
                for frame in (block.lines, block.candidates):
                    made = [json.loads(text) for text in frame["attributes"]]
                    rows += [
                        tuple(text_of(row[f"c{i}"]) for i in range(len(names))) for row in made
                    ]
    except ContractError as error:
        return Read(refused=str(error))
    header = () if not shape.header_rows else tuple(cleaner.header.names[: len(names)])
    return Read(header, rows, rejected=rejected)


def types_of(path: Path, shape: Shape) -> list[str]:
    """The type of each column, as nine tenths of its values in the file have it."""
    with path.open("rb") as file:
        framer = open_shape(file, shape, path.name)
        texts = "".join(block.data.decode() for block in framer)
    delimiter, quote = framer.parsed
    rows = list(csv.reader(io.StringIO(texts, newline=""), delimiter=delimiter, quotechar=quote))
    types = []
    for values in zip(*rows, strict=False):
        filled = [text for text in values if text]
        fitting = (
            f'"{name}"{more}' for name, pattern, more in TYPES
            if sum(bool(pattern.fullmatch(t)) for t in filled) * 10 >= len(filled) * 9
        )  # fmt: skip
        types.append(next(fitting, '"text"') if filled else '"text"')
    return types or ['"text"'] * len(framer.header)


def mapping_of(shape: Shape, names: Sequence[str], types: Sequence[str]) -> str:
    """A mapping file: every column is an attribute of a product of its own line."""
    lines = ['about = "One version of the benchmark\'s file."', 'table = "products"']
    for key in fields(shape):
        value = getattr(shape, key.name)
        if value != getattr(PLAIN, key.name):
            lines.append(f"{key.name} = {json.dumps(value)}")
    lines.append("columns = [")
    for i, (name, kind) in enumerate(zip(names, types, strict=False)):
        written = json.dumps(name, ensure_ascii=False)
        decimal = ', decimal = "."' if kind == '"decimal"' else ""
        lines.append(
            f'  {{ name = {written}, target = "attributes.c{i}", type = {kind}{decimal} }},'
        )
    lines += ["]", "[constants]", 'product_id = "p"']
    return "\n".join(lines)


def text_of(value: object) -> str:
    """A typed value as the clean answer writes it, without its currency and trailing zeros."""
    if value is None:
        return ""
    text = str(value)
    if date := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text):
        return f"{date[3]}/{date[2]}/{date[1]}"
    return plain(text)


def plain(text: str) -> str:
    """A clean value in the form of ``text_of``: prices as numbers."""
    if re.fullmatch(r"\$?\d+\.\d+", text):
        return text.lstrip("$").rstrip("0").rstrip(".")
    return text.lstrip("$") if re.fullmatch(r"\$\d+", text) else text.strip()


# --- the peer ------------------------------------------------------------------------------------


def read_pandas(path: Path, parameters: dict[str, Any]) -> Read:
    """``pandas.read_csv`` told the same dialect; bad lines are left out."""
    import pandas as pd

    warnings.simplefilter("ignore", pd.errors.ParserWarning)
    quote, escape = parameters["quotechar"], parameters["escapechar"]
    rows = parameters["header_lines"]
    try:
        frame = pd.read_csv(
            path,
            sep=parameters["delimiter"] or ",",
            quotechar=quote or '"',
            doublequote=escape == quote,
            escapechar=None if escape in (quote, "") else escape,
            header=list(range(rows)) if rows > 1 else 0 if rows else None,
            skiprows=parameters["preamble_lines"],
            dtype=str,
            keep_default_na=False,
            on_bad_lines="skip",
            index_col=False,
            engine="python" if len(parameters["delimiter"]) > 1 else "c",
        )
    except Exception as error:
        return Read(refused=str(error))
    names = [" ".join(name) if isinstance(name, tuple) else str(name) for name in frame.columns]
    frame = frame.fillna("")  # a row that is too short is filled up
    records = [tuple(plain(text) for text in row) for row in frame.itertuples(index=False)]
    return Read(tuple(names) if rows else (), records)


# --- the comparison ------------------------------------------------------------------------------


def clean_answer(path: Path, parameters: dict[str, Any]) -> tuple[Row, list[Row]]:
    """Header and records as they should be."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)]
    records = [tuple(plain(text) for text in row) for row in rows]
    if not parameters["header_lines"]:
        return (), records
    return rows[0], records[1:]


def compare(read: Read, header: Row, records: list[Row]) -> Score:
    """Score what came out beside the clean answer."""
    nothing = not header and not records
    parts: dict[str, float] = {}
    for name, made, right in (
        ("header", list(enumerate(read.header)), list(enumerate(header))),
        ("records", read.records, records),
        ("cells", _cells(read.records), _cells(records)),
    ):
        hits = (Counter(made) & Counter(right)).total()
        precision = hits / len(made) if made else float(not right)
        recall = hits / len(right) if right else float(not made)
        parts[f"{name} precision"], parts[f"{name} recall"] = precision, recall
        both = precision + recall
        parts[f"{name} F1"] = 2 * precision * recall / both if both else 0.0
    left = Counter(read.records) - Counter(records)
    missing = list((Counter(records) - Counter(read.records)).elements())
    silent = sum(_differing(row, missing) for row in left.elements())
    return Score(parts, silent, not read.refused or nothing)


def _cells(records: Iterable[Row]) -> list[tuple[int, str]]:
    return [cell for row in records for cell in enumerate(row)]


def _differing(row: Row, missing: Sequence[Row]) -> int:
    """How many of a record's values are not those of the nearest clean record."""

    def far(right: Row) -> int:
        different = sum(a != b for a, b in zip(row, right, strict=False))
        return different + abs(len(row) - len(right))

    return min((far(right) for right in missing), default=len(row))


def total(scores: Sequence[Score]) -> float:
    """The sum that the paper compares systems by, at most 10."""
    nine = sum(fmean(score.parts[name] for score in scores) for name in scores[0].parts)
    return nine + fmean(score.is_read for score in scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="a line per file")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print(f"shared/{DATA.parent.name}/{DATA.name} beside the project is missing: not run.")
        return
    os.environ.setdefault("ECORSE_HOME", tempfile.mkdtemp(prefix="ecorse-bench-"))
    readers: dict[str, Callable[[Path, dict[str, Any]], Read]] = {
        "told": read_told, "found": read_found, "pandas": read_pandas,
    }  # fmt: skip
    scores: dict[str, list[Score]] = {name: [] for name in readers}
    for path in sorted((DATA / "csv").glob("*.csv")):
        about = DATA / "parameters" / f"{path.name}_parameters.json"
        parameters = json.loads(about.read_text())
        header, records = clean_answer(DATA / "clean" / path.name, parameters)
        told = []
        for name, reader in readers.items():
            read = reader(path, parameters)
            score = compare(read, header, records)
            scores[name].append(score)
            f1 = " ".join(f"{score.parts[f'{p} F1']:.3f}" for p in ("header", "records", "cells"))
            more = f" asked {read.asked}" if read.asked else ""
            more += f" refused: {read.refused[:120]}" if read.refused else ""
            told.append(f"  {name:6} {f1}, rejected {read.rejected}, silent {score.silent}{more}")
        if arguments.verbose:
            print(path.name, *told, sep="\n", flush=True)
    print(f"{len(scores['told'])} files; precision, recall, F1 of header, records, cells:")
    for name, of_files in scores.items():
        parts = [fmean(score.parts[part] for score in of_files) for part in of_files[0].parts]
        files = sum(score.silent > 0 for score in of_files)
        print(
            f"{name:6} {' '.join(f'{part:.4f}' for part in parts)}; read "
            f"{sum(score.is_read for score in of_files)}; of 10: {total(of_files):.3f}; silent "
            f"{sum(score.silent for score in of_files)} values in {files} files"
        )
    ours, found, peer = (total(scores[name]) for name in ("told", "found", "pandas"))
    for name, ratio, what in (
        ("pollock_told", ours / peer, "pandas.read_csv told the same dialect"),
        ("pollock_found", found / ours, "0.9 of our own score when told"),
    ):
        least = 0.9 if name == "pollock_found" else 1.0
        print(f"bench {name} {ratio:.3f} {'better' if ratio >= least else 'worse'} than {what}")


if __name__ == "__main__":
    main()
