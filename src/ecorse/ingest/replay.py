"""Reading loaded files again from the archive, under today's rules.

What belongs here: choosing the loads and telling what a replay changed. What does not: loading
(``load``), which takes the place of the earlier load in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecorse.errors import ConfigError, TerminalError
from ecorse.ingest.archive import archived_path
from ecorse.ingest.load import load_file
from ecorse.ingest.selection import find_source
from ecorse.ingest.summary import LoadSummary
from ecorse.schema.source import LookingUp
from ecorse.settings import get_settings
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.journal import journal
from ecorse.warehouse.lock import writer


@dataclass(frozen=True)
class Replayed:
    """One file read again: its rejects before, and the load that took its place."""

    load_id: int
    rejected_before: int
    load: LoadSummary

    def sentence(self) -> str:
        """One line for a person."""
        return (
            f"{self.load.file_name}: {self.rejected_before} rejected before, "
            f"{self.load.rows_rejected} now; load {self.load.load_id} took the place of load "
            f"{self.load_id}"
        )


def replay(
    load_ids: Sequence[int] = (),
    *,
    shop_id: str | None = None,
    source: str | None = None,
    holder: str,
    progress: Callable[[str], None],
) -> list[Replayed]:
    """Read loads again from the archive: the given ones, or all that have rejects.

    The files themselves need not be there any more. Each load is replaced by the new one in one
    transaction; builds show the difference from the next refresh on.

    Raises
    ------
    TerminalError
        A given load does not count, or its file is not in the archive.
    ConfigError
        The shop or source of a load is no longer configured.
    """
    with connect(application_name="ecorse replay") as conn:
        chosen = conn.execute(
            """
            select load_id, shop_id, source, file_name, sha256, rows_rejected from ops.load
            where superseded_at is null
                and (load_id = any(%(ids)s) or (cardinality(%(ids)s::bigint[]) = 0
                    and rows_rejected > 0
                    and shop_id = coalesce(%(shop)s, shop_id)
                    and source = coalesce(%(source)s, source)))
            order by load_id
            """,
            {"ids": list(load_ids), "shop": shop_id, "source": source},
        ).fetchall()
    if unknown := sorted(set(load_ids) - {row[0] for row in chosen}):
        raise TerminalError(
            f"Load {', '.join(map(str, unknown))} does not count (any more), so it is not read "
            "again. `ecorse status` lists those that do."
        )
    replayed = []
    with journal("replay", holder, {"load_ids": [row[0] for row in chosen]}) as journaled:
        for load_id, shop_of_load, source_of_load, file_name, sha256, rejected in chosen:
            load = _read_again(shop_of_load, source_of_load, file_name, sha256, load_id, holder,
                               journaled["run_id"])  # fmt: skip
            replayed.append(Replayed(load_id, rejected, load))
            progress(replayed[-1].sentence())
        journaled["loads"] = [r.load.load_id for r in replayed]
    return replayed


def _read_again(
    shop_id: str,
    source: str,
    file_name: str,
    sha256: str,
    load_id: int,
    holder: str,
    run_id: int,
) -> LoadSummary:
    try:
        shop, configured = find_source(shop_id, source)
    except ConfigError as error:
        raise ConfigError(f"Load {load_id} cannot be read again: {error}") from None
    declared = get_source(source, configured.reading)
    if isinstance(declared, LookingUp) and declared.looks_up:
        raise TerminalError(
            f"Load {load_id} ({file_name}) was read together with other files of its folder, which "
            "the archive does not keep beside it. Ingest the folder once more."
        )
    path = archived_path(get_settings().home, sha256)
    if not path.exists():
        raise TerminalError(
            f"Load {load_id} ({file_name}) cannot be read again: the archive has no {path}. "
            "Ingest the file itself once more."
        )
    with writer(f"ingest:{shop_id}:{source}", holder) as fence:
        return load_file(
            path,
            shop=shop,
            source=declared,
            fence=fence,
            file_name=file_name,
            run_id=run_id,
            is_replay=True,
        )
