"""Nights under ``include/rules.toml``: read from marts and staging, kept to, recorded, refused."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import ConfigError
from ecorse.night import Night
from ecorse.refresh.audit import all_checks
from ecorse.refresh.catalog import load_catalog
from ecorse.refresh.relations import resolver
from ecorse.refresh.render import render
from ecorse.training.run import model_relations
from ecorse.warehouse.connect import connect

# of the shops' six products; none has a brand, monitor is in the band 50 to 200
RULES = """
[[rules]]
rule = "exclude"
select = "select shop_id, product_id from staging.order_lines where product_id = 'laptop'"

[[rules]]
rule = "exclude"
shop_id = "south"
select = "select shop_id, product_id from marts.products where category = 'Monitors'"

[[rules]]
rule = "pin"
shop_id = "north"
product = "batteries"
place = 1

[[rules]]
rule = "boost"
shop_id = "north"
factor = 100
categories = ["Accessories"]
lists = ["for_you"]

[[rules]]
rule = "exclude"
products = ["cable"]
to = 2018-12-31
"""


LATELY = "best_sellers_lately"
COLUMNS = """
select attname from pg_attribute where attrelid = 'marts.user_recommendations'::regclass
and attnum > 0 order by attnum
"""


def rows(query: str) -> list[tuple]:
    with connect("bi_reader") as conn:
        return conn.execute(query.encode()).fetchall()


def offered_nowhere(product: str, *shops: str) -> None:
    """No list that people see, and no answer, names a product."""
    for table, column in (
        ("user_recommendations", "product_id"),
        ("recommendations_served", "product_id"),
        ("segment_recommendations", "product_id"),
        ("popular_recommendations", "product_id"),
        ("item_similarity_served", "similar_product_id"),
    ):
        found = rows(f"select distinct shop_id, {column} from marts.{table}")
        assert not {(shop, product) for shop in shops} & {*found}, table
        assert found, table
    with Night() as night:
        for shop in shops:
            segment = rows(
                "select segmentation, segment_name from marts.segment_recommendations "
                f"where shop_id = '{shop}' limit 1"
            )[0]
            for wanted in (
                {"products": ["phone"]},
                {"customer": "c1"},
                {"customer": "c1", "list": "explore"},
                {"customer": "c1", "list": "buy_again"},
                {"customer": "nobody"},
                {"query": [product]},
                {"segmentation": segment[0], "segment": segment[1]},
            ):
                answer = night.answer(wanted.pop("products", ()), shop=shop, n=6, **wanted)
                assert product not in answer.frame["product_id"], (shop, wanted)


def failing(conn, build_id: int, table: str) -> set[str]:
    """The checks of a model's table that find rows."""
    relations = [r for r in model_relations(load_catalog()) if r.name == table]
    checks = [check for name, check in all_checks(load_catalog(), relations) if name == table]

    def resolve(schema: str, name: str) -> str:
        # the work table is gone when a night is published
        return "marts.basket_products" if name == "basket_products" else own(schema, name)

    own = resolver(build_id)
    return {c.name for c in checks if conn.execute(render(c.sql, resolve, c.name)).fetchone()}


def test_a_night_keeps_to_the_rules_and_records_them(shops, project):
    file = project / "include" / "rules.toml"
    file.write_text(RULES)
    summary = flow.refresh(holder="test")
    assert summary.is_published
    listed = "select distinct shop_id, product_id from marts.user_recommendations order by 1, 2"
    every = ["batteries", "cable", "headphones", "monitor", "phone"]
    assert rows(listed) == [
        *(("north", name) for name in every),
        *(("south", name) for name in every if name != "monitor"),
    ]
    first = (
        "select list, product_id, count(*) > 0 from marts.user_recommendations as r "
        "where shop_id = 'north' and rank = 1 and ({} exists (select from marts.order_lines as l "
        "where l.shop_id = r.shop_id and l.customer_id = r.customer_id "
        "and l.product_id = 'batteries')) group by 1, 2 order by 1, 2"
    )
    # it is on no list against its kind: explore names nothing that was had, buy_again nothing else
    had = rows(first.format(""))
    assert {r[:2] for r in had if r[0] != "explore"} == {
        ("buy_again", "batteries"), ("for_you", "batteries"),
    }  # fmt: skip
    assert "batteries" not in {product for kind, product, _ in had if kind == "explore"}
    never = rows(first.format("not"))
    assert {r[:2] for r in never if r[0] != "buy_again"} == {
        ("explore", "batteries"), ("for_you", "batteries"),
    }  # fmt: skip
    assert rows(
        "select distinct source, level, reason, evidence ->> 'rule' from marts.user_recommendations"
        " where level = 3"
    ) == [("rule", 3, "Put here by a rule of the shop (pinned to place 1)", "pinned to place 1")]
    assert rows(
        "select distinct product_id, evidence ->> 'rule' from marts.user_recommendations "
        "where evidence ->> 'rule' like 'boosted%' order by 1"
    ) == [(name, "boosted 100: category Accessories") for name in ("cable", "headphones")]
    assert rows(
        "select shop_id, rule_number, rule, products, is_narrowing from marts.rules_in_force "
        "where list = 'for_you' order by 1, 2"
    ) == [
        ("north", 0, "exclude", 1, True), ("north", 2, "pin", 1, False),
        ("north", 3, "boost", 2, False),
        ("south", 0, "exclude", 1, True), ("south", 1, "exclude", 1, True),
    ]  # fmt: skip

    with connect() as conn:  # each check finds its damage
        build = summary.build_id
        assert failing(conn, build, "rules_in_force") == set()
        assert failing(conn, build, "user_recommendations") == set()
        for table, damage, check in (
            ("user_recommendations", "update {t} set level = 4 where level = 3", "level_is_known"),
            (
                "user_recommendations",
                "update {t} set product_id = 'laptop' where rank = 1 and method = "
                "'best_sellers_lately' and list = 'for_you'",
                "keeps_to_the_rules",
            ),
            # a narrowed list may be shorter; one that no rule narrows may not
            ("rules_in_force", "delete from {t}", "lists_are_full"),
        ):
            with conn.transaction(force_rollback=True):
                relation = f'builds."{table}${build}"'
                if check == "lists_are_full":
                    short = f'builds."user_recommendations${build}"'
                    conn.execute(
                        f"delete from {short} where rank > 1 and list = 'for_you' and customer_id "
                        f"= (select min(customer_id) from {short})"
                    )
                    assert check not in failing(conn, build, "user_recommendations")
                    table = "user_recommendations"
                assert conn.execute(damage.replace("{t}", relation)).rowcount
                assert check in failing(conn, build, table)

    offered_nowhere("laptop", "north", "south")
    offered_nowhere("monitor", "south")
    assert rows(
        "select scope, count(*) from marts.popular_recommendations where shop_id = 'north' "
        "and rank = 1 and product_id = 'batteries' and rule = 'pinned to place 1' "
        "and scope <> 'category' group by 1 order by 1"
    ) == rows(
        "select scope, count(*) from marts.popular_recommendations where shop_id = 'north' "
        "and rank = 1 and scope <> 'category' group by 1 order by 1"
    )
    assert rows(
        "select distinct product_id, rule from marts.segment_recommendations "
        "where shop_id = 'north' and rank = 1"
    ) == [("batteries", "pinned to place 1")]

    # a second night: one shop's rule names what it has not; its lists of yesterday stand in,
    # without what is excluded since
    before = rows("select * from marts.user_recommendations order by 2, 3, 4, 5, 6")
    assert any(row[1] == "north" and "cable" in row for row in before)
    file.write_text(RULES.replace('"Accessories"', '"Acessories"').replace("to = 2018-12-31", ""))
    assert flow.refresh(holder="test").is_published
    status = rows(
        "select model, shop_id, outcome, reason from marts.model_status "
        "where model in ('recommend_best_sellers_lately', 'recommend_buy_again') order by 1, 2"
    )
    assert [(model.removeprefix("recommend_"), shop, what) for model, shop, what, _ in status] == [
        ("best_sellers_lately", "north", "failed"), ("best_sellers_lately", "south", "promoted"),
        ("buy_again", "north", "promoted"), ("buy_again", "south", "promoted"),  # not its rule
    ]  # fmt: skip
    columns = [name for (name,) in rows(COLUMNS)]
    stood_in = [dict(zip(columns, row, strict=True)) for row in before]
    stood_in = [r for r in stood_in if (r["shop_id"], r["method"]) == ("north", LATELY)]
    gone = [row for row in stood_in if row["product_id"] == "cable"]
    assert status[0][3] == (
        "Could not be trained, the rows of the published night stand in: include/rules.toml "
        "(shop north): rules[3].categories: the shop has no category 'Acessories'; "
        f"is 'Accessories' meant. {len(gone):,} of these rows named what the shop's rules take "
        "out since: they are gone, and their lists are shorter."
    )
    after = rows(
        "select list, customer_id, product_id, rank from marts.user_recommendations "
        f"where shop_id = 'north' and method = '{LATELY}' order by list, customer_id, rank"
    )
    kept = [
        (row["list"], row["customer_id"], row["product_id"])
        for row in sorted(stood_in, key=lambda r: (r["list"], r["customer_id"], r["rank"]))
        if row["product_id"] != "cable"
    ]
    assert [row[:3] for row in after] == kept
    assert {row[3] for row in after if row[3] == 1}
    offered_nowhere("cable", "north", "south")

    # what makes no sense for any shop opens no build
    builds = rows("select max(build_id) from marts.user_recommendations")
    file.write_text(RULES.replace('"south"', '"suoth"'))
    with pytest.raises(ConfigError, match=r"rules\[1\].shop_id = 'suoth': expected"):
        flow.refresh(holder="test")
    file.write_text(RULES.replace("marts.products", "marts.stock"))
    with pytest.raises(ConfigError, match="stock"):
        flow.refresh(holder="test")
    assert rows("select max(build_id) from marts.user_recommendations") == builds
