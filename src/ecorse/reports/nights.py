"""What the page of nights shows, read from ``ops`` in one read-only snapshot.

What belongs here: the page's queries. What does not: the page (``nights.html``) and its server
(``plugins/ecorse_plugin.py``). The page has no login before it: only counts, names, figures and
the sentences of rules are read - never a row, a reject's text, a check's sample, nor an error's
message, for it may quote a row; those stand in ``ecorse status`` and in the task's log.
"""

from __future__ import annotations

import itertools
from typing import Any

from psycopg import Connection, IsolationLevel
from psycopg.rows import DictRow, dict_row

from ecorse.reports.segments.places import shops_of
from ecorse.warehouse.connect import connect

NIGHTS_SHOWN = 30
FILES_SHOWN = 200
STATEMENT_TIMEOUT = "5s"

BUILDS = """
select
    b.build_id,
    b.status,
    c.build_id is not null as is_published,
    b.as_of,
    b.started_at,
    b.finished_at,
    b.first_published_at,
    extract(epoch from b.finished_at - b.started_at)::float8 as seconds,
    b.ecorse_version,
    (select count(*) from ops.build_load as l where l.build_id = b.build_id) as loads,
    (select count(*) from ops.build_step as s
        where s.build_id = b.build_id and s.status = 'succeeded') as steps_succeeded,
    (select count(*) from ops.build_step as s where s.build_id = b.build_id) as steps,
    (select string_agg(s.step, ', ' order by s.step) from ops.build_step as s
        where s.build_id = b.build_id and s.status <> 'succeeded') as steps_unfinished,
    (select count(*) from ops.check_result as r
        where r.build_id = b.build_id and r.level = 'fail' and not r.passed) as checks_failed,
    (select count(*) from ops.check_result as r
        where r.build_id = b.build_id and r.level = 'warn' and not r.passed) as checks_warned,
    (select count(*) from ops.check_result as r where r.build_id = b.build_id) as checks,
    (select count(*) from ops.model_decision as d
        where d.build_id = b.build_id and d.outcome = 'held') as models_held
from ops.build as b
left join ops.current_build as c on c.build_id = b.build_id
where
    c.build_id is not null
    or b.build_id in (
        select recent.build_id from ops.build as recent
        where recent.status <> 'removed'
        order by recent.build_id desc
        limit %(limit)s
    )
order by b.build_id desc
"""

STEPS = """
select
    step,
    coalesce(area, step) as area,
    status,
    rows,
    extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at)::float8 as seconds
from ops.build_step
where build_id = %(build_id)s
order by min(started_at) over (partition by coalesce(area, step)), area, started_at, step
"""

CHECKS = """
select mart, check_name, level, passed, failing_rows, sentence, seconds
from ops.check_result
where build_id = %(build_id)s
order by passed, level, mart, check_name
"""

DECISIONS = """
select shop_id, model, outcome, reason, numbers, decided_at
from ops.model_decision
where build_id = %(build_id)s
order by outcome = 'promoted', shop_id, model
"""

FILES = """
select
    load_id, shop_id, source, file_name, left(sha256, 12) as content, known_at,
    rows_read, rows_staged, rows_duplicate, rows_ignored, rows_rejected,
    lines_added, money_staged, currency, jsonb_array_length(warnings) as warnings,
    coalesce((money ->> 'duplicate_in_file')::numeric, 0)
    + coalesce((money ->> 'duplicate_across_files')::numeric, 0) as money_duplicate,
    coalesce((money ->> 'rejected')::numeric, 0) as money_rejected
from ops.load
where superseded_at is null
order by shop_id, source, file_name
limit %(limit)s
"""

ACCOUNTS = """
select
    currency,
    count(*) as files,
    sum(rows_read)::bigint as rows_read,
    sum(rows_staged)::bigint as rows_staged,
    sum(rows_duplicate)::bigint as rows_duplicate,
    sum(rows_ignored)::bigint as rows_ignored,
    sum(rows_rejected)::bigint as rows_rejected,
    sum(money_staged) as money_staged,
    sum(
        coalesce((money ->> 'duplicate_in_file')::numeric, 0)
        + coalesce((money ->> 'duplicate_across_files')::numeric, 0)
    ) as money_duplicate,
    sum(coalesce((money ->> 'rejected')::numeric, 0)) as money_rejected
from ops.load
where superseded_at is null
group by currency
order by currency
"""

NEWER = """
with live as (
    select load_id, shop_id from ops.load where superseded_at is null
),
held as (
    select load_id, shop_id from ops.loads_seen
)
select
    (select count(*) from live where load_id not in (select load_id from held)) as came,
    (select count(*) from held where load_id not in (select load_id from live)) as went,
    (
        select string_agg(distinct shop_id, ', ')
        from (
            select * from live where load_id not in (select load_id from held)
            union all
            select * from held where load_id not in (select load_id from live)
        ) as q
    ) as shops
where exists (select from ops.current_build)
"""

REFUSED = """
select
    shop_id, source, file_name, error_class, refused_at,
    (detail ->> 'rows_read')::bigint as rows_read,
    (detail ->> 'rows_rejected')::bigint as rows_rejected,
    (detail ->> 'money_rejected')::numeric as money_rejected,
    detail ->> 'currency' as currency
from ops.refused_file
where resolved_at is null
order by refused_at desc
limit %(limit)s
"""

REJECTS = """
select l.shop_id, l.source, r.rule, r.column_name, count(*) as rows,
    count(distinct r.load_id) as files
from ops.reject as r
inner join ops.load as l on l.load_id = r.load_id
where l.superseded_at is null
group by l.shop_id, l.source, r.rule, r.column_name
order by rows desc, l.shop_id, l.source, r.rule
limit %(limit)s
"""


def read_nights(build_id: int | None = None) -> dict[str, Any]:
    """Everything the page shows; details are those of ``build_id``, or of the latest night.

    Returns
    -------
    dict
        ``builds`` (newest first), ``shown`` (one of them, or ``None``), its ``steps``, the same by
        ``areas`` in the order in which they began, its ``checks`` (failed first) and
        ``decisions``, and the shops that have ``reports`` of it; ``files``, ``accounts`` (one per
        currency), ``refused`` and ``rejects`` of what is loaded now; ``newer``: how many loads
        ``came`` and ``went`` since the published night, and of which shops.

    Raises
    ------
    ecorse.errors.StoreBusy
        The warehouse cannot be reached.
    """
    with _snapshot() as conn:
        builds = _rows(conn, BUILDS, limit=NIGHTS_SHOWN)
        shown = next((b for b in builds if build_id in (None, b["build_id"])), None)
        which = {"build_id": shown["build_id"] if shown else None}
        steps = _rows(conn, STEPS, **which)
        return {
            "builds": builds,
            "published": next((b for b in builds if b["is_published"]), None),
            "shown": shown,
            "steps": steps,
            "areas": _by_area(steps),
            "checks": _rows(conn, CHECKS, **which),
            "decisions": _rows(conn, DECISIONS, **which),
            "reports": shops_of(shown["build_id"]) if shown else [],
            "accounts": _rows(conn, ACCOUNTS),
            "files": _rows(conn, FILES, limit=FILES_SHOWN),
            "refused": _rows(conn, REFUSED, limit=FILES_SHOWN),
            "rejects": _rows(conn, REJECTS, limit=FILES_SHOWN),
            "newer": next(iter(_rows(conn, NEWER)), {}),
        }


def _by_area(steps: list[DictRow]) -> list[dict[str, Any]]:
    """Steps, which come area by area, under their areas with the sum of rows and seconds."""
    found = []
    for name, group in itertools.groupby(steps, key=lambda step: step["area"]):
        own = list(group)
        rows = sum(step["rows"] or 0 for step in own)
        seconds = sum(step["seconds"] for step in own)
        found.append({"name": name, "rows": rows, "seconds": seconds, "steps": own})
    return found


def step_rows(build_id: int) -> dict[str, int]:
    """Rows that each step of a build wrote, for the asset event of a publication."""
    with _snapshot() as conn:
        steps = _rows(conn, STEPS, build_id=build_id)
    return {step["step"]: step["rows"] for step in steps if step["rows"] is not None}


def _snapshot() -> Connection:
    conn = connect(application_name="ecorse nights")
    conn.read_only = True
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    conn.execute("select set_config('statement_timeout', %s, true)", (STATEMENT_TIMEOUT,))
    return conn


def _rows(conn: Connection, query: str, **values: Any) -> list[DictRow]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
