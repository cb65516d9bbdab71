"""What the API says is what the marts hold, for every product and customer."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from ecorse.warehouse.connect import connect
from known_shop import CATALOGUE, TEA

LISTS = ("for_you", "explore", "buy_again")


def select(query: str, *parameters: object) -> list[tuple]:
    with connect("app_reader") as conn:
        return conn.execute(query, parameters).fetchall()


def test_each_customer_gets_the_list_that_is_served(client, night):
    customers = [row[0] for row in select("select customer_id from marts.customers order by 1")]
    assert len(customers) == 40
    found = 0
    for customer in customers:
        for kind in LISTS:
            rows = select(
                "select rank, product_id, score, reason, method from marts.recommendations_served "
                "where customer_id = %s and list = %s order by rank limit 3",
                customer, kind,
            )  # fmt: skip
            path = f"/v1/customers/{customer}/recommendations"
            body = client.get(path, params={"list": kind, "n": 3}).json()
            told = [
                (item["rank"], item["product_id"], item["score"], item["reason"], body["method"])
                for item in body["items"]
            ]
            assert told == rows or (not rows and body["fallback"] == "popular")
            assert body["build"]["build_id"] == night
            found += len(rows)
    assert found > 200


def test_pages_follow_one_another_and_never_repeat(client):
    whole = client.get("/v1/popular", params={"scope": "all", "n": 100}).json()["items"]
    assert [item["rank"] for item in whole] == list(range(1, len(CATALOGUE) + 1))
    pages, cursor = [], None
    while True:
        asked = {"scope": "all", "n": 2} | ({"cursor": cursor} if cursor else {})
        body = client.get("/v1/popular", params=asked).json()
        pages.append(body["items"])
        cursor = body["next"]
        if cursor is None:
            break
    assert [len(page) for page in pages] == [2] * 5 + [1]
    assert [item for page in pages for item in page] == whole


def test_every_product_is_there_with_what_is_like_it(client):
    for product, (name, category, price) in CATALOGUE.items():
        body = client.get(f"/v1/products/{product}").json()
        assert (body["product_name"], body["category"]) == (name, category)
        assert body["price"] == float(price)
        rows = select(
            "select similar_product_id from marts.item_similarity_served where product_id = %s "
            "order by rank",
            product,
        )
        near = client.get(f"/v1/products/{product}/similar", params={"n": 100}).json()
        assert [item["product_id"] for item in near["items"]] == [row[0] for row in rows]
        assert product not in [item["product_id"] for item in near["items"]]


def test_bought_together_counts_the_baskets_of_both(client):
    baskets: dict[str, set[str]] = {}
    for order, product in select("select order_id, product_id from marts.order_lines"):
        baskets.setdefault(order, set()).add(product)
    body = client.get("/v1/products/T1/bought-together", params={"n": 100}).json()
    assert body["items"]
    for item in body["items"]:
        both = sum({"T1", item["product_id"]} <= held for held in baskets.values())
        assert item["evidence"]["together_baskets"] == both
        assert item["reason"].startswith(f"{both} of the ")


def test_filters_leave_out_what_does_not_fit(client):
    every = client.get("/v1/popular", params={"scope": "all", "n": 100}).json()["items"]
    tea = client.get("/v1/popular", params={"scope": "all", "n": 100, "category": "Tea"}).json()
    assert [i["product_id"] for i in tea["items"]] == [
        i["product_id"] for i in every if i["category"] == "Tea"
    ]
    asked = {"scope": "all", "n": 100, "exclude": ["T1", "C1"]}
    left = client.get("/v1/popular", params=asked).json()["items"]
    assert [i["product_id"] for i in left] == [
        i["product_id"] for i in every if i["product_id"] not in ("T1", "C1")
    ]


def test_a_basket_and_a_session_are_answered_at_once(client):
    for asked in ({"basket": ["T1", "T2"]}, {"session": ["T1", "t2"]}):
        body = client.post("/v1/recommendations", json=asked | {"n": 3}).json()
        ids = [item["product_id"] for item in body["items"]]
        assert len(ids) == 3
        assert not {"T1", "T2"} & set(ids)
        if "basket" in asked:
            assert set(ids) <= set(TEA)


ASKED = {
    "/v1/products/T1/bought-together": "basket",
    "/v1/products/T1/similar": "basket",
    "/v1/trending": "popular",
    "/v1/suggest?q=tea": "query",
    "/v1/search?q=tea": "query",
}


def test_what_a_rule_takes_out_is_offered_nowhere(client, start, night):
    def ids(path: str, client: httpx.Client = client) -> set[str]:
        return {item["product_id"] for item in client.get(path).json()["items"]}

    assert all("T2" in ids(path) for path in ASKED)
    with connect() as conn:
        for kind in ("basket", "popular", "query"):
            conn.execute(
                "insert into builds.ruled_products (build_id, shop_id, list, product_id, category,"
                " is_allowed, factor) values (%s, 'main', %s, 'T2', 'Tea', false, 1)",
                (night, kind),
            )
    other = start()  # the first keeps what it read of the night
    other.headers["Authorization"] = client.headers["Authorization"]
    for path in ASKED:
        found = ids(path, other)
        assert found, path
        assert "T2" not in found, path
    body = other.post("/v1/recommendations", json={"basket": ["T1"], "n": 10}).json()
    assert "T2" not in {item["product_id"] for item in body["items"]}


def test_best_sellers_in_place_of_a_list_keep_to_its_rules_and_come_in_pages(client, night):
    """c01, whose lists and the rows near to T1 are taken away, and a rule of each of the lists."""
    had = {row[0] for row in select("select product_id from marts.order_lines "
                                    "where customer_id = 'c01'")}  # fmt: skip
    with connect() as conn:
        conn.execute("delete from builds.user_recommendations where customer_id = 'c01'")
        conn.execute("delete from builds.item_similarity where product_id = 'T1'")
    best = client.get("/v1/popular", params={"scope": "lately", "n": 100}).json()["items"]
    tea = client.get("/v1/popular", params={"scope": "category", "value": "Tea"}).json()["items"]
    best, tea = ([item["product_id"] for item in items] for items in (best, tea))
    out, more = best[0], {"explore": had, "for_you": set(), "basket": {"T1"}}
    paths = {"explore": "/v1/customers/c01/recommendations?list=explore&",
             "for_you": "/v1/customers/c01/recommendations?list=for_you&",
             "basket": "/v1/products/T1/similar?"}  # fmt: skip
    for kind, path in paths.items():
        with connect() as conn:
            for product in {out, tea[0]}:
                conn.execute(
                    "insert into builds.ruled_products (build_id, shop_id, list, product_id,"
                    " category, is_allowed, factor) values (%s, 'main', %s, %s, 'x', false, 1)",
                    (night, kind, product),
                )
        found, cursor = [], ""
        while cursor is not None:
            # httpx drops what the path says where params are given, too
            body = client.get(f"{path}n=1" + (f"&cursor={cursor}" if cursor else "")).json()
            assert body["fallback"] in ("popular", "popular in category")
            found += [item["product_id"] for item in body["items"]]
            cursor = body["next"]
        of = tea if body["fallback"] == "popular in category" else best
        assert found == [p for p in of if p not in {out, tea[0]} | more[kind]], kind


def test_words_find_products_and_letters_suggest_them(client):
    body = client.get("/v1/search", params={"q": "black tea", "n": 1}).json()
    assert [item["product_id"] for item in body["items"]] == ["T2"]
    body = client.get("/v1/suggest", params={"q": "TEA P"}).json()
    assert [item["product_id"] for item in body["items"]] == ["T3"]
    assert client.get("/v1/suggest", params={"q": "100%_"}).json()["items"] == []


def test_segments_have_the_customers_that_the_mart_has(client):
    body = client.get("/v1/segments/rfm").json()
    assert {row["segment_id"] for row in body["items"]} == {
        row[0] for row in select("select segment_id from marts.segments where segmentation = 'rfm'")
    }
    total = 0
    for segment in body["items"]:
        path = f"/v1/segments/rfm/{segment['segment_id']}/customers"
        seen, cursor = [], None
        while True:
            asked = {"n": 7} | ({"cursor": cursor} if cursor else {})
            page = client.get(path, params=asked).json()
            seen += [row["customer_id"] for row in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == segment["members"]
        total += len(seen)
    assert total == 40


def test_a_customer_is_told_the_segments_of_the_mart(client):
    rows = select(
        "select segmentation, segment_name from marts.customer_segments where customer_id = 'c01' "
        "order by segmentation"
    )
    body = client.get("/v1/customers/c01/segments").json()
    assert [(row["segmentation"], row["segment_name"]) for row in body["items"]] == rows
    assert rows


@pytest.mark.parametrize(
    "text", ["'; drop view marts.shops; --", "../../etc/passwd", "%00", "é\u202e"]
)
def test_ids_are_values_and_nothing_else(client, text):
    answer = client.get(f"/v1/products/{quote(text, safe='')}")
    assert answer.status_code in (404, 422)
    assert client.get("/v1/shops").status_code == 200
