"""Which configured source a file is for, told by its header and, in doubt, by its first rows.

What belongs here: sharing out files that were handed over for every source at once
(``ecorse run --data FOLDER``). What does not: loading them (``load``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ecorse.clean.cleaner import Cleaner
from ecorse.clean.opening import open_shape
from ecorse.errors import ContractError
from ecorse.ingest.shops import Shop, ShopSource
from ecorse.origins import SourceFile
from ecorse.schema.contract import recognise
from ecorse.schema.shape import Shape
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
    return [file for file in files if _is_for(file, everyone, to)]


def _is_for(file: SourceFile, everyone: Sequence[Configured], to: Configured) -> bool:
    headers = _Headers(file)
    if not headers.known_columns(to):
        return to == everyone[0] and not any(map(headers.known_columns, everyone))
    known = {i: n for i, one in enumerate(everyone) if (n := headers.known_columns(one))}
    best = next(iter(known))
    if len({everyone[i][1].name for i in known}) > 1:
        matches = {i: _match(file, *everyone[i], known[i]) for i in known}
        best = max(matches, key=lambda i: (matches[i], -i))
    return everyone[best][1].name == to[1].name


class _Headers:
    """A file's header as each source reads it; read once for all that read text alike.

    Where the format is no text (xlsx), reading the header reads the file.
    """

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._names: dict[Shape, list[str] | None] = {}

    def known_columns(self, one: Configured) -> int:
        """How many of its columns a source knows; 0 if one that the source needs is missing."""
        contract = get_source(one[1].name, one[1].reading).contract
        if contract.shape not in self._names:
            self._names[contract.shape] = self._read(contract.shape)
        names = self._names[contract.shape]
        try:
            header = recognise(contract, names, self._file.file_name) if names else None
        except ContractError:
            return 0
        if header is None or header.missing:
            return 0
        return len(header.names) - len(header.extra)

    def _read(self, shape: Shape) -> list[str] | None:
        limit = get_settings().max_record_bytes
        try:
            with self._file.path.open("rb") as opened:
                return open_shape(opened, shape, self._file.file_name, limit).header
        except (ContractError, OSError):
            return None


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
    accepted = block.lines.height + block.candidates.height + block.repeated
    share = accepted / max(accepted + block.rejected.height, 1)
    return Match(share >= 0.5, known_columns, share)
