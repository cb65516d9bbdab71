"""The nightly flow: ingest, then build the marts, train, audit, publish.

What belongs here: the story, a few lines per verb; the CLI, the DAGs and the tests call exactly
these functions. What does not: how anything is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ecorse.errors import ContractError, DataError, EcorseError
from ecorse.failpoints import failpoint
from ecorse.ingest.choice import ORIGIN_OF_DATA
from ecorse.ingest.run import IngestSummary, ingest_source
from ecorse.ingest.shops import select_sources
from ecorse.origins import from_here
from ecorse.refresh import builds
from ecorse.refresh import publish as publishing
from ecorse.refresh.audit import all_checks, run_checks, save_results
from ecorse.refresh.builds import fail_build, step
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.partitions import clear_old_builds
from ecorse.refresh.pruned import refuse_pruned
from ecorse.refresh.tables import create_mart
from ecorse.refresh.views import relations_of
from ecorse.warehouse.connect import connect
from ecorse.warehouse.journal import journal

log = logging.getLogger(__name__)
Progress = Callable[[str], None]

__all__ = [
    "audit", "build_mart", "fail_build", "ingest", "ingest_all", "open_build", "publish",
    "refresh", "rollback", "run_model",
]  # fmt: skip


@dataclass(frozen=True)
class AuditSummary:
    """How many checks passed, and which did not."""

    build_id: int
    passed: int
    warned: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many checks passed, warned and failed."""
        return {"passed": self.passed, "warned": len(self.warned), "failed": len(self.failed)}


@dataclass(frozen=True)
class RefreshSummary:
    """What one refresh made: rows per table, the audit, whether it was published."""

    build_id: int
    rows: Mapping[str, int]
    audit: AuditSummary
    is_published: bool


def ingest(
    shop_id: str,
    source: str,
    *,
    origin: str | None = None,
    data: str | None = None,
    options: Mapping[str, Any] | None = None,
    for_every_source: Literal["shop", "all"] | None = None,
    holder: str,
    progress: Progress | None = None,
) -> IngestSummary:
    """Load what is new or changed of one shop's source into staging.

    ``origin``, ``data`` (a folder or file, an address, Kaggle's owner/name) and ``options``
    replace what ``include/shops.toml`` says for this run. ``for_every_source``: they are meant for
    every source of the shop, or of all shops, and this one loads the files that fit it best.

    Raises
    ------
    ContractError
        Files were refused; the others were loaded. The message names each and its reason.
    StoreBusy, SourceUnavailable
        Trying again later may help.
    """
    params = {"shop_id": shop_id, "source": source, "origin": origin, "data": data}
    params |= options or {}
    with journal("ingest", holder, params) as journaled:
        summary = ingest_source(
            shop_id,
            source,
            origin=origin,
            data=data,
            options=options,
            for_every_source=for_every_source,
            holder=holder,
            run_id=journaled["run_id"],
            progress=progress or log.info,
        )
        journaled |= summary.counts()
        if summary.refused:
            raise ContractError(
                f"{shop_id}/{source}: {len(summary.refused)} of {summary.counts()['files']} files "
                "refused, the others are in. " + " | ".join(summary.refused.values())
            )
    return summary


def ingest_all(
    shop_id: str | None = None,
    source: str | None = None,
    *,
    origin: str | None = None,
    data: str | None = None,
    holder: str,
    progress: Progress | None = None,
) -> tuple[list[IngestSummary], EcorseError | None]:
    """Ingest every configured source that fits, all of them; what went wrong comes beside it.

    Parameters
    ----------
    shop_id, source
        Only this shop, only this source; None means every one.
    origin, data
        As for ``ingest``; a path in ``data`` is meant from the working directory on.

    Raises
    ------
    ConfigError
        No configured source fits, or there is no such origin.
    """
    chosen = select_sources(shop_id, source)
    if data:
        data = from_here(origin or ORIGIN_OF_DATA, data)
    scope: Literal["shop", "all"] = "shop" if shop_id else "all"
    summaries: list[IngestSummary] = []
    failed: list[EcorseError] = []
    for one_shop, one_source in chosen:
        try:
            summaries.append(
                ingest(
                    one_shop,
                    one_source,
                    origin=origin,
                    data=data,
                    for_every_source=scope if source is None else None,
                    holder=holder,
                    progress=progress,
                )
            )
        except EcorseError as error:
            failed.append(error)
    if len(failed) < 2:
        return summaries, failed[0] if failed else None
    # a refused file is the least of them: it alone does not keep a night from being built
    worst = next((e for e in failed if not isinstance(e, ContractError)), failed[0])
    return summaries, type(worst)(" ".join(dict.fromkeys(map(str, failed))))


def open_build(
    *, as_of: datetime | None = None, known_by: datetime | None = None, holder: str
) -> int:
    """Start a new build at the current watermark; gives its ``build_id``.

    ``as_of`` leaves out rows dated later; ``known_by`` sees only the loads known at that time.

    Raises
    ------
    StoreBusy
        Another refresh is at work.
    TerminalError
        The rows of a load that counted at ``known_by`` were pruned.
    ConfigError
        A mart or model is declared wrongly; no build was opened.
    """
    from ecorse.training.run import check_models

    check_models(load_catalog())
    build_id = builds.open_build(as_of=as_of, known_by=known_by, holder=holder)
    refuse_pruned(build_id)
    failpoint("refresh.after_open")
    return build_id


def build_mart(build_id: int, name: str) -> int:
    """Make one mart of a build; gives its rows (0 for a view)."""
    mart = load_catalog().marts[name]
    with step(build_id, name) as current:
        rows = create_mart(current.conn, mart, build_id)
        current.rows = rows if mart.materialized == "table" else None
        failpoint("refresh.mid_marts")
    return rows


def run_model(build_id: int, name: str) -> dict[str, int]:
    """Train one declared model for every shop; gives the rows written, by table."""
    from ecorse.training.run import train

    declaration = load_catalog().models[name]
    with step(build_id, name) as current:
        trained = train(declaration, current)
        rows = dict.fromkeys(declaration.writes, 0)
        for shop in trained:
            for table, count in shop.rows.items():
                rows[table] += count
        current.rows = sum(rows.values())
        current.detail = {"rows": rows, "shops": {s.shop_id: s.outcome for s in trained}}
    return rows


def audit(build_id: int) -> AuditSummary:
    """Run every check on a build; an audited build may be published.

    Raises
    ------
    DataError
        A check at level ``fail`` found rows; the build is refused, yesterday stays published.
    """
    from ecorse.training.run import model_relations

    if (summary := _summary_of_audit(build_id)) is not None:
        return summary  # an earlier try of this task did it, and could not say so
    catalog = load_catalog()
    with step(build_id, "audit") as current:
        results = run_checks(current.conn, build_id, all_checks(catalog, model_relations(catalog)))
        save_results(current.conn, build_id, results)
        current.rows = len(results)
    broken = [r for r in results if not r.passed]
    failed = [f"{r.mart}.{r.name}" for r in broken if r.level == "fail"]
    summary = AuditSummary(
        build_id,
        passed=len(results) - len(broken),
        warned=[f"{r.mart}.{r.name}" for r in broken if r.level == "warn"],
        failed=failed,
    )
    with connect(application_name="ecorse audit") as conn:
        if failed:
            first = next(r for r in broken if r.level == "fail")
            message = (
                f"Build {build_id} is not published: {len(failed)} of {len(results)} checks "
                f"failed ({', '.join(failed[:5])}{', ...' if len(failed) > 5 else ''}). First: "
                f"{first.sentence} ({first.failing_rows} rows, e.g. {first.sample[:1]}). "
                "Yesterday stays published; `ecorse status` lists every check."
            )
            builds.finish_build(conn, build_id, "refused", message)
            conn.commit()
            raise DataError(message)
        builds.finish_build(conn, build_id, "audited", None)
    failpoint("refresh.after_audit")
    return summary


def _summary_of_audit(build_id: int) -> AuditSummary | None:
    """What an audit that a build passed found; none where there was none yet."""
    with connect(application_name="ecorse audit") as conn:
        if builds.build_status(conn, build_id) != "audited":
            return None
        results = conn.execute(
            "select mart || '.' || check_name, passed from ops.check_result "
            "where build_id = %s order by mart, check_name",
            (build_id,),
        ).fetchall()
    warned = [name for name, passed in results if not passed]
    return AuditSummary(build_id, passed=len(results) - len(warned), warned=warned)


def publish(build_id: int, *, holder: str) -> None:
    """Make an audited build the published one and clear old builds away.

    Nothing happens if this holder published it just now: an earlier try of the same task.

    Raises
    ------
    DataError
        The build was not audited, or was published before.
    """
    from ecorse.training.run import model_relations

    catalog = load_catalog()
    publishing.publish(build_id, relations_of(catalog, model_relations(catalog)), holder=holder)
    clear_old_builds()


publish_build = publish  # under this name where `publish` is a yes or no


def rollback(build_id: int | None = None, *, holder: str) -> int:
    """Make an earlier published build the current one; gives its id.

    Raises
    ------
    TerminalError
        There is no such kept build.
    """
    with journal("rollback", holder, {"build_id": build_id}) as summary:
        summary["build_id"] = publishing.rollback(build_id, holder=holder)
    chosen: int = summary["build_id"]
    return chosen


def refresh(
    *,
    as_of: datetime | None = None,
    known_by: datetime | None = None,
    publish: bool = True,
    holder: str,
    progress: Progress | None = None,
) -> RefreshSummary:
    """Make a complete new build, audit it and publish it.

    Raises
    ------
    StoreBusy
        Another refresh is at work.
    DataError
        The audit refused the build.
    """
    say = progress or log.info
    rows: dict[str, int] = {}
    with journal("refresh", holder, {"as_of": as_of, "publish": publish}) as journaled:
        build_id = open_build(as_of=as_of, known_by=known_by, holder=holder)
        journaled["build_id"] = build_id
        try:
            for current in load_catalog().steps():
                if current.kind == "mart":
                    rows[current.name] = build_mart(build_id, current.name)
                else:
                    rows |= run_model(build_id, current.name)
                say(f"built {current.name}")
            audited = audit(build_id)
            say(f"audited: {audited.passed} checks passed, {len(audited.warned)} warnings")
            if publish:
                publish_build(build_id, holder=holder)
                say(f"published build {build_id}")
        except Exception as error:
            fail_build(build_id, f"{type(error).__name__}: {error}")
            raise
        journaled |= {"rows": rows, "is_published": publish}
    return RefreshSummary(build_id, rows, audited, publish)
