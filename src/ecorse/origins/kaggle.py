"""Origin ``kaggle``: a public data set, by kagglehub's client, pinned and cached.

What belongs here: which version, is it in the cache, download, what to do when Kaggle fails. What
does not: what may be extracted (``_archive.py``).

kagglehub's own ``dataset_download`` extracts without limits and waits for ever on a silent server,
so its parts are used instead: handle, client and requests. The cache has kagglehub's layout
(``KAGGLEHUB_CACHE`` = ``<home>/kaggle``), so kagglehub finds what Ecorse downloaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecorse.atomic import locked
from ecorse.errors import ConfigError, DiskFull, SourceUnavailable
from ecorse.origins import Origin, SourceFile
from ecorse.origins._archive import ArchiveLimits, extract_safely
from ecorse.origins._files import KINDS, Local, find_files, open_archives

if TYPE_CHECKING:
    import requests
    from kagglehub.handle import DatasetHandle
    from kagglesdk.kaggle_client import KaggleClient

    from ecorse.settings import Settings

log = logging.getLogger(__name__)

OPTIONS = {
    "handle": "owner/name or owner/name/versions/N (default ECORSE_KAGGLE_HANDLE)",
    "version": "The version, if the handle does not pin one",
    "files": "Only these files of the data set: a name or a list of names (default all)",
}
ENDPOINT_VARIABLE = "KAGGLE_API_ENDPOINT"
CONNECT_SECONDS = 10
SILENCE_SECONDS = 60
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class _Cached:
    """A complete copy of one version in the cache."""

    handle: DatasetHandle
    folder: Path
    archive_sha256: str


def fetch(settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Give the data set's data files, from the cache or from Kaggle.

    A pinned version that is in the cache needs no network. Without a pin Kaggle is asked for the
    current version; when it cannot be asked, the newest cached version is used with a warning.

    Raises
    ------
    ConfigError
        The handle is not one, or the data set has no file that ``files`` names.
    SourceUnavailable
        Kaggle cannot be reached, refuses, or has no such data set, and there is no cached copy;
        or the data set holds no data file, or changed under its version number.
    ContractError
        The archive was refused as unsafe.
    DiskFull
        There is no space for the data set.
    """
    handle = _parse_handle(settings, options)
    root = settings.home / "kaggle"
    warning = ""
    cached = _find_cached(root, handle) if handle.version else None
    from_cache = cached is not None
    if cached is None:
        try:
            cached = _fetch_from_kaggle(root, handle)
        except SourceUnavailable as error:
            cached = None if handle.version else _newest_cached(root, handle)
            if cached is None:
                raise
            from_cache = True
            warning = f"{error} The copy of {cached.handle} in the cache was used instead."
            log.warning("%s", warning)
    paths = find_files(cached.folder, recursive=True)
    named = {path.relative_to(cached.folder).as_posix(): path for path in paths}
    files = _choose(open_archives(named, settings.home), options.get("files"), cached.handle)
    provenance = {
        "origin": "kaggle",
        "handle": str(cached.handle),
        "archive_sha256": cached.archive_sha256,
        "from_cache": from_cache,
        "warning": warning,
    }
    return [
        SourceFile(file.path, name, provenance | {"path": str(file.path)}, file.refused)
        for name, file in files.items()
    ]


def _choose(files: Mapping[str, Local], wanted: object, handle: DatasetHandle) -> dict[str, Local]:
    """Keep the named files; all if none are named."""
    if not files:
        raise SourceUnavailable(
            f"Kaggle data set {handle}: it holds no {KINDS} file. "
            "Name another data set in ECORSE_KAGGLE_HANDLE or in the run's form."
        )
    names = [wanted] if isinstance(wanted, str) else wanted or list(files)
    if not isinstance(names, list) or any(name not in files for name in names):
        raise ConfigError(
            f"Origin 'kaggle': files = {wanted!r}: expected names of {handle}, which has "
            f"{', '.join(files)}."
        )
    return {name: file for name, file in files.items() if name in names}


def _parse_handle(settings: Settings, options: Mapping[str, Any]) -> DatasetHandle:
    """Read the handle and the pin."""
    text = str(options.get("handle") or settings.kaggle_handle)
    version = options.get("version") or None
    from kagglehub.handle import parse_dataset_handle

    try:
        handle = parse_dataset_handle(text)
        if version is not None and handle.version not in (None, int(str(version))):
            raise ValueError(f"version = {version} differs from the handle's")
        handle = handle if version is None else handle.with_version(int(str(version)))
        if handle.version is not None and handle.version < 1:
            raise ValueError("versions count from 1")
        slugs = (handle.owner, handle.dataset)
        if not all(s.replace("-", "").replace("_", "").isalnum() and s.isascii() for s in slugs):
            raise ValueError("owner and name have letters, digits, - and _ only")
    except ValueError as error:
        raise ConfigError(
            f"Kaggle handle {text!r} is not one ({error}). Expected owner/name or "
            "owner/name/versions/N, in ECORSE_KAGGLE_HANDLE or in the origin's options."
        ) from None
    return handle


def _dataset_folder(root: Path, handle: DatasetHandle) -> Path:
    """Give the folder of all cached versions, where kagglehub has it."""
    return root / "datasets" / str(handle.owner) / str(handle.dataset)


def _folder(root: Path, handle: DatasetHandle) -> Path:
    """Give the folder of one version, where kagglehub has it."""
    return _dataset_folder(root, handle) / "versions" / str(handle.version)


def _marker(root: Path, handle: DatasetHandle) -> Path:
    """Give the file that says a version is complete, where kagglehub has it."""
    return _dataset_folder(root, handle) / f"{handle.version}.complete"


def _find_cached(root: Path, handle: DatasetHandle) -> _Cached | None:
    """Give the complete cached copy of a version, if there is one and its files are unchanged."""
    folder, marker = _folder(root, handle), _marker(root, handle)
    if not (folder.is_dir() and marker.is_file()):
        return None
    text = marker.read_text(encoding="utf-8")
    if not text:
        return _Cached(handle, folder, "")  # made by kagglehub itself, whose marker is empty
    try:
        manifest = json.loads(text)
        if _hash_files(folder) == manifest["files"]:
            return _Cached(handle, folder, manifest["archive_sha256"])
    except (json.JSONDecodeError, KeyError, TypeError):
        log.warning("%s cannot be read; %s is fetched again", marker, handle)
        return None
    log.warning("The cached files of %s in %s were changed; it is fetched again", handle, folder)
    return None


def _newest_cached(root: Path, handle: DatasetHandle) -> _Cached | None:
    """Give the complete cached copy with the highest version number, if there is one."""
    markers = _dataset_folder(root, handle).glob("*.complete")
    versions = sorted((int(m.stem) for m in markers if m.stem.isdigit()), reverse=True)
    copies = (_find_cached(root, handle.with_version(version)) for version in versions)
    return next((copy for copy in copies if copy), None)


def _hash_files(folder: Path) -> dict[str, str]:
    """Give the sha256 of every file below a folder, by its path there."""
    hashes = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(
                file, "sha256"
            ).hexdigest()
    return hashes


def _fetch_from_kaggle(root: Path, handle: DatasetHandle) -> _Cached:
    """Ask for the version if none is pinned, and download it if it is not in the cache."""
    import requests
    import urllib3

    try:
        with _build_client() as client:
            if not handle.version:
                handle = handle.with_version(_current_version(client, handle))
            versions = _dataset_folder(root, handle) / "versions"
            versions.mkdir(parents=True, exist_ok=True)
            with locked(versions):
                # Unpinned, or fetched by another run while this one waited for the lock.
                return _find_cached(root, handle) or _download(client, root, handle)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise SourceUnavailable(_explain(handle, error)) from error


def _build_client() -> KaggleClient:
    """Make kagglehub's client: anonymous unless KAGGLE_API_TOKEN is set, with time-outs."""
    import requests
    from kagglehub.clients import get_user_agent
    from kagglesdk.kaggle_client import KaggleClient
    from kagglesdk.kaggle_env import KaggleEnv, get_env

    class WithTimeouts(requests.adapters.HTTPAdapter):
        """kagglesdk sends without a time-out, and so would wait for ever on a silent server."""

        def send(self, request: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
            kwargs["timeout"] = kwargs.get("timeout") or (
                CONNECT_SECONDS,
                SILENCE_SECONDS,
            )
            return super().send(request, **kwargs)

    endpoint = os.environ.get(ENDPOINT_VARIABLE, "")
    client = KaggleClient(
        env=KaggleEnv.LOCAL if endpoint else get_env(), user_agent=get_user_agent()
    )
    http = client.http_client()
    if endpoint:
        # kagglehub 1.0 knows fixed hosts only; earlier ones read this variable, and tests need it.
        http._endpoint = endpoint.rstrip("/")
    http._init_session()
    for scheme in ("https://", "http://"):
        http._session.mount(scheme, WithTimeouts())
    return client


def _current_version(client: KaggleClient, handle: DatasetHandle) -> int:
    """Ask Kaggle for the data set's current version."""
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = handle.owner, handle.dataset
    version = client.datasets.dataset_api_client.get_dataset(request).current_version_number
    if not isinstance(version, int) or version < 1:
        raise SourceUnavailable(
            f"Kaggle data set {handle}: Kaggle gave no version number. Pin one: {handle}/versions/1"
        )
    return version


def _download(client: KaggleClient, root: Path, handle: DatasetHandle) -> _Cached:
    """Download one version into the cache; nothing of it is visible before it is complete."""
    from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest

    request = ApiDownloadDatasetRequest()
    request.owner_slug, request.dataset_slug = handle.owner, handle.dataset
    request.dataset_version_number = handle.version
    folder, marker = _folder(root, handle), _marker(root, handle)
    for unfinished in folder.parent.glob(".*.tmp"):  # left by a killed run; the lock is ours
        shutil.rmtree(unfinished)
    work = folder.with_name(f".{handle.version}.{secrets.token_hex(4)}.tmp")
    work.mkdir()
    try:
        archive, files = work / "archive.zip", work / "files"
        with client.datasets.dataset_api_client.download_dataset(request) as response:
            sha256 = _save(response, archive, handle)
        _check_unchanged(marker, sha256, handle)
        files.mkdir()
        extract_safely(archive, files, label=f"Kaggle data set {handle}")
        manifest = {"archive_sha256": sha256, "files": _hash_files(files)}
        (work / "marker").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        if folder.exists():  # a damaged or unfinished copy
            folder.rename(work / "old")
        files.rename(folder)
        (work / "marker").replace(marker)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    log.info("Kaggle data set %s downloaded to %s", handle, folder)
    return _Cached(handle, folder, sha256)


def _save(response: requests.Response, archive: Path, handle: DatasetHandle) -> str:
    """Write the body, checked against limit, announced length and MD5; give its sha256."""
    from kagglehub.integrity import get_md5_checksum_from_response

    expected_md5 = get_md5_checksum_from_response(response)
    is_encoded = "Content-Encoding" in response.headers  # then the length is not the file's
    announced = 0 if is_encoded else int(response.headers.get("Content-Length", 0))
    limit = ArchiveLimits().total_bytes
    free = shutil.disk_usage(archive.parent).free
    if announced > free:
        raise DiskFull(
            f"Kaggle data set {handle}: needs {announced} bytes in {archive.parent}, where {free} "
            "are free. Free some space and run again."
        )
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with archive.open("xb") as file:
        for chunk in response.iter_content(_CHUNK_BYTES):
            size += len(chunk)
            if size > limit:
                raise SourceUnavailable(
                    f"Kaggle data set {handle}: more than {limit} bytes were sent. Nothing was "
                    "loaded. Fetch it by hand and load it with origin 'folder'."
                )
            file.write(chunk)
            sha256.update(chunk)
            md5.update(chunk)
    if (announced and size != announced) or (
        expected_md5 and base64.b64encode(md5.digest()).decode() != expected_md5
    ):
        raise SourceUnavailable(
            f"Kaggle data set {handle}: the download is damaged ({size} of "
            f"{announced or 'unknown'} bytes arrived, or their "
            "MD5 is not the announced one). Nothing was loaded; run again."
        )
    return sha256.hexdigest()


def _check_unchanged(marker: Path, sha256: str, handle: DatasetHandle) -> None:
    """Refuse a version whose content is not what it was when it was first downloaded."""
    try:
        earlier = json.loads(marker.read_text(encoding="utf-8"))["archive_sha256"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        return
    if earlier != sha256:
        raise SourceUnavailable(
            f"Kaggle data set {handle}: its content changed under the same version "
            f"(sha256 {earlier[:12]} before, {sha256[:12]} now). Pin another version, or accept it "
            f"by removing {marker}."
        )


def _explain(handle: DatasetHandle, error: Exception) -> str:
    """Say what went wrong at Kaggle and what to do next."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    start = f"Kaggle data set {handle}: "
    if status == 404:
        return (
            start + "Kaggle has no such data set or version (404). Check the handle on kaggle.com."
        )
    if status in (401, 403):
        return start + (
            f"Kaggle refuses it without an account ({status}). Use a public data set, or give an "
            "API token in KAGGLE_API_TOKEN."
        )
    if status == 429:
        wait = response.headers.get("Retry-After", "") if response is not None else ""
        after = f" after {wait} seconds" if wait.isdigit() else " in some minutes"
        return start + f"Kaggle limits the rate of requests (429). Run again{after}."
    if status is not None:
        return start + f"Kaggle answered with an error ({status}). Run again later."
    return start + (
        f"Kaggle could not be reached or broke off ({type(error).__name__}). Check the network and "
        "run again, or use ORIGIN=folder with files fetched by hand."
    )


ORIGIN = Origin(fetch, OPTIONS, data="handle")
