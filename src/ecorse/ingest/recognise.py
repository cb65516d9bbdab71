"""Which configured source a file is for, told by its header and, in doubt, by its first rows.

What belongs here: sharing out files that were handed over for every source at once
(``ecorse run --data FOLDER``). What does not: loading them (``load``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ecorse.clean.cleaner import Cleaner, open_frames
from ecorse.errors import ContractError
from ecorse.ingest.shops import Shop, ShopSource
from ecorse.origins import SourceFile
from ecorse.schema.contract import recognise
from ecorse.schema.source import LookingUp
from ecorse.settings import get_settings
from ecorse.sources import get_source

Configured = tuple[Shop, ShopSource]


class Match(NamedTuple):
    """How well a file fits a source; the greater, the better.

    A source that accepts most of the file's first rows comes before one that does not; of these
    the one that knows more of the file's columns, then the one that accepts more of the rows.
    """

    is_accepted: bool
    known_columns: int
    accepted_share: float


def share_out(
    files: Iterable[SourceFile], everyone: Sequence[Configured], to: Configured
) -> list[SourceFile]:
    """The files that one source of one shop is to load.

    A file goes to the source that fits it best, in every shop that has this source. One that no
    source recognises goes to the first configured, whose refusal tells what was expected.

    Parameters
    ----------
    everyone : sequence of (Shop, ShopSource)
        Among whom the files are shared out, in the order they are configured.
    to : (Shop, ShopSource)
        One of them.
    """
    return [file for file in files if to in _takers(file, everyone)]


def _takers(file: SourceFile, everyone: Sequence[Configured]) -> list[Configured]:
    known = {i: n for i, who in enumerate(everyone) if (n := _known_columns(file, *who))}
    if not known:
        return list(everyone[:1])
    if len({everyone[i][1].name for i in known}) == 1:
        return [everyone[i] for i in known]
    matches = {i: _match(file, *everyone[i], known[i]) for i in known}
    best = max(matches, key=lambda i: (matches[i], -i))
    name = everyone[best][1].name
    return [everyone[i] for i in known if everyone[i][1].name == name]


def _known_columns(file: SourceFile, shop: Shop, configured: ShopSource) -> int:
    """How many columns of the file's header the source knows; 0 if one that it needs is missing."""
    contract = get_source(configured.name, configured.reading).contract
    try:
        with file.path.open("rb") as opened:
            frames = open_frames(opened, contract, file.file_name, get_settings().max_record_bytes)
            header = recognise(contract, frames.header, file.file_name)
    except (ContractError, OSError):
        return 0
    return 0 if header.missing else len(header.names) - len(header.extra)


def _match(file: SourceFile, shop: Shop, configured: ShopSource, known_columns: int) -> Match:
    """How well the file fits, by its first block of rows."""
    settings = get_settings()
    source = get_source(configured.name, configured.reading)
    try:
        if isinstance(source, LookingUp):
            source = source.bind(file.path.parent)
        with file.path.open("rb") as opened:
            cleaner = Cleaner(
                opened,
                file.path.stat().st_size,
                source=source,
                shop=shop,
                file_name=file.file_name,
                max_record_bytes=settings.max_record_bytes,
                reject_limit_share=settings.reject_limit_share,
            )
            block = next(iter(cleaner), None)
    except (ContractError, OSError):
        return Match(False, known_columns, 0.0)
    if block is None:  # a header and no rows
        return Match(True, known_columns, 1.0)
    accepted = block.lines.height + block.candidates.height
    share = accepted / max(accepted + block.rejected.height, 1)
    return Match(share >= 0.5, known_columns, share)
