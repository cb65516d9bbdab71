"""The accounts of the night: rules about a whole build that no single mart can answer for.

What belongs here: these checks, as SQL. What does not: running them (``audit``).
"""

from __future__ import annotations

from ecorse.models.relation import BoundCheck
from ecorse.refresh.relations import resolver, staging_at
from ecorse.refresh.render import render
from ecorse.schema.staging import STAGING_TABLES
from ecorse.settings import get_settings


def night_checks(build_id: int) -> list[BoundCheck]:
    """The accounts that no single mart can answer for: rows, money, rejects, an empty night."""
    settings = get_settings()
    build_loads = (
        "ops.load as l join ops.build_load as bl "
        f"on bl.build_id = {build_id} and bl.load_id = l.load_id"
    )
    names = ", ".join(f"'{name}'" for name in STAGING_TABLES)
    held = " union all ".join(
        f"select load_id, '{t.name}' as name, count(*) as rows, sum({t.money}) as money "
        f"from staging.{t.name} where load_id in "
        f"(select load_id from ops.build_load where build_id = {build_id}) group by load_id"
        for t in STAGING_TABLES.values()
    )
    return [
        BoundCheck(
            "every_staged_row_and_cent_is_there",
            "fail",
            "Staging holds other rows or money than the load ledger says",
            f"""
            with held as ({held})
            select l.load_id, l.file_name, t.name as table_name,
                coalesce(cast(l.rows_by_table ->> t.name as bigint), 0) as rows_stated,
                coalesce(h.rows, 0) as rows_held,
                l.money_staged, coalesce(h.money, 0) as money_held
            from {build_loads}
            cross join unnest(array[{names}]) as t (name)
            left join held as h on h.load_id = l.load_id and h.name = t.name
            where coalesce(cast(l.rows_by_table ->> t.name as bigint), 0) <> coalesce(h.rows, 0)
                or (t.name = 'order_lines' and l.money_staged <> coalesce(h.money, 0))
            """,
        ),
        BoundCheck(
            "money_staged_equals_money_in_marts",
            "fail",
            "A shop's staged money differs from its money in the marts",
            render(
                """
                select staged.shop_id, staged.money as money_staged, made.money as money_in_marts
                from (
                    select s.shop_id, count(*) as line_count, sum(
                        coalesce(s.line_amount, s.quantity * s.unit_price)
                        * case when s.status <> 'sold' and s.quantity >= 0 then -1 else 1 end
                    ) as money
                    from staging.order_lines as s group by s.shop_id
                ) as staged
                full join (
                    select d.shop_id, sum(d.revenue) as money from marts.orders as d
                    group by d.shop_id
                ) as made on made.shop_id = staged.shop_id
                where staged.money is distinct from made.money
                """,
                resolver(build_id),
                "night check",
            ),
        ),
        *keyed_checks(build_id),
        BoundCheck(
            # a load over the limit is refused when it is loaded (`ingest.limit`); this tells of a
            # small file, and of one that was loaded under another limit
            "rejected_share_within_limit",
            "warn",
            f"More than {settings.reject_limit_share:.0%} of a file's rows were rejected; the "
            "others are in. `ecorse report LOAD` says why; mend the file or withdraw it",
            f"""
            select l.load_id, l.shop_id, l.file_name, l.rows_read, l.rows_rejected
            from {build_loads}
            where l.rows_rejected > {settings.reject_limit_share} * l.rows_read
            """,
        ),
        BoundCheck(
            "night_is_not_empty",
            "fail",
            "No row was staged at all",
            "select 'nothing staged' as problem where "
            + " and ".join(
                f"not exists (select 1 from {staging_at(name, str(build_id))} as s)"
                for name in STAGING_TABLES
            ),
        ),
        BoundCheck(
            "no_shop_is_held_back",
            "warn",
            "A shop is shown as it was published before, for what came is not sound: "
            "`ecorse status` says why and what to do",
            f"select shop_id, reason, sentence from ops.held_back where build_id = {build_id}",
        ),
    ]


def keyed_checks(build_id: int) -> list[BoundCheck]:
    """Accounts of lines with a key: money staged, less what was replaced, is the money counted."""
    loads = (
        "ops.load as l join ops.build_load as bl "
        f"on bl.build_id = {build_id} and bl.load_id = l.load_id"
    )
    money = STAGING_TABLES["order_lines"].money
    return [
        BoundCheck(
            "lines_have_one_kind_of_key",
            "fail",
            "Some loads of a source were read before its lines had a key (line_key), so lines that "
            "these hold too would count twice. Ingest their files again, or `ecorse replay LOAD`",
            f"""
            select l.load_id, l.shop_id, l.source, l.file_name from {loads}
            where l.line_order is null and l.rows_by_table ? 'order_lines' and exists (
                select from ops.load as k join ops.build_load as kb
                    on kb.build_id = {build_id} and kb.load_id = k.load_id
                where k.shop_id = l.shop_id and k.source = l.source and k.line_order is not null
            )
            """,
        ),
        # The rows are ranked here, where a build compares them with later ones (`relations`).
        BoundCheck(
            "money_of_keyed_lines_is_that_of_their_latest_load",
            "fail",
            "The rows of lines that have a key are not those of the latest load that has the key",
            f"""
            with held as (
                select load_id, shop_id, line_id, false as is_left_out, {money} as money
                from staging.order_lines where made_of is null
                union all
                select load_id, shop_id, line_id, false, {money}
                from staging.repeated_order_lines where made_of is null
                union all
                select load_id, shop_id, line_id, true, 0 from ops.left_out_line
            ), ranked as (
                select held.shop_id, l.source, is_left_out, held.money, dense_rank() over (
                    partition by held.shop_id, l.source, line_id order by l.line_order desc
                ) as place
                from held join {loads} on l.load_id = held.load_id
                where bl.line_order is not null
            ), latest as (
                select shop_id, source, count(*) as lines, sum(money) as money
                from ranked where place = 1 and not is_left_out group by shop_id, source
            ), counted as (
                select s.shop_id, l.source, count(*) as lines, sum({money}) as money
                from {staging_at("order_lines", str(build_id), as_of=None)} as s
                join {loads} on l.load_id = s.load_id
                where bl.line_order is not null and s.made_of is null
                group by s.shop_id, l.source
            )
            select shop_id, source, latest.lines, counted.lines as lines_counted,
                latest.money, counted.money as money_counted
            from latest full join counted using (shop_id, source)
            where latest.lines is distinct from counted.lines
                or latest.money is distinct from counted.money
            """,
        ),
    ]
