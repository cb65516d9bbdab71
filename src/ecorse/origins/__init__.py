"""Origins: where a shop's files come from. One module per origin.

What belongs here: giving local files to load, and what is known of where they came from. What
does not: what is in the files (``ecorse.sources``), which origin a run takes
(``ecorse.ingest.choice``), loading files (``ecorse.ingest``).

A new origin is one new file that defines ``ORIGIN``: ``include/origins/<name>.py`` or a module here
(``ecorse.registry``). Modules without it are helpers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecorse import registry
from ecorse.errors import ConfigError

if TYPE_CHECKING:
    from ecorse.settings import Settings


@dataclass(frozen=True)
class SourceFile:
    """One local file to load; ``file_name`` identifies it within its shop and source.

    ``provenance`` says where it came from (JSON-ready; no secrets). ``within``: a folder that no
    link may lead out of. ``refused`` is why it is refused before it is opened, such as an archive
    that lies: a sentence; the others are loaded.
    """

    path: Path
    file_name: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""
    within: Path | None = None


@dataclass(frozen=True)
class Origin:
    """What an origin can do and what it must be told.

    Parameters
    ----------
    fetch : function of (settings, options)
        Gives the files, sorted by file name, never an empty list.
    options : mapping of str to str
        Option name → what it means, for people.
    data : str
        The option that ``--data`` (``DATA=``, ``ECORSE_DATA``) fills; empty where the origin
        needs none.
    is_local : bool
        Whether it reads this machine only: ``--data`` is a path, and a mistake is told before
        anything is started.
    """

    fetch: Callable[[Settings, Mapping[str, Any]], list[SourceFile]]
    options: Mapping[str, str]
    data: str = ""
    is_local: bool = False


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path is, by a link, somewhere else than in a folder, or nowhere.

    Raises
    ------
    OSError
        It cannot be looked at, or is not there (any more).
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        return True
    path.lstat()
    return not path.exists()


def origin_names() -> tuple[str, ...]:
    """Give the names of all origins, sorted; imports none of them."""
    return registry.names("origin")


def get_origin(name: str) -> Origin:
    """The origin of that name.

    Raises
    ------
    ConfigError
        There is none, or it cannot be imported.
    """
    origin: Origin = registry.load("origin", name)
    return origin


def data_options(name: str, data: str) -> dict[str, str]:
    """What ``--data`` says to an origin, as its options; nothing for an empty text.

    Raises
    ------
    ConfigError
        The origin takes no ``--data``.
    """
    if not data:
        return {}
    origin = get_origin(name)
    if not origin.data:
        raise ConfigError(
            f"Origin {name!r} takes no --data ({data!r}): its files are told by its options in "
            "shops.toml. Leave --data out, or name another origin."
        )
    return {origin.data: data}


def from_here(name: str, data: str) -> str:
    """``--data`` as it was typed in this working directory, for what runs in another one."""
    return str(Path(data).expanduser().absolute()) if get_origin(name).is_local else data


def fetch_files(name: str, settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Let the named origin give its files.

    Raises
    ------
    ConfigError
        There is no such origin, or it has no such option, or an option's value is wrong.
    SourceUnavailable
        The place could not be reached or holds no file.
    """
    origin = get_origin(name)
    if wrong := sorted(set(options) - set(origin.options)):
        raise ConfigError(
            f"Origin {name!r} has no option {', '.join(map(repr, wrong))}; "
            f"it has {', '.join(origin.options)}."
        )
    return origin.fetch(settings, options)
