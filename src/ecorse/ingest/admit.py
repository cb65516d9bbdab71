"""Which of the files that an origin gives may be opened at all.

What belongs here: names that cannot be kept, links that lead out of the folder, what is no file.
What does not: what is in a file (``clean``), which source it is for (``recognise``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ecorse.errors import ContractError, EcorseError, SourceUnavailable
from ecorse.ingest.recognise import files_looked_up
from ecorse.origins import SourceFile, fetch_files, leads_out
from ecorse.schema.source import Source
from ecorse.settings import Settings
from ecorse.show import escaped

MOST_NAME = 400  # characters of a file's name with its folders, as it is shown
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class Admitted:
    """The files that may be opened, each by a name that can be shown, and the others with why."""

    files: list[SourceFile] = field(default_factory=list)
    refused: list[tuple[SourceFile, EcorseError]] = field(default_factory=list)


def fetch_admitted(origin: str, settings: Settings, options: Mapping[str, Any]) -> Admitted:
    """What an origin gives, looked at before anything is opened.

    Raises
    ------
    ConfigError
        There is no such origin or option.
    SourceUnavailable
        The place could not be reached, or holds no file.
    """
    return admit(fetch_files(origin, settings, options))


def admit(files: Sequence[SourceFile]) -> Admitted:
    """Look at every file's name, kind and links; nothing is opened."""
    admitted, names = Admitted(), set[str]()
    for given in files:
        file = replace(given, file_name=escaped(given.file_name))
        error = _wrong_name(given.file_name, file.file_name) or _wrong_kind(file)
        if error is None and file.file_name in names:
            error = ContractError(
                f"{file.file_name}: another file of this run has this name too, when it is written "
                "with visible characters. Nothing of this one was loaded. Rename one of the two."
            )
        if error is None:
            names.add(file.file_name)
            admitted.files.append(file)
        else:
            shown = file.file_name
            short = shown if len(shown) <= MOST_NAME else f"{shown[:MOST_NAME]}..."
            admitted.refused.append((replace(file, file_name=short), error))
    return admitted


def refuse_links_beside(file: SourceFile, source: Source) -> None:
    """Refuse a file whose rows would be completed from a file that may not be opened.

    Raises
    ------
    ContractError
        A file that the source looks rows up in is a link out of the folder, or no file.
    """
    for name in files_looked_up(source):
        beside = SourceFile(file.path.parent / name, name, within=file.within)
        if os.path.lexists(beside.path) and (error := _wrong_kind(beside)):
            raise ContractError(
                f"{file.file_name}: looks rows up in {name}, which is refused. {error}"
            )


def _wrong_name(name: str, shown: str) -> ContractError | None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return ContractError(
            f"{shown}: its name is not UTF-8, so it cannot be kept. Nothing of the file was "
            "loaded. Rename it, then ingest again."
        )
    if len(shown) <= MOST_NAME:
        return None
    return ContractError(
        f"{shown[:60]}...: its name has {len(shown)} characters; at most {MOST_NAME} may be. "
        "Nothing of the file was loaded. Rename it, then ingest again."
    )


def _wrong_kind(file: SourceFile) -> EcorseError | None:
    """Why a path may not be opened; a file that only cannot be read is tried again later."""
    name = file.file_name
    try:
        if file.within is not None and leads_out(file.path, file.within):
            return ContractError(
                f"{name}: is a link to something outside of its folder, or to nothing; such a "
                "link is not followed. Nothing of it was loaded. Put the file itself there."
            )
        mode = file.path.stat().st_mode
    except OSError as error:
        return SourceUnavailable(
            f"{name}: cannot be read ({error.strerror}). Check that the file is there and may be "
            "read, and run this again."
        )
    if stat.S_ISREG(mode):
        return None
    kind = KINDS.get(stat.S_IFMT(mode), "no file")
    return ContractError(
        f"{name}: is {kind}, not a file. Nothing of it was loaded. Take it away or rename it."
    )
