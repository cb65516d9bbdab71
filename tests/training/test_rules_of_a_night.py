"""Nights under ``include/rules.toml``: read from marts and staging, kept to, recorded, refused."""

from __future__ import annotations

import pytest

from ecorse import flow
from ecorse.errors import ConfigError
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


def rows(query: str) -> list[tuple]:
    with connect("bi_reader") as conn:
        return conn.execute(query.encode()).fetchall()


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
        "select shop_id, rule_number, rule, products, is_narrowing from marts.list_rules "
        "where method = 'best_sellers_lately' and list = 'for_you' order by 1, 2"
    ) == [
        ("north", 0, "exclude", 1, True), ("north", 2, "pin", 1, False),
        ("north", 3, "boost", 2, False),
        ("south", 0, "exclude", 1, True), ("south", 1, "exclude", 1, True),
    ]  # fmt: skip

    with connect() as conn:  # each check finds its damage
        build = summary.build_id
        assert failing(conn, build, "list_rules") == set()
        assert failing(conn, build, "user_recommendations") == set()
        for table, damage, check in (
            ("list_rules", "update {t} set rule = 'x'", "rule_is_known"),
            ("list_rules", "update {t} set products = -1", "products_in_range"),
            ("user_recommendations", "update {t} set level = 4 where level = 3", "level_is_known"),
            # a narrowed list may be shorter; one that no rule narrows may not
            ("list_rules", "delete from {t}", "lists_are_full"),
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

    # a second night: one shop's rule names what it has not; its lists of yesterday stand in
    before = rows("select * from marts.user_recommendations order by 2, 3, 4, 5, 6")
    file.write_text(RULES.replace('"Accessories"', '"Acessories"'))
    assert flow.refresh(holder="test").is_published
    status = rows(
        "select model, shop_id, outcome, reason from marts.model_status "
        "where model in ('recommend_best_sellers_lately', 'recommend_buy_again') order by 1, 2"
    )
    assert [(model.removeprefix("recommend_"), shop, what) for model, shop, what, _ in status] == [
        ("best_sellers_lately", "north", "failed"), ("best_sellers_lately", "south", "promoted"),
        ("buy_again", "north", "promoted"), ("buy_again", "south", "promoted"),  # not its rule
    ]  # fmt: skip
    assert status[0][3] == (
        "Could not be trained, the rows of the published night stand in: include/rules.toml "
        "(shop north): rules[3].categories: the shop has no category 'Acessories'; "
        "is 'Accessories' meant."
    )
    after = rows("select * from marts.user_recommendations order by 2, 3, 4, 5, 6")
    north = [[row[1:] for row in night if row[1] == "north"] for night in (before, after)]
    assert north[0] == north[1]

    # what makes no sense for any shop opens no build
    builds = rows("select max(build_id) from marts.user_recommendations")
    file.write_text(RULES.replace('"south"', '"suoth"'))
    with pytest.raises(ConfigError, match=r"rules\[1\].shop_id = 'suoth': expected"):
        flow.refresh(holder="test")
    file.write_text(RULES.replace("marts.products", "marts.stock"))
    with pytest.raises(ConfigError, match="stock"):
        flow.refresh(holder="test")
    assert rows("select max(build_id) from marts.user_recommendations") == builds
