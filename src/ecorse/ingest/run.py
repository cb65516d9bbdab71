"""One shop's source: fetch its files, load each, write down what was refused.

What belongs here: the loop over files and its summary. What does not: where files come from
(``ecorse.origins``), reading one (``load``).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ecorse.errors import ContractError, EcorseError, SourceUnavailable, TooManyRejects
from ecorse.failpoints import failpoint
from ecorse.ingest import ledger
from ecorse.ingest.admit import Admitted, fetch_admitted, refuse_links_beside
from ecorse.ingest.archive import clear_killed
from ecorse.ingest.choice import choose
from ecorse.ingest.selection import find_source
from ecorse.ingest.shops import Shop, load_shops
from ecorse.ingest.tight import refuse_tight
from ecorse.ingest.trouble import of_one_file, worst
from ecorse.origins import SourceFile
from ecorse.settings import get_settings
from ecorse.show import escaped
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import Fence, writer

if TYPE_CHECKING:
    from ecorse.ingest.summary import LoadSummary
    from ecorse.schema.source import Source

log = logging.getLogger(__name__)
MOST_NOTES = 5  # of a load that are told at once


@dataclass(frozen=True)
class IngestSummary:
    """What one ingest of one shop's source brought: a summary per file, and the refused files."""

    shop_id: str
    source: str
    loads: list[LoadSummary] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    errors: list[EcorseError] = field(default_factory=list)

    def failure(self) -> EcorseError | None:
        """The refused files as one error, each with its reason; none if every file is in."""
        if not self.errors:
            return None
        count = self.counts()["files"]
        rest = ", the others are in" if count > len(self.refused) else ""
        return worst(
            self.errors,
            f"{self.shop_id}/{self.source}: {len(self.refused)} of {count} files refused{rest}. "
            + " | ".join(self.refused.values()),
        )

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
        told = asdict(replace(self, errors=[]))
        del told["errors"]  # their sentences are those of ``refused``
        return {**told, "counts": self.counts()}


def ingest_source(
    shop_id: str,
    source: str,
    *,
    origin: str | None,
    data: str | None,
    options: Mapping[str, Any] | None,
    for_every_source: Literal["shop", "all"] | None,
    holder: str,
    run_id: int,
    progress: Callable[[str], None],
) -> IngestSummary:
    """Load what is new or changed of one source; one refused file does not stop the others.

    ``origin``, ``data`` and ``options`` replace the configured ones for this run
    (``choice.choose``). ``for_every_source``: they hold for every source of the shop, or of all
    shops, and each loads the files that fit it best.

    Raises
    ------
    StoreBusy
        Another run is loading this source.
    ConfigError
        This process may take too little memory.
    SourceUnavailable
        The origin could not be reached.
    """
    refuse_tight()
    settings = get_settings()
    is_named = bool(data or settings.data)
    shop, configured = find_source(shop_id, source, is_named=is_named)
    choice = choose(configured, settings, origin=origin, data=data, options=options)
    declared = get_source(configured.name, configured.reading)
    if configured not in shop.sources:
        progress(
            f"{source}: configured for no shop, so its files are loaded for {shop_id} "
            f"({shop.currency}, {shop.time_zone})"
        )
    if declared.contract.foreign_currency == "convert":
        asked = (origin, data, options) if for_every_source else (None, None, None)
        _ingest_rates(shop, asked, for_every_source, holder, run_id, progress)
    loads: dict[str, LoadSummary] = {}
    refused: dict[str, EcorseError] = {}

    def refuse(file: SourceFile, error: EcorseError) -> None:
        refused[file.file_name] = error
        _write_refusal(shop_id, source, file, error, run_id)
        progress(f"{file.file_name}: refused: {error}")

    with writer(f"ingest:{shop_id}:{source}", holder) as fence:
        clear_killed(settings.home)
        failpoint("ingest.after_lock")
        found = fetch_admitted(choice.origin, settings, choice.options)
        pending = found.files
        if for_every_source and choice.is_named:
            pending = _share(found, shop, source, for_every_source, refuse)
        else:
            for file, error in found.refused:
                refuse(file, error)
        if not choice.is_named:
            gone = {file.file_name for file in pending} | refused.keys()
            ledger.resolve_gone(shop_id, source, gone)
        pending = _without_lookups(pending, declared, progress)
        present = frozenset(file.file_name for file in pending)
        while pending:
            for file in pending:
                try:
                    load = _load(shop, declared, file, fence, run_id, present)
                except Exception as error:
                    refuse(file, of_one_file(file.file_name, error))
                else:
                    loads[file.file_name] = load
                    progress(f"{file.file_name}: {load.sentence()}")
                    for warning in load.warnings[:MOST_NOTES] if not load.is_skipped else ():
                        progress(f"{file.file_name}: note: {warning}")
                    if not load.is_skipped and len(load.warnings) > MOST_NOTES:
                        progress(
                            f"{file.file_name}: {len(load.warnings) - MOST_NOTES} further notes: "
                            f"`ecorse report {load.load_id}`"
                        )
            pending = [file for file in pending if _has_lost_its_load(loads.get(file.file_name))]
    told = {name: str(error) for name, error in refused.items()}
    return IngestSummary(shop_id, source, list(loads.values()), told, list(refused.values()))


def _ingest_rates(
    shop: Shop,
    asked: tuple[str | None, str | None, Mapping[str, Any] | None],
    for_every_source: Literal["shop", "all"] | None,
    holder: str,
    run_id: int,
    progress: Callable[[str], None],
) -> None:
    """Load the shop's rates, which a source that converts other currencies reads lines by."""
    origin, data, options = asked
    for source in shop.sources:
        if get_source(source.name, source.reading).contract.table == "fx_rates":
            ingest_source(
                shop.shop_id,
                source.name,
                origin=origin,
                data=data,
                options=options,
                for_every_source=for_every_source,
                holder=holder,
                run_id=run_id,
                progress=progress,
            )


def _share(
    found: Admitted,
    shop: Shop,
    source: str,
    among: Literal["shop", "all"],
    refuse: Callable[[SourceFile, EcorseError], None],
) -> list[SourceFile]:
    """The source's share of files that are meant for every source."""
    from ecorse.ingest.recognise import candidates, is_first, share_out

    shops = [shop] if among == "shop" else load_shops(get_settings())
    everyone = candidates(shops)
    share = share_out(found.files, everyone, shop.shop_id, source)
    of_nobody = found.refused if is_first(everyone, shop.shop_id, source) else []
    for file, error in (*of_nobody, *share.refused):
        refuse(file, error)
    return share.files


def _without_lookups(
    files: list[SourceFile], source: Source, progress: Callable[[str], None]
) -> list[SourceFile]:
    """The files of rows: not those that the source completes rows from."""
    from ecorse.ingest.recognise import files_looked_up

    beside = files_looked_up(source)
    for file in files:
        if file.path.name in beside:
            progress(f"{file.file_name}: no file of rows; {source.name} looks rows up in it")
    return [file for file in files if file.path.name not in beside]


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
    shop: Shop,
    source: Source,
    file: SourceFile,
    fence: Fence,
    run_id: int,
    present: Collection[str],
    tries: int = 3,
) -> LoadSummary:
    """Load one file; one that changes while it is read is read again."""
    from ecorse.ingest.load import load_file

    if file.refused:
        raise ContractError(file.refused)
    refuse_links_beside(file, source)
    for attempt in range(1, tries + 1):
        try:
            return load_file(
                file.path,
                shop=shop,
                source=source,
                file_name=file.file_name,
                fence=fence,
                run_id=run_id,
                present=present,
            )
        except SourceUnavailable:
            if attempt == tries:
                raise
            log.warning("%s changed while it was read; reading it again", file.file_name)
    raise AssertionError("unreachable")


def _write_refusal(
    shop_id: str, source: str, file: SourceFile, error: EcorseError, run_id: int
) -> None:
    """Keep why a file was refused, once per file and reason."""
    with connect(application_name="ecorse refusal") as conn:
        conn.execute(
            """
            insert into ops.refused_file (
                shop_id, source, file_name, error_class, message, detail, run_id
            )
            select %(shop)s, %(source)s, %(file)s, %(class)s, %(message)s, %(detail)s, %(run)s
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
                "message": escaped(error),
                "detail": json.dumps(error.detail if isinstance(error, TooManyRejects) else {}),
                "run": run_id,
            },
        )
