"""The verbs of a night: run, ingest, refresh, publish, rollback.

What belongs here: options and printing of these. What does not: the work (``ecorse.flow``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from ecorse.cli.common import (
    AsOf,
    DataPath,
    Json,
    KnownBy,
    Origin,
    Shop,
    Source,
    emit,
    holder,
    out,
    ready,
    say,
    utc,
)

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell of every mart and model.")]
TOLD = 4  # names of a kind; `ecorse status` has all
commands = typer.Typer()


@commands.command()
def run(
    shop: Shop = None,
    source: Source = None,
    origin: Origin = None,
    data: DataPath = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """The whole night without Airflow: ingest, refresh, publish, and a summary."""
    from ecorse import flow
    from ecorse.reports.segments.write import write_after_night
    from ecorse.reports.status import print_summary, read_night, read_status

    ready()
    summaries, failure = flow.ingest_all(
        shop, source, origin=origin, data=data, holder=holder(), progress=say
    )
    if failure and not summaries:
        raise failure
    # as in Airflow the night is made of what did load; the exit code still tells
    flow.refresh(holder=holder(), progress=say, every_step=say if verbose else None)
    write_after_night(say)
    if as_json:
        emit({**read_status(), **read_night()})
    else:
        print_summary()
    if failure:
        raise failure


@commands.command()
def ingest(
    shop: Shop = None,
    source: Source = None,
    origin: Origin = None,
    data: DataPath = None,
    as_json: Json = False,
) -> None:
    """Load what is new or changed into staging."""
    from ecorse import flow

    ready()
    summaries, failure = flow.ingest_all(
        shop, source, origin=origin, data=data, holder=holder(), progress=say
    )
    if as_json:
        emit([summary.as_dict() for summary in summaries])
    else:
        for summary in summaries:
            counts = ", ".join(f"{k.replace('_', ' ')} {v:,}" for k, v in summary.counts().items())
            out(f"{summary.shop_id}/{summary.source}: {counts}")
    if failure:
        raise failure


@commands.command()
def refresh(
    as_of: AsOf = None,
    known_by: KnownBy = None,
    publish: Annotated[bool, typer.Option(help="Publish the build if its audit passes.")] = True,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            metavar="SHOP or MODEL[:SHOP]",
            help="Let through what is held: a shop that lost most of its rows, a model that jumps. "
            "Several: give it again.",
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait while another refresh runs, instead of leaving.")
    ] = False,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Build the marts, train, audit and publish."""
    from dataclasses import asdict

    from ecorse import flow
    from ecorse.reports.segments.write import write_after_night
    from ecorse.reports.status import held_models

    ready()
    summary = flow.refresh(
        as_of=utc(as_of),
        known_by=utc(known_by),
        accept=accept or (),
        publish=publish,
        wait=wait,
        holder=holder(),
        progress=say,
        every_step=say if verbose else None,
    )
    if summary.is_published:
        write_after_night(say)
    if as_json:
        emit(asdict(summary))
        return
    word = "published" if summary.is_published else "audited, not published"
    out(f"Build {summary.build_id} {word}: {summary.audit.passed} checks passed.")
    for what, names in (
        ("checks warned", summary.audit.warned),
        ("models were not promoted", held_models(summary.build_id)),
    ):
        if names:
            more = ", ..." if len(names) > TOLD else ""
            out(f"{len(names)} {what}: {', '.join(names[:TOLD])}{more} (`ecorse status`)")


@commands.command()
def publish(build_id: Annotated[int, typer.Argument(help="An audited build.")]) -> None:
    """Publish a build that was made with `refresh --no-publish`."""
    from ecorse import flow
    from ecorse.reports.segments.write import write_after_night

    flow.publish(build_id, holder=holder())
    write_after_night(say)
    out(f"Published build {build_id}.")


@commands.command()
def rollback(
    build_id: Annotated[int | None, typer.Argument(help="Default: the one before.")] = None,
) -> None:
    """Make an earlier published build the current one again."""
    from ecorse import flow

    out(f"Rolled back: build {flow.rollback(build_id, holder=holder())} is published.")
