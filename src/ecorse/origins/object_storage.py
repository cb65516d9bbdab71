"""Origin ``object_storage``: the files below a prefix of S3, Google Cloud Storage and the like.

What belongs here: listing, and copying what changed to ``<home>/objects``. What does not: how a
store is spoken to (fsspec, which comes with Airflow); reading the files.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ecorse.atomic import locked, replace_atomically
from ecorse.errors import ConfigError, DiskFull, SourceUnavailable
from ecorse.origins import Origin, SourceFile
from ecorse.origins._download import masked
from ecorse.origins._files import (
    KINDS,
    PATTERN_HELP,
    is_data,
    open_archives,
    read_pattern,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

    from ecorse.settings import Settings

log = logging.getLogger(__name__)

OPTIONS = {
    "url": "A prefix or one object, such as s3://bucket/exports or gs://bucket/sales.csv",
    "storage": "A table of the store's own options, such as { anon = true } (no passwords)",
    "pattern": PATTERN_HELP,
}
TRIES = 3
_CHUNK_BYTES = 1 << 20
# what a store says of an object that changes whenever its content does
_VERSION_KEYS = (
    "ETag",
    "etag",
    "VersionId",
    "generation",
    "md5Hash",
    "LastModified",
    "last_modified",
    "updated",
    "mtime",
    "created",
    "ino",
    "size",
)


@dataclass(frozen=True)
class _Copy:
    """The local copy of one object."""

    path: Path
    version: str
    is_from_cache: bool


def fetch(settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Give every data file below the prefix; an object is copied when its version changed.

    A file's name is its key below the prefix; a member of a zip archive is
    ``<archive>.zip/<member>``. Who may read the bucket is the store's own business: the
    credentials of its usual environment variables, files or machine role are used.

    Raises
    ------
    ConfigError
        No address is given, or it is wrong, or what speaks to such a store is not installed, or
        the object does not exist or may not be read.
    SourceUnavailable
        The store cannot be reached, holds no data file there, or an object kept changing.
    DiskFull
        There is no space for an object.
    """
    url, pattern = options.get("url"), read_pattern(options, "object_storage")
    if not isinstance(url, str) or "://" not in url:
        raise ConfigError(
            "Origin 'object_storage' needs an address: options = { url = "
            f'"s3://bucket/exports" }} in shops.toml, not {url!r}.'
        )
    store, root = _open(url, options.get("storage") or {})
    try:
        objects = _list(store, root)
        copies = _copy_all(store, objects, settings.home / "objects", url)
    except PermissionError as error:
        raise ConfigError(
            f"{masked(url)}: may not be read ({type(error).__name__}). Give the credentials in "
            "the store's usual environment variables, or the machine a role that may read it."
        ) from None
    except OSError as error:
        raise SourceUnavailable(
            f"{masked(url)}: cannot be read ({type(error).__name__}). Nothing was loaded. Check "
            "the network and the bucket's name, and run again."
        ) from error
    paths = {name: copy.path for name, copy in copies.items()}
    files = open_archives(paths, settings.home, pattern)
    if not files:
        raise SourceUnavailable(
            f"{masked(url)}: there is no file named {pattern or KINDS}. Put the shop's exports "
            "there, or correct url or pattern."
        )
    given = []
    for name, file in files.items():
        copied = next(o for o in copies if name == o or name.startswith(f"{o}/"))
        provenance = {
            "origin": "object_storage",
            "url": masked(url),
            "object": copied,
            "version": copies[copied].version,
            "from_cache": copies[copied].is_from_cache,
        }
        given.append(
            SourceFile(file.path, name, provenance | {"path": str(file.path)}, file.refused)
        )
    return given


def _open(url: str, storage: object) -> tuple[AbstractFileSystem, str]:
    """Give the store, and the path of the prefix in it."""
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    if not isinstance(storage, Mapping):
        raise ConfigError("Origin 'object_storage': storage must be a table of options.")
    scheme = url.partition("://")[0]
    try:
        store, root = url_to_fs(url, **storage)
    except ImportError as error:
        raise ConfigError(
            f"{masked(url)}: what speaks to {scheme}:// is not installed ({error}). "
            "Install it beside Ecorse and run again."
        ) from None
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{masked(url)}: not an address of object storage, or storage has an option that "
            f"{scheme}:// does not know ({type(error).__name__})."
        ) from None
    return store, str(root)


def _list(store: AbstractFileSystem, root: str) -> dict[str, str]:
    """Give name → key of the data files; hidden ones do not count."""
    store.invalidate_cache()  # a listing that was remembered does not show what is new
    root = root.rstrip("/")
    found = {}
    for key in store.find(root):
        name = PurePosixPath(key).name if key == root else key.removeprefix(root).lstrip("/")
        is_hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
        if key == root or (is_data(PurePosixPath(name).name) and not is_hidden):
            found[name] = key
    return found


def _version(store: AbstractFileSystem, key: str) -> str:
    """What the store itself says of an object now."""
    store.invalidate_cache()
    info = store.info(key)
    return " ".join(f"{key}={info[key]}" for key in _VERSION_KEYS if info.get(key) is not None)


def _copy_all(
    store: AbstractFileSystem, objects: Mapping[str, str], home: Path, url: str
) -> dict[str, _Copy]:
    """Copy what changed; what is no longer in the store is removed here too."""
    place = home / hashlib.sha256(url.encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(place):
        copies = {name: _copy(store, key, place, name) for name, key in objects.items()}
        wanted = {copy.path.name for copy in copies.values()}
        for path in place.iterdir():
            if path.name.removesuffix(".json") not in wanted:
                path.unlink()
    return copies


def _copy(store: AbstractFileSystem, key: str, place: Path, name: str) -> _Copy:
    """Give the local copy of one object, named by its key's hash: a key may hold anything."""
    path = place / hashlib.sha256(key.encode()).hexdigest()[:32]
    note = path.with_suffix(".json")
    version = _version(store, key)
    if path.is_file() and _noted(note) == [version, path.stat().st_size]:
        return _Copy(path, version, True)
    for _ in range(TRIES):
        note.unlink(missing_ok=True)
        _receive(store, key, path, name)
        after = _version(store, key)
        if after == version:
            with replace_atomically(note) as file:
                file.write(json.dumps([version, path.stat().st_size]).encode())
            return _Copy(path, version, False)
        log.warning("%s changed while it was copied; copying it again", name)
        version = after
    path.unlink()
    raise SourceUnavailable(
        f"{name}: was changed while it was copied, {TRIES} times. Nothing was loaded; run again. "
        "Let the sender write under another name and rename."
    )


def _receive(store: AbstractFileSystem, key: str, path: Path, name: str) -> None:
    size, free = store.info(key).get("size") or 0, shutil.disk_usage(path.parent).free
    if size > free:
        raise DiskFull(
            f"{name}: needs {size} bytes in {path.parent}, where {free} are free. "
            "Free some space and run again."
        )
    with store.open(key, "rb") as source, replace_atomically(path) as file:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)


def _noted(note: Path) -> object:
    """Which version and size was copied; nothing if that is not known."""
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


ORIGIN = Origin(fetch, OPTIONS, data="url")
