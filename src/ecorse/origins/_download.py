"""Downloading one file over HTTP(S) until it is complete.

What belongs here: requests, redirects, retries, resuming, and the copy on disk. What does not:
which addresses (``http.py``); what is in the file.

Resuming and asking whether a file changed: RFC 9110, sections 13 and 14.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import shutil
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from ecorse.atomic import locked, replace_atomically
from ecorse.errors import ConfigError, DiskFull, SourceUnavailable

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

TRIES = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
TIME_OUT_SECONDS = (10, 60)
MAX_REDIRECTS = 5
MAX_BYTES = 64 << 30
_CHUNK_BYTES = 1 << 20
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Copy:
    """A complete copy; ``validator`` is the server's ETag or else its Last-Modified."""

    path: Path
    sha256: str
    validator: str
    is_from_cache: bool


class _Broken(Exception):
    """One attempt failed; another may do better, after so many seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def masked(url: str) -> str:
    """An address without what may be secret: its password, its query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(not an address)"
    user = "***@" if "@" in parts.netloc else ""
    return urlunsplit((parts.scheme, user + host, parts.path, "***" if parts.query else "", ""))


def download(url: str, folder: Path, sha256: str = "") -> Copy:
    """Give a complete copy of what is at an address, from the copy here if it is the same still.

    Parameters
    ----------
    url
        http or https; certificates are verified.
    folder
        Where copies are kept, each in a folder of its own.
    sha256
        What the content must be; then a copy that is here needs no network. Empty: any content.

    Raises
    ------
    ConfigError
        The server says that there is no such file or that it may not be had.
    SourceUnavailable
        The server cannot be reached, fails again and again, or sends another content.
    DiskFull
        There is no space for the file.
    """
    import requests

    place = folder / hashlib.sha256(url.encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(place), requests.Session() as session:
        kept = _kept(place)
        if kept and sha256 and kept.sha256 == sha256:
            return kept
        wait = FIRST_WAIT_SECONDS
        for attempt in range(1, TRIES + 1):
            try:
                return _attempt(session, url, place, kept, sha256)
            except (_Broken, requests.RequestException) as error:
                reason = str(error) if isinstance(error, _Broken) else _reason(error)
                if attempt == TRIES:
                    raise SourceUnavailable(
                        f"{masked(url)}: {reason}, {TRIES} times. Nothing was loaded; run again "
                        "later, it goes on where it stopped."
                    ) from None
                asked = error.wait if isinstance(error, _Broken) else None
                pause = min(asked if asked is not None else wait, LONGEST_WAIT_SECONDS)
                log.warning("%s: %s; trying again in %.0f s", masked(url), reason, pause)
                time.sleep(pause)
                wait *= 2
    raise AssertionError("unreachable")


def _attempt(
    session: requests.Session, url: str, place: Path, kept: Copy | None, sha256: str
) -> Copy:
    """Ask once, and take what comes; raises _Broken when asking again may help."""
    part, begun = place / "part", place / "part.json"
    have, validator = _begun(part, begun)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    elif kept and kept.validator and not sha256:
        # an ETag stands in quotes, a date does not
        is_etag = kept.validator.endswith('"')
        headers["If-None-Match" if is_etag else "If-Modified-Since"] = kept.validator
    with _get(session, url, headers) as response:
        if response.status_code == 304 and kept:
            return kept
        if response.status_code == 416:
            part.unlink()
            raise _Broken("the file changed while it was fetched", 0)
        _expect_success(response, url)
        start = have if response.status_code == 206 else 0
        if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.unlink()
            raise _Broken("the server sent another part than it was asked for", 0)
        if not start:
            validator = _validator(response)
            part.unlink(missing_ok=True)  # first: these bytes must never pass for the new version
            begun.write_text(json.dumps(validator), encoding="utf-8")
        _receive(response, part, start, url)
    return _keep(part, place, validator, sha256, url)


def _begun(part: Path, begun: Path) -> tuple[int, str]:
    """How much of which version is here; nothing if the server cannot be asked for the rest."""
    try:
        validator = str(json.loads(begun.read_text(encoding="utf-8")))
        size = part.stat().st_size
    except (OSError, json.JSONDecodeError):
        return 0, ""
    # a weak ETag does not promise the same bytes
    return (size, validator) if validator and not validator.startswith("W/") else (0, "")


def _get(session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
    """Send the request and follow a few redirects; gives the answer, its body unread."""
    here = url
    for _ in range(MAX_REDIRECTS + 1):
        response = session.get(
            here, headers=headers, stream=True, timeout=TIME_OUT_SECONDS, allow_redirects=False
        )
        if response.status_code not in _REDIRECTS:
            return response
        there = urljoin(here, response.headers.get("Location", ""))
        response.close()
        _check_redirect(here, there, url)
        here = there
    raise ConfigError(
        f"{masked(url)}: redirected more than {MAX_REDIRECTS} times. Name the file's own address."
    )


def _check_redirect(here: str, there: str, url: str) -> None:
    """Refuse a redirect that gives up TLS, or leads from the internet into a private network."""
    source, target = urlsplit(here), urlsplit(there)
    is_web = target.scheme in ("http", "https") and target.hostname
    if not is_web or (source.scheme == "https" and target.scheme != "https"):
        reason = "to an address that is not https"
    elif _is_private(target.hostname or "") and not _is_private(source.hostname or ""):
        reason = "into a private network"
    else:
        return
    raise ConfigError(
        f"{masked(url)}: redirected {reason} ({masked(there)}), which is not followed. "
        "Name the file's own address."
    )


def _is_private(host: str) -> bool:
    """Whether a host is this machine, or in a network that is not the internet."""
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False  # there is nothing to reach
    return any(not ipaddress.ip_address(str(a[4][0]).split("%")[0]).is_global for a in found)


def _expect_success(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in _AGAIN:
        raise _Broken(f"the server answered {status}", _retry_after(response))
    if status not in (200, 206):
        raise ConfigError(
            f"{masked(url)}: the server answered {status}"
            f"{' (' + response.reason + ')' if response.reason else ''}. Correct the address, or "
            "give the right to read it."
        )


def _retry_after(response: requests.Response) -> float | None:
    """The seconds that the server asks to wait; its other form, a date, is not used."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _validator(response: requests.Response) -> str:
    return response.headers.get("ETag") or response.headers.get("Last-Modified") or ""


def _receive(response: requests.Response, part: Path, start: int, url: str) -> None:
    """Write the body behind what is here; a compressed body is kept as it is."""
    from urllib3.exceptions import HTTPError

    announced = response.headers.get("Content-Length", "")
    needed = int(announced) if announced.isdigit() else 0
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise DiskFull(
            f"{masked(url)}: needs {needed} bytes in {part.parent}, where {free} are free. "
            "Free some space and run again."
        )
    size = start
    with part.open("ab" if start else "wb") as file:
        try:
            for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise ConfigError(
                        f"{masked(url)}: more than {MAX_BYTES} bytes. Fetch it by hand and load "
                        "it with origin 'folder'."
                    )
                file.write(chunk)
        except HTTPError as error:
            raise _Broken(f"the download broke off at byte {size}") from error
    if needed and size != start + needed:
        raise _Broken(f"the download broke off at byte {size} of {start + needed}")


def _keep(part: Path, place: Path, validator: str, sha256: str, url: str) -> Copy:
    """Check the complete file, and put it in the place of the earlier one."""
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 and found != sha256:
        part.unlink()
        raise SourceUnavailable(
            f"{masked(url)}: its sha256 is {found}, and {sha256} was expected. Nothing was kept. "
            "If the file was changed on purpose, correct sha256 in the origin's options."
        )
    copy = Copy(place / found, found, validator, is_from_cache=True)
    part.replace(copy.path)
    earlier = _kept(place)
    with replace_atomically(place / "copy.json") as file:
        file.write(json.dumps(asdict(copy) | {"path": found}).encode())
    if earlier and earlier.path != copy.path:
        earlier.path.unlink(missing_ok=True)
    return Copy(copy.path, found, validator, is_from_cache=False)


def _kept(place: Path) -> Copy | None:
    """The complete copy that is here, if its bytes are what they were."""
    try:
        stated: dict[str, Any] = json.loads((place / "copy.json").read_text(encoding="utf-8"))
        copy = Copy(**stated | {"path": place / stated["path"]})
        with copy.path.open("rb") as file:
            is_same = hashlib.file_digest(file, "sha256").hexdigest() == copy.sha256
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return copy if is_same else None


def _reason(error: Exception) -> str:
    """Why a request failed, without the address, which may hold a password."""
    return f"cannot be reached ({type(error).__name__})"
