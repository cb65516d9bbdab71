"""When a file as a whole is refused for what its rows have shown.

What belongs here: too many rows of another encoding, keys that another file lacks, values of other
types under a frozen contract. What does not: headers (``opening``), single rows (``cast``).
"""

from __future__ import annotations

import polars as pl

from ecorse.clean.account import Account
from ecorse.clean.blocks import FramedBlock
from ecorse.clean.texts import Utf8
from ecorse.errors import ContractError

FEW_INVALID = 20


def refuse_other_encodings(
    file_name: str, utf8: Utf8, account: Account, limit_share: float
) -> None:
    """Refuse a file that is no UTF-8, where its bytes or the number of such rows prove it."""
    few = max(FEW_INVALID, limit_share * account.rows_read)
    # not one line beyond ASCII is UTF-8: then none is broken, unless it is a single byte
    is_other = utf8.invalid_bytes > 1 and not utf8.is_proven
    if is_other or account.rejected["invalid_utf8"] > few:
        raise ContractError(
            f"{file_name}: {utf8.invalid_lines} of its lines are not valid UTF-8, the "
            f"first at byte offset {utf8.first_invalid_at}"
            f"{', and none beyond ASCII is' if is_other else ''}. Nothing was loaded. Declare "
            "the file's encoding in the source's contract: encoding = 'cp1252' (Windows, "
            "western Europe), 'latin-1', or another."
        )


def refuse_missing_keys(file_name: str, account: Account) -> None:
    """Refuse a file most of whose keys another file lacks: it is not the right one."""
    for sought in account.sought.values():
        if sought.is_too_much:
            raise ContractError(
                f"{file_name}: {sought.sentence()}; that is more than most_missing = "
                f"{sought.most:g}. Nothing was loaded. Put the {sought.file} that belongs to "
                "this file beside it, correct `on`, or declare most_missing for this lookup "
                "(1: however many)."
            )


def refuse_retyped(
    file_name: str, contract_name: str, block: FramedBlock, reasons: pl.DataFrame
) -> None:
    """Under ``freeze`` a value that is not of its column's type refuses the whole file."""
    invalid = reasons.filter(pl.col("rule").str.ends_with("_invalid"))
    if invalid.is_empty():
        return
    row, _, _, sentence = invalid.sort("_row").row(0)
    raise ContractError(
        f"{file_name}, line {block.lines[row]}: {sentence} The contract of "
        f"{contract_name} is frozen, so nothing was loaded. Mend the file, or set "
        "drift to 'evolve' to reject such rows alone."
    )
