"""Which source a file is for, told by its header and, in doubt, by its first rows.

What belongs here: sharing out files that were handed over for every source at once
(``ecorse run --data FOLDER``), among all sources there are. What does not: loading them (``load``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ecorse.clean.cleaner import Cleaner
from ecorse.clean.opening import open_shape
from ecorse.errors import ContractError, Unreadable
from ecorse.ingest.choice import ORIGIN_OF_DATA
from ecorse.ingest.shops import Shop, ShopSource
from ecorse.origins import SourceFile
from ecorse.schema.recognise import recognise
from ecorse.schema.shape import Shape
from ecorse.schema.source import LookingUp, Source
from ecorse.settings import get_settings
from ecorse.show import escaped
from ecorse.sources import get_source, mapping_files, source_names

log = logging.getLogger(__name__)

State = tuple[int, int]  # of a file: when it was changed, and its size
_unreadable: dict[
    tuple[Path, State], Unreadable
] = {}  # files whose reader gave up, whatever the source


@dataclass(frozen=True)
class Candidate:
    """A source of a shop that files may be for; equal ones read a file alike.

    A source that no shop has configured stands under the first.
    """

    shop_id: str
    name: str
    is_configured: bool
    reading: str
    shop: Shop = field(compare=False)
    source: ShopSource = field(compare=False)

    @property
    def reader(self) -> Source:
        """How files are read, with what the shop declares otherwise."""
        path = mapping_files().get(self.name)
        return _reader(self, path.stat().st_mtime_ns if path else 0)


@lru_cache(maxsize=200)
def _reader(one: Candidate, changed: int) -> Source:
    """A candidate's source, read once for each state of its mapping."""
    return get_source(one.name, one.source.reading)


class Match(NamedTuple):
    """How well a file fits a source; the greater, the better.

    A source that accepts most of the file's first rows comes before one that does not; of these
    the one that knows more of the file's columns, then the one that accepts more of the rows, then
    one that a shop has configured.
    """

    is_accepted: bool
    known_columns: int
    accepted_share: float
    is_configured: bool


@dataclass(frozen=True)
class Share:
    """What of the files is for one source: those it loads, and those it refuses, with a reason."""

    files: list[SourceFile]
    refused: list[tuple[SourceFile, ContractError]]


def candidates(shops: Sequence[Shop]) -> tuple[Candidate, ...]:
    """Every source there is: those that the shops have configured, then the others.

    One that cannot be read is left out: it is no reason not to load files of the others.
    """
    used = [_candidate(shop, source, True) for shop in shops for source in shop.sources]
    found = [one for one in used if _is_readable(one)]
    configured = {one.name for one in used}
    mappings = mapping_files()
    for name in source_names():
        is_empty = name in mappings and not mappings[name].stat().st_size  # a draft's, yet to come
        if name in configured or is_empty:
            continue
        one = _candidate(shops[0], ShopSource(name=name, origin=ORIGIN_OF_DATA), False)
        if _is_readable(one):
            found.append(one)
    return tuple(found)


def _is_readable(one: Candidate) -> bool:
    try:
        _ = one.reader.contract
    except Exception as error:
        log.warning("the source %s is left out: %s: %s", one.name, type(error).__name__, error)
        return False
    return True


def is_first(everyone: tuple[Candidate, ...], shop_id: str, source: str) -> bool:
    """Whether this source speaks for all: it refuses the files that are nobody's."""
    return bool(everyone) and (shop_id, source) == (everyone[0].shop_id, everyone[0].name)


def _candidate(shop: Shop, used: ShopSource, is_configured: bool) -> Candidate:
    reading = used.reading.model_dump_json(exclude_none=True)
    return Candidate(shop.shop_id, used.name, is_configured, reading, shop, used)


def share_out(
    files: Iterable[SourceFile], everyone: tuple[Candidate, ...], shop_id: str, source: str
) -> Share:
    """The files that one source of one shop is to load.

    A file goes to the source that fits it best, in every shop that has this source. One that no
    source recognises, or that two fit equally, is refused by the first; but one that a source of
    this run completes its rows from is no file of rows.

    Parameters
    ----------
    everyone : tuple of Candidate
        Among whom the files are shared out, in the order they are configured.
    """
    chosen = [(file, _best(file, everyone)) for file in files]
    speaks_for_all = is_first(everyone, shop_id, source)
    looked_up = {
        (file.path.parent, name)
        for file, names in chosen
        for one in everyone
        if [one.name] == names
        for name in files_looked_up(one.reader)
    }
    share = Share([], [])
    for file, names in chosen:
        if names == [source]:
            share.files.append(file)
        elif (
            len(names) != 1
            and speaks_for_all
            and (file.path.parent, file.path.name) not in looked_up
        ):
            share.refused.append((file, _refusal(file, names, everyone)))
    return share


def sources_met(files: Iterable[SourceFile], everyone: tuple[Candidate, ...]) -> list[str]:
    """The names of the sources that files go to."""
    return sorted({names[0] for f in files if len(names := _best(f, everyone)) == 1})


def files_looked_up(source: Source) -> tuple[str, ...]:
    """Names of the files that a source completes its rows from; they are no files of rows."""
    return source.looks_up if isinstance(source, LookingUp) else ()


def readers_of(path: Path, everyone: tuple[Candidate, ...]) -> list[str]:
    """The sources that fit a file best: one, or several that fit it equally, or none."""
    return _best(SourceFile(path, path.name), everyone)


def _refusal(
    file: SourceFile, names: Sequence[str], everyone: tuple[Candidate, ...]
) -> ContractError:
    if file.refused:
        return ContractError(file.refused)
    if not names and (why := _unreadable.get((file.path, _state(file.path)))):
        return why
    if names:
        return ContractError(
            f"{file.file_name}: the sources {' and '.join(names)} fit this file equally, so it is "
            "not known which one is meant. Nothing was loaded. Name it: --source "
            f"{' or --source '.join(names)}."
        )
    return ContractError(
        f"{file.file_name}: none of the {len({c.name for c in everyone})} sources reads this file "
        "(`ecorse source list` names the columns that each needs). Nothing was loaded. `ecorse "
        f"source draft {file.file_name}` proposes a mapping for it, and --source NAME tells what a "
        "source misses in it."
    )


def _best(file: SourceFile, everyone: tuple[Candidate, ...]) -> list[str]:
    """Names of the sources that fit a file best; several where it cannot be told."""
    if file.refused:
        return []
    try:
        return list(_best_of(file.path, _state(file.path), everyone))
    except OSError:
        return []


def _state(path: Path) -> State:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=10_000)
def _best_of(path: Path, state: State, everyone: tuple[Candidate, ...]) -> tuple[str, ...]:
    """Decided once for each state of a file: every source asks for its share of all files."""
    known: dict[Candidate, int] = {}
    for one in everyone:
        columns = _known_columns(path, state, one.reader)
        # names that the file does not say itself prove nothing: its rows have to
        if columns and one.reader.contract.shape.names:
            columns *= _match(path, one, columns).is_accepted
        if columns:
            known[one] = columns
    unnamed = {one for one in known if one.reader.contract.shape.names}
    if len({one.name for one in known}) < 2 and not unnamed:
        return tuple({one.name: None for one in known})
    matches: dict[str, Match] = {}
    for one, columns in known.items():
        match = _match(path, one, columns)
        if match.is_accepted or one not in unnamed:  # names that are not the file's prove nothing
            matches[one.name] = max(match, matches.get(one.name, match))
    best = max(matches.values(), default=None)
    return tuple(name for name, match in matches.items() if match == best)


def _known_columns(path: Path, state: State, source: Source) -> int:
    """How many of a file's columns a source knows; 0 if one that the source needs is missing."""
    names = _header(path, state, source.contract.shape)
    try:
        header = recognise(source.contract, names, path.name) if names else None
    except Exception as error:
        _tell_defect(source.name, path, error)
        return 0
    if header is None or header.missing:
        return 0
    return len(header.names) - len(header.extra)


@lru_cache(maxsize=10_000)
def _header(path: Path, state: State, shape: Shape) -> tuple[str, ...] | None:
    """A file's header, read once for all sources that read text alike.

    Where the format is no text (xlsx), reading the header reads the file; one whose reader gave up
    is not read again.
    """
    if (path, state) in _unreadable:
        return None
    limit = get_settings().max_record_bytes
    try:
        with path.open("rb") as opened:
            return tuple(open_shape(opened, shape, path.name, limit).header)
    except Unreadable as error:
        _unreadable[path, state] = error
        return None
    except Exception as error:
        _tell_defect("reading headers", path, error)
        return None


def _match(path: Path, one: Candidate, known_columns: int) -> Match:
    """How well the file fits, by its first block of rows."""
    settings = get_settings()
    source = one.reader
    try:
        if isinstance(source, LookingUp):
            source = source.bind(path.parent)
        with path.open("rb") as opened:
            cleaner = Cleaner(
                opened,
                path.stat().st_size,
                source=source,
                shop=one.shop,
                file_name=path.name,
                max_record_bytes=settings.max_record_bytes,
                reject_limit_share=settings.reject_limit_share,
            )
            block = next(iter(cleaner), None)
    except Exception as error:
        _tell_defect(one.name, path, error)
        return Match(False, known_columns, 0.0, one.is_configured)
    if block is None:  # a header and no rows
        return Match(True, known_columns, 1.0, one.is_configured)
    accepted = block.lines.height + block.candidates.height + block.repeated
    share = accepted / max(accepted + block.rejected.height, 1)
    return Match(share >= 0.5, known_columns, share, one.is_configured)


def _tell_defect(who: str, path: Path, error: Exception) -> None:
    """Say in the log that a source broke over a file; that a file is not its own is no news."""
    if not isinstance(error, ContractError | OSError):
        name = escaped(path.name)
        log.warning("%s: %s broke over it: %s", name, who, type(error).__name__, exc_info=error)
