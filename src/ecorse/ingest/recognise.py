"""Which configured source a file is for, told by its header.

What belongs here: sharing out files that were handed over for all sources at once
(``ecorse run --data FOLDER``). What does not: reading their rows (``load``).
"""

from __future__ import annotations

from collections.abc import Iterable

from ecorse.clean.cleaner import Cleaner
from ecorse.errors import ContractError
from ecorse.ingest.shops import Shop, ShopSource, load_shops
from ecorse.origins import SourceFile
from ecorse.settings import get_settings
from ecorse.sources import get_source, read_with


def share_of(files: Iterable[SourceFile], shop: Shop, source: ShopSource) -> list[SourceFile]:
    """The files that one source of one shop is to load.

    A file goes to every configured source that recognises its header. One that none recognises
    goes to the first source configured, whose refusal tells what was expected.
    """
    everyone = [(s, configured) for s in load_shops(get_settings()) for configured in s.sources]
    is_first = (shop, source) == everyone[0]
    return [
        file
        for file in files
        if _recognises(shop, source, file)
        or (is_first and not any(_recognises(s, configured, file) for s, configured in everyone))
    ]


def _recognises(shop: Shop, source: ShopSource, file: SourceFile) -> bool:
    """Whether the file's header has the columns that the source's contract requires."""
    settings = get_settings()
    try:
        with file.path.open("rb") as opened:
            Cleaner(
                opened,
                0,
                source=read_with(get_source(source.name), source.reading),
                shop=shop,
                file_name=file.file_name,
                max_record_bytes=settings.max_record_bytes,
                reject_limit_share=settings.reject_limit_share,
            )
    except (ContractError, OSError):
        return False
    return True
