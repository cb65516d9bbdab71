"""Writing the report of the published night: a page and a Markdown file per shop.

What belongs here: rendering, files, and the two ways it is asked for (by a person, by a night).
What does not: what the report says (``page``).
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from ecorse.atomic import replace_atomically
from ecorse.errors import DataError
from ecorse.reports.segments import places
from ecorse.reports.segments.blocks import Page, Plot
from ecorse.reports.segments.page import make_page
from ecorse.reports.segments.read import read_facts, shops_with_segments
from ecorse.show import escaped, said
from ecorse.warehouse.connect import connect
from ecorse.warehouse.snapshot import Snapshot

log = logging.getLogger(__name__)
MARKS = re.compile(r"([\\`*_\[\]|~$^]|^[#+-]|^\d+(?=[.)]\s)|(?<=:)//)")
KEPT = "select build_id from ops.build where status not in ('removed', 'failed')"


def _marked(found: re.Match[str]) -> str:
    """A sign of Markdown made harmless; of a number that would begin a list, its point is."""
    return f"{found[0]}\\" if found[0].isdecimal() else f"\\{found[0]}"


def markdown(text: object) -> Markup:
    """Foreign text that Markdown shows as it is, without obeying a sign of it."""
    return Markup(MARKS.sub(_marked, escape(escaped(text), quote=False)))  # noqa: S704 (it was escaped)


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: escaped(value) if type(value) is str else value,
)
TEMPLATES.filters["md"] = markdown


def render(page: Page, face: str, pictures: Mapping[str, str]) -> str:
    """The page as HTML or Markdown: one template, its parts drawn by a face."""
    template = TEMPLATES.get_template("segments.j2")
    text = template.render(page=page, face=f"{face}.j2", pictures=pictures)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def write_reports(shop: str | None = None, folder: Path | None = None) -> list[Path]:
    """Write the report of the published night for each shop; gives the pages' paths.

    Parameters
    ----------
    shop
        Only this shop.
    folder
        Where to; else ECORSE_HOME/reports/<build>.

    Raises
    ------
    DataError
        No night is published, or it has no such shop.
    """
    snapshot = Snapshot()
    try:
        build = snapshot.build
        shops = shops_with_segments(snapshot.read)
        if shop is not None and shop not in shops:
            raise DataError(
                f"The night has no segments of shop {shop!r}; it has those of "
                f"{', '.join(shops) or 'none'}."
            )
        known = snapshot.tables()
        folder = folder or places.folder_of(build.build_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = []
        for one in shops if shop is None else [shop]:
            page = make_page(read_facts(snapshot.read, known, build, one))
            written.append(_write(page, folder, places.stem_of(one)))
        return written
    finally:
        snapshot.close()


def write_after_night(say: Callable[[str], None] = log.warning) -> list[Path]:
    """The reports of a night that was just published; whatever fails here never touches it."""
    try:
        with connect(application_name="ecorse report") as conn:
            kept = {build_id for (build_id,) in conn.execute(KEPT)}
        places.clear(kept)
        written = write_reports()
    except Exception as error:
        log.debug("report on segments", exc_info=True)
        say(
            f"The night is published, but its report on segments is not written: {said(error)}. "
            "`ecorse report segments` writes it."
        )
        return []
    for path in written:
        say(f"wrote {path}")
    return written


def _write(page: Page, folder: Path, stem: str) -> Path:
    pictures: dict[str, Any] = {}
    inside: dict[str, Any] = {}
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Plot):
                name = f"{stem}-{quote(block.name, safe='')}.png"
                png = block.draw()
                _put(folder / name, png)
                pictures[block.name] = quote(name)
                data = base64.b64encode(png).decode()
                inside[block.name] = f"data:image/png;base64,{data}"
    _put(folder / f"{stem}.md", render(page, "markdown", pictures).encode())
    path = folder / f"{stem}.html"
    _put(path, render(page, "html", inside).encode())
    return path


def _put(path: Path, data: bytes) -> None:
    with replace_atomically(path, mode=0o600) as file:
        file.write(data)
