"""Origin ``http``: files at web addresses, resumed where a download broke off.

What belongs here: which addresses, the copies below ``<home>/http``, and checking them. What does
not: one request after another until a file is complete (``_download.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ecorse.errors import ConfigError, SourceUnavailable
from ecorse.origins import Origin, SourceFile
from ecorse.origins._download import Copy, download, masked
from ecorse.origins._files import PATTERN_HELP, open_archives, read_pattern

if TYPE_CHECKING:
    from ecorse.settings import Settings

OPTIONS = {
    "url": "An address, a list of addresses, or a table of file name and address",
    "sha256": "The file's sha256, or a table of file name and sha256; another content is refused",
    "pattern": PATTERN_HELP,
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch(settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Give the files at the addresses; what did not change is not sent again.

    A file whose sha256 is given and that is here already needs no network.

    Raises
    ------
    ConfigError
        No address is given, or one is wrong, or the server has no such file or refuses it.
    SourceUnavailable
        A server cannot be reached, or fails again and again, or sends another content than the
        sha256 says.
    DiskFull
        There is no space for a file.
    """
    addresses = _read_addresses(options.get("url"))
    hashes = _read_hashes(options.get("sha256"), list(addresses))
    pattern = read_pattern(options, "http")
    copies: dict[str, Copy] = {
        name: download(url, settings.home / "http", hashes.get(name, ""))
        for name, url in addresses.items()
    }
    paths = {name: copy.path for name, copy in copies.items()}
    files = open_archives(paths, settings.home, pattern)
    if not files:
        raise SourceUnavailable(
            f"Origin 'http': none of the files named {', '.join(addresses)} holds data that "
            f"matches {pattern or 'a known kind'}. Correct url or pattern."
        )
    given = []
    for name, file in files.items():
        fetched = next(f for f in copies if name == f or name.startswith(f"{f}/"))
        provenance = {
            "origin": "http",
            "url": masked(addresses[fetched]),
            "sha256": copies[fetched].sha256,
            "etag": copies[fetched].validator,
            "from_cache": copies[fetched].is_from_cache,
        }
        given.append(
            SourceFile(file.path, name, provenance | {"path": str(file.path)}, file.refused)
        )
    return given


def _read_addresses(urls: object) -> dict[str, str]:
    """Give file name → address; a name is the last part of the path unless it is given."""
    if isinstance(urls, Mapping):
        named = [(str(name), url) for name, url in urls.items()]
    else:
        listed = urls if isinstance(urls, list) else [urls]
        named = [(_file_name(url), url) for url in listed if url]
    addresses: dict[str, str] = {}
    for name, url in named:
        if not _is_address(url):
            raise ConfigError(
                f"Origin 'http': url = {masked(str(url))!r}: expected http:// or https:// and a "
                "host."
            )
        if not name or name.startswith(".") or name in addresses:
            raise ConfigError(
                f"Origin 'http': {masked(url)} gives the file name {name!r}, which is empty, "
                'hidden or there twice. Name the files: url = {"sales.csv" = "https://..."}.'
            )
        addresses[name] = url
    if not addresses:
        raise ConfigError(
            "Origin 'http' needs an address: options = { url = \"https://...\" } in shops.toml."
        )
    return addresses


def _is_address(url: object) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _file_name(url: object) -> str:
    try:
        return PurePosixPath(unquote(urlsplit(str(url)).path)).name
    except ValueError:
        return ""


def _read_hashes(hashes: object, names: list[str]) -> dict[str, str]:
    """Give file name → sha256."""
    if not hashes:
        return {}
    if isinstance(hashes, str) and len(names) == 1:
        hashes = {names[0]: hashes}
    if (
        not isinstance(hashes, Mapping)
        or not set(hashes) <= set(names)
        or not all(_SHA256.fullmatch(str(value).lower()) for value in hashes.values())
    ):
        raise ConfigError(
            f"Origin 'http': sha256 = {hashes!r}: expected 64 hex digits, or a table of them by "
            f"file name ({', '.join(names)})."
        )
    return {name: str(value).lower() for name, value in hashes.items()}


ORIGIN = Origin(fetch, OPTIONS, data="url")
