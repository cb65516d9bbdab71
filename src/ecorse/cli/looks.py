"""Looking at what the nights did: status, report, reconcile, truth, audience, doctor.

What belongs here: printing what is asked for. What does not: anything that changes a night.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecorse.cli.common import Json, Shop, emit, out, ready
from ecorse.errors import ConfigError

commands = typer.Typer()


@commands.command()
def status(
    checksums: Annotated[
        bool, typer.Option("--checksums", help="Rows and checksum of every mart.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Published build, last loads, rejects by reason, checks, model decisions."""
    from ecorse.reports.status import print_status, read_checksums, read_status

    ready()
    if checksums:
        found = read_checksums()
        if as_json:
            emit(found)
        else:
            for name, mart in found.items():
                out(f"{name:32} {mart['rows']:>12,} {mart['checksum']:>26}")
    elif as_json:
        emit(read_status())
    else:
        print_status()


@commands.command()
def report(
    what: Annotated[
        str, typer.Argument(metavar="LOAD|segments", help="A load's number in `ecorse status`.")
    ],
    shop: Shop = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="segments: where to; else ECORSE_HOME/reports/<build>."),
    ] = None,
) -> None:
    """Raw versus clean of one load, or `segments`: the published night's, with figures."""
    if what == "segments":
        from ecorse.reports.segments.write import write_reports

        for path in write_reports(shop, folder):
            out(path)
        return
    from ecorse.ingest.report import report_markdown

    if not what.isdecimal():
        raise ConfigError(f"There is no report {what!r}: give a load's number, or segments.")
    out(report_markdown(int(what)))


@commands.command()
def reconcile(
    report: Annotated[Path, typer.Argument(help="The platform's own report (CSV, xlsx).")],
    source: Annotated[str, typer.Option(help="As which source its orders were loaded.")],
    shop: Shop = None,
    kind: Annotated[
        str | None, typer.Option("--as", help="Which report it is: a file of include/reports.")
    ] = None,
    as_json: Json = False,
) -> None:
    """A platform's report beside what was loaded: the cause of every cent of difference."""
    from ecorse.reports.reconcile.run import reconcile as compare
    from ecorse.reports.reconcile.tell import as_data, print_reconciled

    ready()
    found = compare(report, source, shop=shop, kind=kind)
    if as_json:
        emit(as_data(found))
    else:
        print_reconciled(found)
    if not found.explained.is_all:
        raise typer.Exit(65)


@commands.command()
def audience(
    segmentation: Annotated[str, typer.Argument(help="Which segmentation, e.g. rfm.")],
    segment: Annotated[str, typer.Argument(help="The segment's name or number.")],
    shop: Shop = None,
    file: Annotated[
        Path | None,
        typer.Option("--out", help="The CSV to write, for its owner alone; else only counts."),
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="An action of segment_actions: marks its holdout.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The customers of a segment who may be written to, as a file for a mailing tool."""
    from ecorse.night import Night

    with Night() as night:
        found = night.audience(segmentation, segment, shop=shop, action=action)
    if file is not None:
        found.write(file)
    if as_json:
        emit(
            {
                "members": found.members, "rows": len(found.frame), "left_out": found.left_out,
                "orders_of_nobody": found.orders_of_nobody, "holdout": found.holdout,
                "disarmed": found.disarmed, "file": file,
            }
        )  # fmt: skip
        return
    for sentence in found.told():
        out(sentence)
    out(f"wrote {file}" if file is not None else "nothing was written; --out FILE writes it")


@commands.command()
def truth(shop: Shop = None, as_json: Json = False) -> None:
    """How much of what the simulator planted the published night found again."""
    from dataclasses import asdict

    from ecorse.reports.truth import score_truth

    ready()
    scores = score_truth(shop)
    if as_json:
        emit([asdict(score) for score in scores])
        return
    for score in scores:
        value = "-" if score.value is None else f"{score.value:.3f}"
        out(f"{score.shop_id:20} {score.what:34} {value:>6}  {score.sentence}")


@commands.command()
def doctor(as_json: Json = False) -> None:
    """Look at each part that a night needs, and say what is wrong and how to mend it."""
    from ecorse.reports.doctor import examine

    findings = examine()
    if as_json:
        emit([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            out(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.part:18} {finding.sentence}")
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)
