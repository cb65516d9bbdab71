"""The nightly flow: ingest, then build the marts, train, audit, publish.

What belongs here: the story, a few lines per verb; the CLI, the DAGs and the tests call exactly
these functions. What does not: how anything is done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ecorse.areas import Progress, build_area
from ecorse.errors import ContractError, DataError, EcorseError
from ecorse.failpoints import failpoint
from ecorse.ingest.choice import ORIGIN_OF_DATA
from ecorse.ingest.run import IngestSummary, ingest_source
from ecorse.ingest.selection import select
from ecorse.ingest.trouble import of_one_source
from ecorse.origins import from_here
from ecorse.refresh import builds
from ecorse.refresh import publish as publishing
from ecorse.refresh.accept import NOTHING, read_accepted
from ecorse.refresh.audit import all_checks, run_checks, save_results
from ecorse.refresh.builds import fail_build
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.held import all_are_held, held_in
from ecorse.refresh.order import Area
from ecorse.refresh.partitions import clear_old_builds
from ecorse.refresh.pruned import refuse_pruned
from ecorse.refresh.schedule import make_areas
from ecorse.refresh.steps import at_work, step
from ecorse.refresh.tables import drop_work_tables
from ecorse.refresh.views import relations_of
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect
from ecorse.warehouse.journal import journal

log = logging.getLogger(__name__)

__all__ = [
    "audit",
    "build_area",
    "fail_build",
    "fail_build_of",
    "ingest",
    "ingest_all",
    "is_due",
    "open_build",
    "publish",
    "refresh",
    "resume",
    "rollback",
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
    rows: Mapping[str, int | None]
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
    ContractError, SourceUnavailable, Defect
        Files were refused; the others were loaded. The message names each and its reason; what may
        pass by itself comes first.
    StoreBusy
        Trying again later may help.
    """
    summary, failure = _ingest(
        shop_id, source, origin, data, options, for_every_source, holder, progress
    )
    if failure:
        raise failure
    return summary


def _ingest(
    shop_id: str,
    source: str,
    origin: str | None,
    data: str | None,
    options: Mapping[str, Any] | None,
    for_every_source: Literal["shop", "all"] | None,
    holder: str,
    progress: Progress | None,
) -> tuple[IngestSummary, EcorseError | None]:
    """What a source brought, and what of its files was refused."""
    params = {"shop_id": shop_id, "source": source, "origin": origin, "data": data}
    params |= options or {}
    summary: IngestSummary | None = None
    try:
        with of_one_source(shop_id, source), journal("ingest", holder, params) as journaled:
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
            if failure := summary.failure():
                raise failure
    except EcorseError as error:
        if summary is None:
            raise
        return summary, error
    return summary, None


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

    A source of which files were refused is among the summaries.

    With ``data``, also sources that are not configured, for the files they fit.

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
    if data:
        data = from_here(origin or ORIGIN_OF_DATA, data)
    chosen = select(shop_id, source, origin=origin, data=data)
    scope: Literal["shop", "all"] = "shop" if shop_id else "all"
    summaries: list[IngestSummary] = []
    failed: list[EcorseError] = []
    for one_shop, one_source in chosen:
        meant_for = scope if source is None else None
        try:
            summary, failure = _ingest(
                one_shop, one_source, origin, data, None, meant_for, holder, progress
            )
        except EcorseError as error:
            failed.append(error)
        else:
            summaries.append(summary)
            failed += [failure] if failure else []
    if len(failed) < 2:
        return summaries, failed[0] if failed else None
    # a refused file is the least of them: it alone does not keep a night from being built
    worst = next((e for e in failed if not isinstance(e, ContractError)), failed[0])
    return summaries, type(worst)(" ".join(dict.fromkeys(map(str, failed))))


def open_build(
    *,
    as_of: datetime | None = None,
    known_by: datetime | None = None,
    accept: Collection[str] = (),
    publish: bool | None = None,
    holder: str,
) -> int:
    """Start a new build at the current watermark; gives its ``build_id``.

    ``as_of`` leaves out rows dated later; ``known_by`` sees only the loads known at that time.
    A shop whose loads are not sound keeps those of the published build. ``accept`` lets a shop in
    that lost most of its rows (``shop``), and a model that would be held (``model``,
    ``model:shop``). ``publish`` says whether the build is to be published: one that was to be, and
    that a later night has overtaken, is cleared.

    Raises
    ------
    AlreadyRunning
        Another refresh is at work.
    TerminalError
        The rows of a load that counted at ``known_by`` were pruned.
    DataError
        No shop's loads are sound.
    ConfigError
        A mart or model is declared wrongly, or ``accept`` names none; no build was opened.
    """
    with _opened(as_of, known_by, accept, publish, holder) as build_id:
        return build_id


@contextmanager
def _opened(
    as_of: datetime | None,
    known_by: datetime | None,
    accept: Collection[str],
    publish: bool | None,
    holder: str,
    wait: Progress | None = None,
) -> Iterator[int]:
    from ecorse.ingest.shops import load_shops
    from ecorse.training.inputs import known_shops
    from ecorse.training.run import check_models

    catalog = load_catalog()
    check_models(catalog)
    if catalog.rules.rules:
        shops = [shop.shop_id for shop in load_shops(need_sources=False)]
        catalog.rules.refuse_unknown_shops([*known_shops(), *shops])
    accepted = read_accepted(accept, catalog.models, known_shops()) if accept else NOTHING
    with builds.opened(
        as_of=as_of,
        known_by=known_by,
        accepted=accepted,
        publish=publish,
        holder=holder,
        wait=wait,
    ) as build_id:
        refuse_pruned(build_id)
        _tell_held(build_id)
        builds.drop_failed()
        _drop_work_tables_of_refused()
        failpoint("refresh.after_open")
        yield build_id


def _tell_held(build_id: int) -> None:
    """Say which shops a build holds back; one that holds every shop back is refused."""
    with connect(application_name="ecorse open_build") as conn:
        held = held_in(conn, build_id)
        is_every_shop = all_are_held(conn, build_id)
    for sentence in held:
        log.warning("%s", sentence)
    if is_every_shop:
        message = f"Nothing was built, for no shop has anything sound. {' '.join(held)}"
        fail_build(build_id, message)
        raise DataError(message)


def _drop_work_tables_of_refused() -> None:
    """A refused build is kept whole to be looked into, but only until the next is opened."""
    marts = load_catalog().marts.values()
    with connect(application_name="ecorse drop_work_tables") as conn:
        for (build_id,) in conn.execute(
            "select build_id from ops.build where status = 'refused'"
        ).fetchall():
            drop_work_tables(conn, marts, build_id)


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
    with at_work(build_id, "audit", alone=True) as work, step(work, "audit") as current:
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
        drop_work_tables(conn, catalog.marts.values(), build_id)
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
    accept: Collection[str] = (),
    publish: bool = True,
    wait: bool = False,
    holder: str,
    progress: Progress | None = None,
    every_step: Progress | None = None,
) -> RefreshSummary:
    """Make a complete new build, audit it and publish it.

    Areas that do not need each other are made at once, ``areas_at_once`` of them.

    Parameters
    ----------
    accept
        Shops that may have lost rows since the published night (``shop``; else they are held back
        as they were published), and models that may jump (``model``, or ``model:shop``).
    wait
        Wait while another refresh is at work, instead of leaving.
    progress, every_step
        Told of every area and what follows; told of every mart and model.

    Raises
    ------
    AlreadyRunning
        Another refresh is at work.
    DataError
        The audit refused the build, or no shop's loads are sound.
    """
    say, say_step = progress or log.info, every_step or log.info
    rows: dict[str, int | None] = {}
    settings, catalog = get_settings(), load_catalog()
    params = {"as_of": as_of, "publish": publish, **({"accept": list(accept)} if accept else {})}
    with (
        journal("refresh", holder, params) as journaled,
        _opened(as_of, known_by, accept, publish, holder, say if wait else None) as build_id,
    ):
        journaled["build_id"] = build_id

        def make(area: Area) -> None:
            began = time.perf_counter()
            try:
                made = build_area(build_id, area.name, progress=say_step)
            except Exception:
                say(f"{area.name}: failed after {time.perf_counter() - began:.1f} s")
                raise
            rows.update(made)
            tables = f"{len(made)} table{'s' if len(made) != 1 else ''}"
            counted = f"{sum(filter(None, made.values())):,} rows"
            say(f"{area.name}: {tables}, {counted}, {time.perf_counter() - began:.1f} s")

        def stop(error: BaseException) -> None:
            """Fence out what still runs, then ask its statements to end."""
            with suppress(EcorseError):  # with the database away nothing runs; the error tells
                fail_build(build_id, f"{type(error).__name__}: {error}", keep=True)
                builds.cancel_steps(build_id)

        try:
            make_areas(
                catalog.areas(),
                make,
                at_once=settings.areas_at_once,
                step_minutes=settings.step_minutes,
                seconds=builds.seconds_of_last_night(),
                stop=stop,
            )
            audited = audit(build_id)
            say(f"audited: {audited.passed} checks passed, {len(audited.warned)} warnings")
            if publish:
                publish_build(build_id, holder=holder)
                say(f"published build {build_id}")
        except BaseException as error:
            fail_build(build_id, f"{type(error).__name__}: {error}")
            builds.drop_failed()
            raise
        journaled |= {"rows": rows, "is_published": publish}
    return RefreshSummary(build_id, rows, audited, publish)


def fail_build_of(holder: str, error: str) -> None:
    """Mark a holder's unfinished build failed; what it made is kept, until another build begins.

    The steps that failed are told, or ``error`` where none did. ``resume`` goes on with the build.
    """
    if (build_id := builds.building_of(holder)) is not None:
        told = builds.failed_steps(build_id) or error
        fail_build(build_id, told, keep=True, unless_at_work=True)


def is_due() -> bool:
    """Whether a night of today's files, marts and models would be another than the published."""
    catalog = load_catalog()
    return builds.is_due({step.name: catalog.made_from(step) for step in catalog.steps()})


def resume(build_id: int) -> None:
    """Go on with a failed build where it stopped, if no other was begun since."""
    if builds.revive(build_id):
        log.info("going on with build %s, which had failed", build_id)
