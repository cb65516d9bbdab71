"""Which published form a file's header belongs to.

What belongs here: matching names to declared columns. What does not: the declaration
(``contract``), reading the header (``clean.opening``).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from ecorse.errors import ContractError
from ecorse.schema.contract import Column, Contract, Form, Header, header_key


def recognise(contract: Contract, names: Sequence[str], file_name: str) -> Header:
    """Find the published form that a header belongs to, mapping columns by name.

    Of the forms whose required columns are all there, the one that knows most columns wins.

    Raises
    ------
    ContractError
        A required column is missing, two columns have one name, or an unknown column came while
        the contract is frozen.
    """
    headers = [_match(form, names) for form in contract.forms]
    best = max(headers, key=lambda h: (not _missing(h), len(h.columns) - h.columns.count(None)))
    _refuse_repeated(best, names, file_name)
    if missing := _missing(best):
        if contract.drift == "quarantine":
            return replace(best, missing=tuple(missing))
        raise ContractError(
            f"{file_name}: column {', '.join(map(repr, missing))} is missing from the header "
            f"(found {', '.join(map(repr, names))}). Nothing was loaded. Expected the form "
            f"{best.form.name!r} of {contract.name}; if the column was renamed"
            f"{_perhaps(missing, best.extra)}, add its new name as an alias in the source's "
            "contract."
        )
    if best.extra and contract.drift == "freeze":
        raise ContractError(
            f"{file_name}: column {', '.join(map(repr, best.extra))} is not in the contract of "
            f"{contract.name}, which is frozen. Nothing was loaded. Remove the column, or declare "
            "it, or set drift to 'evolve'."
        )
    return best


def _perhaps(missing: Sequence[str], extra: Sequence[str]) -> str:
    """Which of the file's unknown columns look like the missing ones, as half a sentence."""
    pairs = [
        f"{name!r} to {close[0]!r}"
        for name in missing
        if (close := difflib.get_close_matches(name, extra, n=1))
    ]
    return f" (perhaps {', '.join(pairs)})" if pairs else ""


def has_header(contract: Contract, names: Sequence[str]) -> bool:
    """Whether names are a header of one of the contract's forms, with all that it requires."""
    headers = [_match(form, names) for form in contract.forms]
    return any(any(h.columns) and not _missing(h) for h in headers)


def _refuse_repeated(header: Header, names: Sequence[str], file_name: str) -> None:
    """Refuse a name that stands twice where the contract maps it; nobody asks for the others."""
    seen: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        key = header_key(name)
        if key in seen and header.columns[seen[key] - 1] is not None:
            raise ContractError(
                f"{file_name}: columns {seen[key]} and {position} of the header are both named "
                f"{name.strip()!r}, so it is not known which one to take. Nothing was loaded. "
                "Rename or remove one of them, or name all columns in the mapping (names = [...])."
            )
        seen.setdefault(key, position)


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names without blanks around them; one that stands again gets its number behind it."""
    apart: list[str] = []
    for position, name in enumerate(names, 1):
        bare = name.strip()
        apart.append(f"{bare} ({position})" if bare in apart else bare)
    return tuple(apart)


def _match(form: Form, names: Sequence[str]) -> Header:
    """Map file columns to a form's columns; the first name of a column wins over its aliases."""
    known = {header_key(alias): c for c in form.columns for alias in c.aliases}
    known |= {header_key(c.name): c for c in form.columns}
    columns: list[Column | None] = []
    for name in names:
        column = known.get(header_key(name))
        columns.append(None if column in columns else column)
    return Header(form, _apart(names), tuple(columns))


def _missing(header: Header) -> list[str]:
    return [c.name for c in header.form.columns if c.required and c not in header.columns]
