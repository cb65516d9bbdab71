"""One shop's source: fetch its files, load each, write down what was refused.

What belongs here: the loop over files and its summary. What does not: where files come from
(``ecorse.origins``), reading one (``load``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ecorse.errors import ConfigError, ContractError, SourceUnavailable
from ecorse.failpoints import failpoint
from ecorse.ingest import ledger
from ecorse.ingest.shops import Shop, ShopSource, load_shops
from ecorse.origins import SourceFile, fetch_files
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import Fence, writer

if TYPE_CHECKING:
    from ecorse.ingest.load import LoadSummary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestSummary:
    """What one ingest of one shop's source brought: a summary per file, and the refused files."""

    shop_id: str
    source: str
    loads: list[LoadSummary] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Totals over the files: how many were new, and their row account."""
        new = [load for load in self.loads if not load.is_skipped]
        return {
            "files": len(self.loads) + len(self.refused),
            "files_new": len(new),
            "files_refused": len(self.refused),
            "rows_read": sum(load.rows_read for load in new),
            "rows_staged": sum(load.rows_staged for load in new),
            "rows_duplicate": sum(load.rows_duplicate for load in new),
            "rows_ignored": sum(load.rows_ignored for load in new),
            "rows_rejected": sum(load.rows_rejected for load in new),
        }

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**asdict(self), "counts": self.counts()}


def find_source(shop_id: str, source: str) -> tuple[Shop, ShopSource]:
    """The configured shop and its source.

    Raises
    ------
    ConfigError
        ``shops.toml`` has no such shop, or the shop no such source.
    """
    settings = get_settings()
    shops = {shop.shop_id: shop for shop in load_shops(settings)}
    if shop_id not in shops:
        raise ConfigError(
            f"There is no shop {shop_id!r} in {settings.shops_file}; there are {', '.join(shops)}."
        )
    shop = shops[shop_id]
    for configured in shop.sources:
        if configured.name == source:
            return shop, configured
    raise ConfigError(
        f"Shop {shop_id!r} has no source {source!r} in {settings.shops_file}; it has "
        f"{', '.join(s.name for s in shop.sources)}."
    )


def ingest_source(
    shop_id: str,
    source: str,
    *,
    origin: str | None,
    options: Mapping[str, Any],
    is_for_all: bool,
    holder: str,
    run_id: int,
    progress: Callable[[str], None],
) -> IngestSummary:
    """Load what is new or changed of one source; one refused file does not stop the others.

    ``origin`` and ``options`` replace the configured ones for this run. ``is_for_all``: they hold
    for all sources, and each loads the files that it recognises.

    Raises
    ------
    StoreBusy
        Another run is loading this source.
    SourceUnavailable
        The origin could not be reached, or a file kept changing while it was read.
    """
    shop, configured = find_source(shop_id, source)
    settings = get_settings()
    chosen, kept_options = configured.origin, configured.options
    if settings.origin:
        place = place_option(settings.origin, settings.data_path)
        if place or settings.origin != chosen:
            chosen, kept_options = settings.origin, place
        is_for_all |= bool(place)
    if origin and origin != chosen:
        chosen, kept_options = origin, {}
    loads: dict[str, LoadSummary] = {}
    refused: dict[str, str] = {}
    with writer(f"ingest:{shop_id}:{source}", holder) as fence:
        failpoint("ingest.after_lock")
        pending = fetch_files(chosen, settings, {**kept_options, **options})
        if is_for_all:
            from ecorse.ingest.recognise import share_of

            pending = share_of(pending, shop, configured)
        while pending:
            for file in pending:
                try:
                    load = _load(shop, configured, file, fence, run_id)
                except ContractError as error:
                    refused[file.file_name] = str(error)
                    _write_refusal(shop_id, source, file, error, run_id)
                    progress(f"{file.file_name}: refused: {error}")
                else:
                    loads[file.file_name] = load
                    progress(f"{file.file_name}: {load.sentence()}")
            pending = [file for file in pending if _has_lost_its_load(loads.get(file.file_name))]
    return IngestSummary(shop_id, source, list(loads.values()), refused)


def place_option(origin: str | None, place: str | None) -> dict[str, str]:
    """What ``--data`` means to an origin: Kaggle's data set, an address, else a folder or file."""
    if not place:
        return {}
    options = {"kaggle": "handle", "http": "url", "object_storage": "url"}
    return {options.get(origin or "", "path"): place}


def _has_lost_its_load(load: LoadSummary | None) -> bool:
    """Whether a skipped file's content counted under a name that a later file has since taken.

    Two files that swapped their names, or one that was renamed before another took its name:
    the content was there when the file was looked at, and is superseded now. It is loaded again,
    under its own name, which no other file of the run can take. A withdrawn content stays out.
    """
    if load is None or not load.is_skipped or load.withdrawn_reason is not None:
        return False
    with connect(application_name="ecorse ingest") as conn:
        return not ledger.is_live(conn, load.load_id)


def _load(
    shop: Shop, source: ShopSource, file: SourceFile, fence: Fence, run_id: int, tries: int = 3
) -> LoadSummary:
    """Load one file; one that changes while it is read is read again."""
    from ecorse.ingest.load import load_file

    for attempt in range(1, tries + 1):
        try:
            return load_file(
                file.path,
                shop=shop,
                source=source.name,
                reading=source.reading,
                file_name=file.file_name,
                fence=fence,
                run_id=run_id,
            )
        except SourceUnavailable:
            if attempt == tries:
                raise
            log.warning("%s changed while it was read; reading it again", file.file_name)
    raise AssertionError("unreachable")


def _write_refusal(
    shop_id: str, source: str, file: SourceFile, error: ContractError, run_id: int
) -> None:
    """Keep why a file was refused, once per file and reason."""
    with connect(application_name="ecorse refusal") as conn:
        conn.execute(
            """
            insert into ops.refused_file (shop_id, source, file_name, error_class, message, run_id)
            select %(shop)s, %(source)s, %(file)s, %(class)s, %(message)s, %(run)s
            where not exists (
                select 1 from ops.refused_file
                where shop_id = %(shop)s and source = %(source)s and file_name = %(file)s
                    and message = %(message)s and resolved_at is null
            )
            """,
            {
                "shop": shop_id,
                "source": source,
                "file": file.file_name,
                "class": type(error).__name__,
                "message": str(error),
                "run": run_id,
            },
        )
