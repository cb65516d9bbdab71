"""JSON: a list of objects, or one object after the other (JSON Lines), one row each.

What belongs here: turning such a file into CSV text. What does not: what the columns mean. Objects
inside an object become columns with dotted names, lists become JSON text; numbers stay as they are
written. Runs in a process of its own (``ecorse.arms_length``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from ecorse.clean.formats.base import header_line, number_text, to_csv, understood
from ecorse.errors import ContractError

BATCH_ROWS = 20_000
READ_CHARACTERS = 1 << 20
MAX_CHARACTERS = 64 << 20  # of one object
MAX_KEYS = 5_000  # of all objects: each is a column
MAX_DEPTH = 20  # objects inside of objects
BETWEEN = re.compile(r"[\s,]*")


class _Number(str):
    """A number as the file writes it, told apart from a text of digits."""


def csv_blocks(path: str, file_name: str, said: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the objects as CSV text: a column for each key that any has, in order of first use.

    The file is read twice, for its keys and for its rows; one object is held at a time.

    Raises
    ------
    ContractError
        The file is no JSON, holds no objects, or an object has one key twice.
    """
    _, wanted = understood(said)
    names = _names(path, file_name)
    if not names:
        raise ContractError(
            f"{file_name}: the file is empty: it holds no object with a key. Nothing was loaded. "
            "Expected a list of objects, or one object a line."
        )
    yield header_line(names)
    named = [(name, wanted.sign_of(name)) for name in names]
    rows = _rows(path, file_name)
    while batch := list(islice(rows, BATCH_ROWS)):
        yield to_csv([_text(row.get(n), s) for n, s in named] for row in batch)


def _names(path: str, file_name: str) -> list[str]:
    """Every key that any object has, in order of first use."""
    names: dict[str, None] = {}
    for row in _rows(path, file_name):
        names.update(dict.fromkeys(row))
        if len(names) > MAX_KEYS:
            raise ContractError(
                f"{file_name}: its objects have more than {MAX_KEYS} different keys, so they are "
                "no rows of one table. Nothing was loaded."
            )
    return list(names)


def _rows(path: str, file_name: str) -> Iterator[dict[str, Any]]:
    """The objects of a file, flat."""
    for number, value in enumerate(_values(path, file_name), 1):
        if not isinstance(value, dict):
            raise ContractError(
                f"{file_name}: value {number} is no object. Nothing was loaded. Expected a list of "
                "objects, or one object a line."
            )
        yield _flat(value, file_name, number)


def _values(path: str, file_name: str) -> Iterator[Any]:
    """One value after the other; a list around them all is taken off."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_once,
        parse_float=_Number,
        parse_int=_Number,
        parse_constant=_no_number,
    )
    rest, position, is_list, number = "", 0, False, 0
    try:
        with open(path, encoding="utf-8-sig") as file:
            # an object that is not whole yet is read again: twice as much each time
            while block := file.read(max(READ_CHARACTERS, len(rest) - position)):
                rest, position = rest[position:] + block, 0
                if not number and not is_list and rest.lstrip().startswith("["):
                    position, is_list = rest.index("[") + 1, True
                while True:
                    position = _behind(BETWEEN.match(rest, position), position)
                    if rest.startswith("]", position) or position == len(rest):
                        break
                    try:
                        value, position = decoder.raw_decode(rest, position)
                    except json.JSONDecodeError:
                        if len(rest) - position > MAX_CHARACTERS:
                            raise
                        break
                    number += 1
                    yield value
        left = rest[position:].strip()
        if is_list and left == "]":
            return
        if left:
            decoder.raw_decode(left)
        if left or is_list:
            raise ValueError("the list does not end" if is_list else "it ends in the middle")
    except (ValueError, RecursionError) as error:
        raise ContractError(
            f"{file_name}: not valid JSON behind value {number}: {error}. Nothing was loaded."
        ) from None


def _behind(found: re.Match[str] | None, position: int) -> int:
    return found.end() if found else position


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError(f"an object has one key twice, among {[key for key, _ in pairs]}")
    return made


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _flat(value: dict[str, Any], file_name: str, number: int, before: str = "") -> dict[str, Any]:
    if before.count(".") > MAX_DEPTH:
        raise ContractError(
            f"{file_name}, object {number}: objects stand inside of each other {MAX_DEPTH} deep. "
            "Nothing was loaded. Expected rows of a table."
        )
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        more = (
            _flat(inner, file_name, number, f"{before}{key}.")
            if isinstance(inner, dict)
            else {before + key: inner}
        )
        if twice := flat.keys() & more.keys():
            raise ContractError(
                f"{file_name}, object {number}: {min(twice)!r} is both a key and a key inside of "
                "one. Nothing was loaded."
            )
        flat |= more
    return flat


def _text(value: Any, sign: str | None) -> str | None:
    if isinstance(value, _Number):
        return number_text(_plain(value), sign)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(_as_numbers(value), ensure_ascii=False)


def _as_numbers(value: Any) -> Any:
    """A list with its numbers as numbers, where these write themselves the same."""
    if isinstance(value, list):
        return [_as_numbers(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _as_numbers(inner) for key, inner in value.items()}
    if isinstance(value, _Number):
        number = json.loads(value)
        return number if json.dumps(number) == value else str(value)
    return value


def _plain(number: str) -> str:
    """A number without an exponent."""
    if "e" not in number and "E" not in number:
        return str(number)
    try:
        return f"{Decimal(number):f}" if abs(Decimal(number).adjusted()) < 40 else str(number)
    except InvalidOperation:
        return str(number)
