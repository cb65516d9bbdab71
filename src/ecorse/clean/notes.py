"""What a person should know about a file that was read, in sentences.

What belongs here: the words. What does not: counting (``account``), refusing (``cleaner``).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ecorse.clean.account import Account
from ecorse.schema.contract import Contract, Header

if TYPE_CHECKING:
    from ecorse.schema.source import Source

SHOWN = 70  # characters of a condition that held for no row


def notes(account: Account, header: Header, source: Source, currency: str) -> list[str]:
    """The sentences about one file.

    Parameters
    ----------
    currency
        Of the shop.
    """
    return list(_notes(account, header, source, currency))


def _notes(account: Account, header: Header, source: Source, currency: str) -> Iterator[str]:
    if header.missing:
        yield (
            f"Column {', '.join(map(repr, header.missing))} is missing, so every row was "
            "set aside as a reject; `ecorse replay` reads them again under a mended contract."
        )
    if extra := header.extra:
        yield (
            f"Columns {', '.join(map(repr, extra))} are not in the contract; they were kept in "
            "the column extra."
        )
    if account.differing.rows:
        yield _about_differing(account, currency)
    if not account.rows_read:
        yield "The file has a header and no rows."
    for name, rows in sorted(account.warned.items()):
        yield source.warnings[name].format(rows=rows)
    if account.rows_read:
        left = [name for name, _ in source.contract.leave_out if not account.ignored[name]]
        never = [name for name, rows in account.held.items() if not rows]
        conditions = [*(f"leave_out {name!r}" for name in left), *never]
        if conditions:
            told = "; ".join(textwrap.shorten(c, SHOWN, placeholder=" …") for c in conditions)
            yield (
                f"No row of the file is concerned by {told}. If one should be, "
                "compare its words with these."
            )
    yield from (f"{s.sentence()}." for s in account.sought.values() if s.missed)
    yield from _broken_rules(account, source.contract)
    yield from _about_quotes(account)
    rows, money, order = account.without_sale
    if rows:
        yield (
            f"{rows} rows take back {money:,.2f} {currency} of orders of which the file has no "
            f"sold row (such as order {order}). If they are the sale itself, cancelled later, say "
            'taken_back_rows = "sales"'
            " in the source."
        )
    for name, found in account.derived.items():
        if found.different:
            by = f", by {found.money:,.2f} {currency} together" if found.money else ""
            yield (
                f"Column {name!r} differs from what the other columns give in "
                f"{found.different} of {found.checked} rows{by}, for example {found.examples[0]}."
            )


def _about_quotes(account: Account) -> Iterator[str]:
    for name, found in account.quoted.items():
        yield (
            f"Column {name!r} has {found.rows} values with quotes that the source does not "
            f"declare and that were kept, such as {found.example} on line {found.line}; if they "
            "are how the file is written, declare `quote` (or `escape`) in the source."
        )


def _about_differing(account: Account, currency: str) -> str:
    found = account.differing
    money = f": {found.money:,.2f} {currency}" if found.money else ""
    names = ", ".join(map(repr, sorted(found.columns)))
    return (
        f"{found.rows} rows were taken for repeats of earlier ones although they differ in "
        f"{names}, which the source does not name{money}. Name it in the source without a "
        "target, so that it tells rows apart, or with `ignore = true`, so that it does not."
    )


def _broken_rules(account: Account, contract: Contract) -> Iterator[str]:
    """A sentence per rule of level warn that rows break."""
    said = {rule.id: rule.sentence for rule in contract.rules}
    for rule, rows in sorted(account.broken.items()):
        examples = "; ".join(account.broken_examples.get(rule, []))
        yield (
            f"Rule {rule!r} does not hold in {rows} of {account.rows_read} rows, which "
            f"were kept: {said[rule]}{f' ({examples})' if examples else ''}."
        )
