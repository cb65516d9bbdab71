"""The command line: every verb of the flow, and looking at what it did.

What belongs here: options, printing, exit codes. What does not: work; each command calls one
function. Heavy imports stand inside the commands, so that ``ecorse --help`` is quick.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ecorse.errors import EcorseError
from ecorse.log import configure
from ecorse.settings import get_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Sales exports in, a published night of marts, segments and recommendations out.",
)
db = typer.Typer(no_args_is_help=True, help="The warehouse's database.")
mart_app = typer.Typer(no_args_is_help=True, help="The marts.")
app.add_typer(db, name="db")
app.add_typer(mart_app, name="mart")
source_app = typer.Typer(no_args_is_help=True, help="The sources: how files are read.")
app.add_typer(source_app, name="source")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Shop = Annotated[str | None, typer.Option(help="Only this shop of include/shops.toml.")]
Source = Annotated[str | None, typer.Option("--source", help="Only this source, e.g. sales_csv.")]
Origin = Annotated[
    str | None,
    typer.Option(help="Where the files come from: folder, http, kaggle, simulate ... or your own."),
]
DataPath = Annotated[
    str | None,
    typer.Option(
        "--data", help="What the origin is to read: a folder or file, an address, owner/name."
    ),
]
AsOf = Annotated[
    datetime | None, typer.Option(help="Leave out rows dated later (UTC): an earlier night again.")
]
KnownBy = Annotated[
    datetime | None, typer.Option(help="Use only the files that were loaded by then (UTC).")
]


def holder() -> str:
    """Who runs this command: user, host and process."""
    return f"cli:{getpass.getuser()}@{socket.gethostname()}:{os.getpid()}"


def say(message: str) -> None:
    """Progress goes to standard error, so that standard output stays for results."""
    print(f"{datetime.now():%H:%M:%S} {message}", file=sys.stderr, flush=True)


def emit(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, default=str, indent=2, ensure_ascii=False))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _ready() -> None:
    """The database is up and has today's schema."""
    from ecorse.warehouse.migrate import migrate

    migrate()


def _ingest_all(
    shop: str | None, source: str | None, origin: str | None, data: str | None
) -> tuple[list[Any], EcorseError | None]:
    """Ingest every configured source that fits, all of them; what went wrong comes beside it."""
    from ecorse import flow
    from ecorse.errors import ContractError
    from ecorse.ingest.choice import ORIGIN_OF_DATA
    from ecorse.ingest.shops import select_sources
    from ecorse.origins import from_here

    chosen = select_sources(shop, source)
    if data:
        data = from_here(origin or ORIGIN_OF_DATA, data)
    scope: Literal["shop", "all"] = "shop" if shop else "all"
    summaries: list[Any] = []
    failed: list[EcorseError] = []
    for shop_id, name in chosen:
        try:
            summaries.append(
                flow.ingest(
                    shop_id,
                    name,
                    origin=origin,
                    data=data,
                    for_every_source=scope if source is None else None,
                    holder=holder(),
                    progress=say,
                )
            )
        except EcorseError as error:
            failed.append(error)
    if len(failed) < 2:
        return summaries, failed[0] if failed else None
    # a refused file is the least of them: it alone does not keep a night from being built
    worst = next((e for e in failed if not isinstance(e, ContractError)), failed[0])
    return summaries, type(worst)(" ".join(dict.fromkeys(map(str, failed))))


@app.command()
def run(
    shop: Shop = None,
    source: Source = None,
    origin: Origin = None,
    data: DataPath = None,
    as_json: Json = False,
) -> None:
    """The whole night without Airflow: ingest, refresh, publish, and a summary."""
    from ecorse import flow
    from ecorse.errors import ContractError
    from ecorse.reports.status import print_summary, read_night, read_status

    _ready()
    summaries, failure = _ingest_all(shop, source, origin, data)
    if failure and not summaries and not isinstance(failure, ContractError):
        raise failure
    # as in Airflow the night is made of what did load; the exit code still tells
    flow.refresh(holder=holder(), progress=say)
    if as_json:
        emit({**read_status(), **read_night()})
    else:
        print_summary()
    if failure:
        raise failure


@app.command()
def ingest(
    shop: Shop = None,
    source: Source = None,
    origin: Origin = None,
    data: DataPath = None,
    as_json: Json = False,
) -> None:
    """Load what is new or changed into staging."""
    _ready()
    summaries, failure = _ingest_all(shop, source, origin, data)
    if as_json:
        emit([summary.as_dict() for summary in summaries])
    else:
        for summary in summaries:
            counts = ", ".join(f"{k.replace('_', ' ')} {v:,}" for k, v in summary.counts().items())
            print(f"{summary.shop_id}/{summary.source}: {counts}")
    if failure:
        raise failure


@app.command()
def refresh(
    as_of: AsOf = None,
    known_by: KnownBy = None,
    publish: Annotated[bool, typer.Option(help="Publish the build if its audit passes.")] = True,
    as_json: Json = False,
) -> None:
    """Build the marts, train, audit and publish."""
    from dataclasses import asdict

    from ecorse import flow

    _ready()
    summary = flow.refresh(
        as_of=_utc(as_of), known_by=_utc(known_by), publish=publish, holder=holder(), progress=say
    )
    if as_json:
        emit(asdict(summary))
        return
    word = "published" if summary.is_published else "audited, not published"
    warned = f", warned: {', '.join(summary.audit.warned)}" if summary.audit.warned else ""
    print(f"Build {summary.build_id} {word}: {summary.audit.passed} checks passed{warned}.")


@app.command()
def publish(build_id: Annotated[int, typer.Argument(help="An audited build.")]) -> None:
    """Publish a build that was made with `refresh --no-publish`."""
    from ecorse import flow

    flow.publish(build_id, holder=holder())
    print(f"Published build {build_id}.")


@app.command()
def rollback(
    build_id: Annotated[int | None, typer.Argument(help="Default: the one before.")] = None,
) -> None:
    """Make an earlier published build the current one again."""
    from ecorse import flow

    print(f"Rolled back: build {flow.rollback(build_id, holder=holder())} is published.")


@app.command()
def status(
    checksums: Annotated[
        bool, typer.Option("--checksums", help="Rows and checksum of every mart.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Published build, last loads, rejects by reason, checks, model decisions."""
    from ecorse.reports.status import print_status, read_checksums, read_status

    _ready()
    if checksums:
        found = read_checksums()
        if as_json:
            emit(found)
        else:
            for name, mart in found.items():
                print(f"{name:32} {mart['rows']:>12,} {mart['checksum']:>26}")
    elif as_json:
        emit(read_status())
    else:
        print_status()


@app.command()
def report(load_id: Annotated[int, typer.Argument(help="Its number in `ecorse status`.")]) -> None:
    """Raw versus clean of one load, as Markdown."""
    from ecorse.ingest.report import report_markdown

    print(report_markdown(load_id))


@app.command()
def replay(
    load_ids: Annotated[
        list[int] | None, typer.Argument(help="Default: every load that has rejects.")
    ] = None,
    shop: Shop = None,
    source: Source = None,
) -> None:
    """Read files again from the archive under today's rules, e.g. after a rule was mended."""
    from ecorse.ingest.replay import replay as read_again

    _ready()
    replayed = read_again(
        load_ids or [], shop_id=shop, source=source, holder=holder(), progress=print
    )
    before = sum(r.rejected_before for r in replayed)
    now = sum(r.load.rows_rejected for r in replayed)
    print(f"Read {len(replayed)} files again: {before:,} rows rejected before, {now:,} now.")


@app.command()
def withdraw(
    load_id: Annotated[int, typer.Argument(help="Its number in `ecorse status`.")],
    reason: Annotated[str, typer.Option(help="Why it should never have come.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Let its content be loaded again.")] = False,
) -> None:
    """Take a load out of every later build; its content is not loaded again."""
    from ecorse.ingest import upkeep

    _ready()
    if undo:
        print(upkeep.undo_withdrawal(load_id, holder=holder()))
    else:
        print(upkeep.withdraw(load_id, reason, holder=holder()))


@app.command()
def prune(
    days: Annotated[int, typer.Option(min=0, help="Only if superseded longer ago.")] = 30,
) -> None:
    """Delete the staged rows of loads that were superseded and that no kept build shows."""
    from ecorse.ingest import upkeep

    _ready()
    pruned = upkeep.prune(days, holder=holder())
    print(
        f"Deleted {pruned.rows:,} rows of {pruned.loads:,} loads, "
        f"and {pruned.repeated_rows:,} that other loads hold too."
    )


@app.command()
def recommend(
    products: Annotated[list[str], typer.Argument(help="Product names or ids.")],
    shop: Shop = None,
    n: Annotated[int, typer.Option("-n", help="How many.")] = 5,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    month: Annotated[int | None, typer.Option(min=1, max=12, help="As in this month.")] = None,
    daypart: Annotated[str | None, typer.Option(help="As at this time, e.g. Evening.")] = None,
    as_json: Json = False,
) -> None:
    """What to show beside chosen products, from the published night."""
    from ecorse.night import recommend as ask

    answer = ask(products, shop_id=shop, n=n, category=category, month=month, daypart=daypart)
    if as_json:
        emit(answer)
        return
    for row in answer:
        why = f"goes with {row['because_of']}" if row["source"] == "similar" else "sells well"
        print(f"{row['rank']:>3}. {row['product_name']} ({row['category']}), {why}")


@app.command()
def simulate(
    rows: Annotated[int, typer.Option(min=1, help="How many rows to append.")],
    data: Annotated[Path, typer.Option("--data", help="The file to append to.")],
    seed: Annotated[int | None, typer.Option(help="Same seed, same rows.")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Default: known by the file's header.")
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Rows like those of the rarest products instead.")
    ] = False,
) -> None:
    """Append simulated, marked rows to a file; the next ingest adds exactly those rows."""
    from ecorse.simulate import append_rows, augment_rows

    grow = augment_rows if augment else append_rows
    growth = grow(data, rows=rows, seed=seed, format_name=format_name)
    print(f"Appended {rows:,} simulated rows of {growth.format} to {data} (seed {growth.seed}).")


@app.command()
def truth(shop: Shop = None, as_json: Json = False) -> None:
    """How much of what the simulator planted the published night found again."""
    from dataclasses import asdict

    from ecorse.reports.truth import score_truth

    _ready()
    scores = score_truth(shop)
    if as_json:
        emit([asdict(score) for score in scores])
        return
    for score in scores:
        value = "-" if score.value is None else f"{score.value:.3f}"
        print(f"{score.shop_id:20} {score.what:34} {value:>6}  {score.sentence}")


@app.command()
def up(
    origin: Origin = "simulate",
    data: DataPath = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after the first night.")] = False,
) -> None:
    """Start the embedded Postgres and Airflow, run a night, stay until Ctrl-C (`make run`)."""
    from ecorse.stack.up import up as start

    raise typer.Exit(start(origin=origin or "simulate", data=data or "", once=once))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look at each part that a night needs, and say what is wrong and how to mend it."""
    from ecorse.reports.doctor import examine

    findings = examine()
    if as_json:
        emit([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.part:18} {finding.sentence}")
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


@db.command("url")
def db_url(role: Annotated[str, typer.Option(help="Log in as this role.")] = "ecorse_etl") -> None:
    """Print a libpq URL; the embedded Postgres is started if it is down."""
    from ecorse.postgres import database_url

    print(database_url(role))


@db.command("stop")
def db_stop() -> None:
    """Stop the embedded Postgres."""
    from ecorse.postgres import EmbeddedPostgres

    EmbeddedPostgres(get_settings().home, get_settings().postgres_port).stop()


@db.command("init")
def db_init() -> None:
    """Roles, database and schema on a Postgres of your own (compose's init job).

    Reads ECORSE_ADMIN_URL (a superuser, used here only), ECORSE_DATABASE_URL and the passwords
    ECORSE_BI_READER_PASSWORD, ECORSE_APP_READER_PASSWORD, ECORSE_AIRFLOW_PASSWORD.
    """
    from ecorse.postgres.external import initialise_server

    initialise_server()
    _ready()
    print("The database is ready.")


@mart_app.command("list")
def mart_list() -> None:
    """Every mart and model table in the order they are made, with what it reads."""
    from ecorse.refresh.catalog import load_catalog

    for step in load_catalog().steps():
        print(f"{step.name:34} {step.kind:6} <- {', '.join(sorted(step.reads)) or 'staging'}")


@mart_app.command("drop")
def mart_drop(name: str) -> None:
    """Forget a mart's view and its kept nights, e.g. after its columns changed their types."""
    from ecorse.refresh.views import drop_mart

    drop_mart(name)
    print(f"Dropped marts.{name}; the next refresh makes it anew if its file is still there.")


@source_app.command("list")
def source_list() -> None:
    """Every source: the table its rows go to, and the columns its files need."""
    from ecorse.sources import get_source, source_names

    for name in source_names():
        contract = get_source(name).contract
        for form in contract.forms:
            columns = ", ".join(c.name or "(index)" for c in form.columns if c.required)
            print(f"{name:24} {contract.table:12} {columns}")


@source_app.command("check")
def source_check(
    file: Annotated[Path, typer.Argument(help="The file to look at.")],
    source: Annotated[str, typer.Option(help="As which source, e.g. sales_csv.")],
    shop: Shop = None,
    limit: Annotated[int, typer.Option(help="List at most so many problems.")] = 50,
    as_json: Json = False,
) -> None:
    """PASS, or every problem of a file: line, column, value, what was expected. Loads nothing."""
    from dataclasses import asdict

    from ecorse.errors import ConfigError
    from ecorse.ingest.check import check_file
    from ecorse.ingest.shops import load_shops

    shops = {s.shop_id: s for s in load_shops(get_settings())}
    if shop and shop not in shops:
        raise ConfigError(f"There is no shop {shop!r}; there are {', '.join(shops)}.")
    chosen = shops[shop] if shop else next(iter(shops.values()))
    checked = check_file(file, source, chosen)
    if as_json:
        emit(asdict(checked) | {"is_pass": checked.is_pass})
    else:
        for problem in checked.problems[:limit]:
            print(problem.sentence)
        if (left := len(checked.problems) - limit) > 0:
            print(f"... and {left:,} more (--limit)")
        for kind in ("rejected", "flagged", "repaired", "ignored"):
            for rule, rows in getattr(checked, kind).items():
                print(f"{kind:9} {rule:32} {rows:>10,} rows")
        for warning in checked.warnings:
            print(f"note: {warning}")
        if checked.refusal:
            print(f"FAIL: {checked.refusal}")
        else:
            word = "PASS" if checked.is_pass else "FAIL"
            print(
                f"{word}: {checked.rows_read:,} rows read, {len(checked.problems):,} with "
                f"problems, {checked.rows_suspected:,} that may repeat an earlier one."
            )
    if not checked.is_pass:
        raise typer.Exit(65)


@source_app.command("draft")
def source_draft(
    file: Annotated[Path, typer.Argument(help="A file to propose a mapping for.")],
    table: Annotated[
        str | None, typer.Option(help="order_lines, events, products or customers.")
    ] = None,
) -> None:
    """Propose a mapping (TOML, for include/sources) from a sample of a file."""
    from ecorse.errors import ConfigError
    from ecorse.schema.staging import STAGING_TABLES
    from ecorse.sources.mappings.draft import draft

    if table not in (None, *STAGING_TABLES):
        raise ConfigError(f"There is no table {table!r}; there are {', '.join(STAGING_TABLES)}.")
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such file.")
    print(draft(file, table), end="")


def main() -> None:
    """Entry point: errors are one line on standard error, with their exit code."""
    try:
        settings = get_settings()
        # progress lines tell a person enough; a level that was set is respected
        configure(settings.log_level if "log_level" in settings.model_fields_set else "WARNING")
        app()
    except Exception as error:
        told = _explain(error)
        if told is None or os.environ.get("ECORSE_DEBUG"):
            raise
        print(f"ecorse: {told}", file=sys.stderr)
        sys.exit(told.exit_code)


def _explain(error: Exception) -> EcorseError | None:
    """The error as one that a person can act on; none for a defect of the program."""
    if isinstance(error, EcorseError):
        return error
    import psycopg

    from ecorse.warehouse.connect import explain

    return explain(error) if isinstance(error, psycopg.Error) else None
