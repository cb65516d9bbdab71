"""A draft of a mapping, with what is known of the file already: ``ecorse source draft``.

What belongs here: saying first which sources read the file, and trying the draft on it. What does
not: the guesses (``ecorse.sources.mappings.draft``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ecorse.errors import ConfigError
from ecorse.ingest.check import Checked, check_source
from ecorse.ingest.recognise import candidates, readers_of
from ecorse.ingest.shops import Shop, ShopSource, load_shops
from ecorse.sources import source_names
from ecorse.sources.mappings.draft import draft
from ecorse.sources.mappings.source import read_mapping

MOST_BYTES = 64 << 20  # a larger file is not read whole only to try a draft on it
SHOWN = 5
NO_SHOP = "any"
EXAMPLES = ("Example store", "Demo shop")  # of the shops.toml that a new project begins with


def draft_file(path: Path, table: str | None = None) -> str:
    """A mapping for a file as TOML, with comments: who reads it, questions, what a check says.

    Raises
    ------
    ContractError
        The file cannot be read as a table.
    """
    shop, others = _shops()
    text = draft(path, table).text
    told = (*_readers(path, others), text.rstrip(), *_judged_as(shop), *_tried(path, text, shop))
    return "\n".join(told) + "\n"


def _shops() -> tuple[Shop, list[Shop]]:
    """The first shop of the project, and all; outside of a project one of no particular place."""
    try:
        shops = load_shops(need_sources=False)
    except ConfigError:
        first = ShopSource(name=source_names()[0], origin="folder")
        shops = [Shop(shop_id=NO_SHOP, shop_name="Any", time_zone="UTC", currency="EUR",
                      sources=(first,))]  # fmt: skip
    return shops[0], shops


def _readers(path: Path, shops: list[Shop]) -> Iterator[str]:
    names = readers_of(path, candidates(shops))
    if names:
        word = "sources" if len(names) > 1 else "source"
        yield f"# The {word} {' and '.join(names)} read{'s' * (len(names) == 1)} this file already:"
        yield f"#   ecorse source check {path.name} --source {names[0]}"
        yield "# A mapping of your own is needed only if that is not what you want.\n#"


def _judged_as(shop: Shop) -> Iterator[str]:
    """Whose clock and money the file is judged by; the example's are asked about."""
    yield ""
    whose = f"shop {shop.shop_id} ({shop.shop_name}, {shop.time_zone}, {shop.currency})"
    if shop.shop_id == NO_SHOP:
        yield f"# QUESTION: no shop is declared; judged with {shop.time_zone} and {shop.currency}."
        yield "# Which are the shop's time zone and currency? Say them in include/shops.toml."
    elif shop.shop_name in EXAMPLES:
        yield f"# QUESTION: judged as a file of {whose}, which came with the project."
        yield "# Are its time zone and currency those of the file? Else correct shops.toml."
    else:
        yield f"# Judged as a file of {whose}."


def _tried(path: Path, text: str, shop: Shop) -> Iterator[str]:
    """What a check of the file says, read by the draft."""
    if path.stat().st_size > MOST_BYTES:
        yield "# The file is large: this draft was not tried on it. `ecorse source check` does."
        return
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "draft.toml"
        written.write_text(text, encoding="utf-8")
        try:
            checked = check_source(path, read_mapping(written), shop)
        except ConfigError as error:
            told = str(error).replace(str(written), "the draft").splitlines()
            yield "# OPEN: this draft cannot be used before its questions are answered:"
            yield from (f"#   {line}" for line in told)
            return
    yield from _said(checked)


def _said(checked: Checked) -> Iterator[str]:
    if checked.refusal:
        yield f"# OPEN: read so, the file is refused: {checked.refusal}"
        return
    word = "PASS" if checked.is_pass else "OPEN"
    yield f"# {word}: read so, the file has {checked.sentence()}"
    if repeated := checked.ignored.get("repeated_header"):
        yield (
            f"# QUESTION: {repeated} rows repeat the header inside the table and are left out. Are "
            "these files put together, each whole?"
        )
    for problem in checked.problems[:SHOWN]:
        yield f"#   {problem.sentence}"
    for warning in checked.warnings:
        yield f"#   note: {warning}"
