"""What stands in the warehouse, for a person at a terminal or a script.

What belongs here: reading and printing. What does not: the queries that the page of nights shows
too (``nights``), and anything that changes something.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecorse.reports.nights import read_nights
from ecorse.show import escaped
from ecorse.warehouse.connect import connect

PLAIN_WIDTH = 140

MONEY = """
select
    staged.shop_id, s.currency, staged.money as staged,
    coalesce(made.money, 0) as in_marts, coalesce(made.orders, 0) as orders,
    coalesce(made.units, 0) as units, staged.lines
from (
    select shop_id, sum(revenue) as money, count(*) as lines
    from marts.order_lines group by shop_id
) as staged
inner join ops.shop as s on s.shop_id = staged.shop_id
left join (
    select shop_id, sum(revenue) as money, count(*) as orders, sum(units) as units
    from marts.orders group by shop_id
) as made on made.shop_id = staged.shop_id
order by staged.shop_id
"""

SEGMENTS = """
select shop_id, segmentation, segment_id, segment_name, meaning, members, share
from marts.segments order by shop_id, segmentation, members desc, segment_id
"""

RECOMMENDATIONS = """
select shop_id, product_name, recommended, score, co_purchases from (
    select
        s.shop_id, p.product_name, r.product_name as recommended, s.score,
        (s.evidence ->> 'co_purchases')::bigint as co_purchases,
        row_number() over (
            order by (s.evidence ->> 'co_purchases')::bigint desc nulls last,
                s.shop_id, s.product_id
        ) as place
    from marts.item_similarity_served as s
    inner join marts.products as p on p.shop_id = s.shop_id and p.product_id = s.product_id
    inner join marts.products as r on r.shop_id = s.shop_id and r.product_id = s.similar_product_id
    where s.rank = 1 and s.relation <> 'popular'
) as q where place <= 5 order by place
"""

MESSAGES = """
select
    format('shop %s, file %s', shop_id, file_name) as what, message
from ops.refused_file where resolved_at is null
union all
select 'shop ' || shop_id, sentence from ops.held_back
where build_id = (select build_id from ops.current_build)
union all
select 'build ' || build_id, error from ops.build
where status in ('failed', 'refused')
    and build_id > coalesce((select max(build_id) from ops.current_build), 0)
"""

HELD_MODELS = """
select shop_id || '/' || model from ops.model_decision
where build_id = %s and outcome <> 'promoted' order by shop_id, model
"""

CHECKSUM_COLUMNS = """
select c.relname, string_agg(quote_ident(a.attname), ', ' order by a.attnum)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and a.attname <> 'build_id'
    and c.relname || '.' || a.attname <> all(%s)
where n.nspname = 'marts' and c.relkind = 'v'
    and c.relname not in ('build_info', 'served_artifacts')
group by c.relname order by c.relname
"""


def read_status() -> dict[str, Any]:
    """Published build, builds, files, rejects by rule, checks, decisions, open problems."""
    status = read_nights()
    with (
        connect(application_name="ecorse status") as conn,
        conn.cursor(row_factory=dict_row) as cursor,
    ):
        status["problems"] = cursor.execute(MESSAGES).fetchall()
    return status


def held_models(build_id: int) -> list[str]:
    """The models of a build that did not earn their place or failed, as ``shop/model``."""
    with connect(application_name="ecorse status") as conn:
        return [name for (name,) in conn.execute(HELD_MODELS, (build_id,))]


def newer_than_published(newer: dict[str, Any]) -> str:
    """What of the loads the published night does not show yet; empty where it shows all."""
    if not newer or not newer["came"] + newer["went"]:
        return ""
    came = f"{newer['came']} newer load{'s' if newer['came'] != 1 else ''}"
    went = f"; it still shows {newer['went']} that no longer count" if newer["went"] else ""
    return (
        f"The published night does not show {came} yet (of {newer['shops']}){went}. "
        "`ecorse refresh` publishes a night of what is loaded now."
    )


def read_night() -> dict[str, Any]:
    """What the published night holds: money, segments, five recommendations."""
    with (
        connect(application_name="ecorse summary") as conn,
        conn.cursor(row_factory=dict_row) as cursor,
    ):
        return {
            "money": cursor.execute(MONEY).fetchall(),
            "segments": cursor.execute(SEGMENTS).fetchall(),
            "recommendations": cursor.execute(RECOMMENDATIONS).fetchall(),
        }


def volatile_columns() -> list[str]:
    """Columns that differ between nights of the same data, as ``mart.column``."""
    from ecorse.training.results import MODEL_SCORES, MODEL_STATUS  # 0.1 s that status can spare

    return [f"{r.name}.{column}" for r in (MODEL_SCORES, MODEL_STATUS) for column in r.volatile]


def read_checksums() -> dict[str, dict[str, int]]:
    """Rows and an order-independent checksum of every published mart, ``build_id`` left out.

    Two warehouses that hold the same night have the same checksums.
    """
    checksums = {}
    with connect(application_name="ecorse checksum") as conn:
        for name, columns in conn.execute(CHECKSUM_COLUMNS, (volatile_columns(),)).fetchall():
            row = conn.execute(
                f"select count(*), coalesce(sum(hashtextextended(q::text, 0)::numeric), 0) "
                f"from (select {columns} from marts.{name}) as q"
            ).fetchone()
            assert row is not None
            checksums[name] = {"rows": row[0], "checksum": int(row[1])}
    return checksums


def make_console() -> Console:
    """A console as wide as the terminal, and wide enough for the tables where there is none."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, emoji=False, highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        is_number = column.startswith("#")
        table.add_column(
            column.lstrip("#"),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    return table


def _add(table: Table, *cells: str, style: str | None = None) -> None:
    """Add a row as plain text: names of files and products may be made to look like markup."""
    table.add_row(*(Text(escaped(cell)) for cell in cells), style=style)


def _account(figures: dict[str, Any]) -> Iterator[str]:
    """Rows by what became of them, with the money of those that were left out."""
    for kind in ("read", "staged", "duplicate", "ignored", "rejected"):
        money = figures.get(f"money_{kind}") if kind in ("duplicate", "rejected") else None
        yield f"{figures[f'rows_{kind}']:,}" + (f" ({money:,.2f})" if money else "")


def print_files(console: Console, status: dict[str, Any]) -> None:
    """Row account per file: read = staged + duplicate + ignored + rejected."""
    table = _table(
        "Files",
        "#load",
        "shop",
        "file",
        "#read",
        "#staged",
        "#duplicate",
        "#ignored",
        "#rejected",
        "#money",
    )
    for file in status["files"]:
        _add(
            table,
            str(file["load_id"]),
            file["shop_id"],
            file["file_name"],
            *_account(file),
            f"{file['money_staged']:,.2f} {file['currency']}",
        )  # fmt: skip
    for account in status["accounts"]:
        table.add_section()
        _add(
            table,
            "",
            "",
            f"{account['files']} files",
            *_account(account),
            f"{account['money_staged']:,.2f} {account['currency']}",
            style="bold",
        )  # fmt: skip
    console.print(table)
    if status["rejects"]:
        rejects = _table("Rejected rows by rule", "shop", "rule", "column", "#rows", "#files")
        for reject in status["rejects"]:
            _add(
                rejects,
                reject["shop_id"], reject["rule"], reject["column_name"] or "",
                f"{reject['rows']:,}", str(reject["files"]),
            )  # fmt: skip
        console.print(rejects)


def print_status(console: Console | None = None) -> None:
    """The published build, the last builds, files, rejects, failed checks and model decisions."""
    console = console or make_console()
    status = read_status()
    builds = _table(
        "Builds", "build", "status", "started (UTC)", "#seconds", "checks", "by version"
    )
    for build in status["builds"][:10]:
        failed = build["checks_failed"]
        _add(
            builds,
            f"{build['build_id']}{'  <- published' if build['is_published'] else ''}",
            build["status"],
            f"{build['started_at']:%Y-%m-%d %H:%M:%S}",
            f"{build['seconds']:.1f}" if build["seconds"] is not None else "",
            f"{build['checks']} run, {failed} failed, {build['checks_warned']} warned",
            build["ecorse_version"],
        )
    console.print(builds)
    if told := newer_than_published(status["newer"]):
        console.print(Text(told, style="yellow"))
    print_files(console, status)
    broken = [check for check in status["checks"] if not check["passed"]]
    if broken:
        checks = _table("Checks that found something", "level", "mart", "check", "#rows", "meaning")
        for check in broken:
            _add(
                checks,
                check["level"], check["mart"], check["check_name"],
                f"{check['failing_rows']:,}", check["sentence"],
            )  # fmt: skip
        console.print(checks)
    decisions = _table("Model decisions", "shop", "model", "outcome", "reason")
    for decision in status["decisions"]:
        _add(
            decisions,
            decision["shop_id"],
            decision["model"],
            decision["outcome"],
            decision["reason"],
        )
    console.print(decisions)
    for problem in status["problems"]:
        what, message = escaped(problem["what"]), escaped(problem["message"], keep="\n")
        console.print(Text.assemble((f"{what}: ", "red"), message))


def print_summary(console: Console | None = None) -> None:
    """What a person wants to know after a night: rows, money, segments, recommendations."""
    console = console or make_console()
    status = read_status()
    print_files(console, status)
    published = status["published"]
    if published is None:  # before the first night is published its marts do not exist
        console.print("[yellow]No night is published yet.[/yellow]")
        return
    night = read_night()
    money = _table(
        "Money", "shop", "#orders", "#lines", "#units", "#revenue in marts", "reconciled"
    )
    for row in night["money"]:
        _add(
            money,
            row["shop_id"],
            f"{row['orders']:,}",
            f"{row['lines']:,}",
            f"{row['units']:,}",
            f"{row['in_marts']:,.2f} {row['currency']}",
            "to the cent" if row["staged"] == row["in_marts"] else f"differs: {row['staged']:,.2f}",
        )
    console.print(money)
    segments = _table("Segments", "shop", "segment", "#share", "#members", "meaning")
    for row in night["segments"]:
        _add(
            segments,
            row["shop_id"], row["segment_name"], f"{row['share']:.1%}", f"{row['members']:,}",
            row["meaning"],
        )  # fmt: skip
    console.print(segments)
    recommended = _table("Who bought ... may want ...", "shop", "product", "recommended", "#score",
                         "#bought together")  # fmt: skip
    for row in night["recommendations"]:
        _add(
            recommended,
            row["shop_id"], row["product_name"], row["recommended"], f"{row['score']:.3f}",
            f"{row['co_purchases'] or 0:,}",
        )  # fmt: skip
    console.print(recommended)
    passed = published["checks"] - published["checks_failed"] - published["checks_warned"]
    console.print(
        f"[bold]Published: build {published['build_id']}[/bold] "
        f"({passed} of {published['checks']} checks "
        f"passed, {published['checks_warned']} warnings), "
        f"{published['first_published_at']:%Y-%m-%d %H:%M:%S} UTC."
    )
