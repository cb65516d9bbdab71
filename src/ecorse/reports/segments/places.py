"""Where the reports of a night lie: a folder per build, a page per shop.

What belongs here: paths, and clearing what belongs to no kept build. What does not: a report.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote, unquote

from ecorse.settings import get_settings

PREFIX = "segments-"


def folder_of(build_id: int) -> Path:
    """The folder of a build's reports under ECORSE_HOME."""
    return get_settings().home / "reports" / str(build_id)


def stem_of(shop_id: str) -> str:
    """A shop's part of the file names: no character of it can lead out of the folder."""
    return PREFIX + quote(shop_id, safe="")


def shops_of(build_id: int) -> list[str]:
    """The shops that have a report of this build."""
    pages = sorted(folder_of(build_id).glob(f"{PREFIX}*.html"))
    return [unquote(page.stem.removeprefix(PREFIX)) for page in pages]


def page_of(build_id: int, shop_id: str) -> str | None:
    """The page of a shop; none where there is none."""
    path = folder_of(build_id) / f"{stem_of(shop_id)}.html"
    return path.read_text() if path.is_file() else None


def clear(kept: Collection[int]) -> None:
    """Remove the reports of builds that are no longer kept."""
    for folder in (get_settings().home / "reports").glob("*"):
        if folder.name.isdecimal() and int(folder.name) not in kept:
            shutil.rmtree(folder, ignore_errors=True)
