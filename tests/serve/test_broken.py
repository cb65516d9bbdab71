"""What broke the API once: each is answered in order."""

from __future__ import annotations

import base64
import json
import socket
import threading
from urllib.parse import quote

import httpx
import pytest

from api_server import problem
from ecorse import flow
from ecorse.serve import around
from ecorse.serve.keys import make_key
from ecorse.warehouse.connect import connect

LISTS = (
    "/v1/popular?scope=all&n=2",
    "/v1/popular?scope=lately&n=2",
    "/v1/popular?scope=all&n=2&category=Tools",
    "/v1/trending?n=2",
    "/v1/segments/rfm/1/customers?n=2",
    "/v1/customers/c01/recommendations?n=2",
    "/v1/customers/c02/recommendations?n=2",
)
ODD = ("a/b", "c/recommendations", " x ", "50% off?", "é\u202e'\"", "t1", "#1", "n" * 400)


def pages(client: httpx.Client, path: str) -> list[list[str]]:
    """The products of every page of a list, two at a time."""
    found, cursor = [], None
    while True:
        asked = {"n": "2"} | ({"cursor": cursor} if cursor else {})
        answer = client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        found.append([item["product_id"] for item in answer.json()["items"]])
        cursor = answer.json()["next"]
        if cursor is None:
            return found


def test_a_cursor_is_of_its_own_list_and_of_no_other(client):
    """It once began another list in the middle, or was a defect."""
    given = {path: client.get(path).json()["next"] for path in LISTS}
    assert all(given.values())
    for path, cursor in given.items():
        for other in LISTS:
            url = httpx.URL(other).copy_merge_params({"cursor": cursor})
            if other == path:
                assert client.get(url).status_code == 200
            else:
                assert "query.cursor" in problem(client.get(url), 422)


@pytest.mark.parametrize("path", LISTS)
def test_no_cursor_is_a_defect(client, night, path):
    whole = base64.urlsafe_b64decode(client.get(path).json()["next"])
    _, mark, last = json.loads(whole)
    other = -7 if isinstance(last, str) else "c01"
    for odd in (other, {"a": 1}, [1], True, None, 2.5, "\0", "\ud800", float("inf")):
        for cursor in ([night, mark, odd], [night, odd, last], [odd, mark, last], [odd], odd):
            told = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
            url = httpx.URL(path).copy_merge_params({"cursor": told})
            assert client.get(url).status_code in (410, 422), cursor


def test_what_stands_in_for_a_list_has_pages_too(client, night):
    """The second page of best sellers was empty where a customer has no list."""
    with connect() as conn:
        conn.execute(
            f'delete from builds."user_recommendations" where build_id = {night} '
            "and customer_id = 'c01'"
        )
    first = client.get("/v1/customers/c01/recommendations", params={"n": 2}).json()
    assert first["fallback"] == "popular"
    told = pages(client, "/v1/customers/c01/recommendations")
    assert told == pages(client, "/v1/popular")
    assert len(told) > 2


def test_a_shop_that_serves_nothing_to_explore_answers_sessions(client, night):
    """Where every customer had everything, or nobody is known: the products' own model answers."""
    with connect() as conn:
        conn.execute(
            f"delete from builds.served_model where build_id = {night} and list = 'explore'"
        )
    asked = {"session": ["C1", "T1"], "n": 3}
    answer = client.post("/v1/recommendations", json=asked)
    assert answer.status_code == 200, answer.text
    assert {item["source"] for item in answer.json()["items"]} == {"item_similarity"}
    assert client.post("/v1/recommendations", json=asked | {"list": "explore"}).is_success


@pytest.mark.parametrize("given", ['W/"{}"', '"0", "{}"', '"{}","x"', 'W/"0" , W/"{}"', "*"])
def test_each_form_of_a_tag_that_the_client_has_is_304(client, night, given):
    for method in ("GET", "HEAD"):
        headers = {"If-None-Match": given.format(night)}
        answer = client.request(method, "/v1/popular", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == f'"{night}"'
    for other in ('"0"', str(night), f'"{night}0"', "", '"'):
        answer = client.get("/v1/popular", headers={"If-None-Match": other})
        assert answer.json()["items"]


def test_what_is_not_there_or_is_wrong_is_never_304(client, night):
    headers = {"If-None-Match": f'"{night}"'}
    problem(client.get("/v1/products/none", headers=headers), 404)
    problem(client.get("/v1/popular?bogus=1", headers=headers), 422)


def test_head_is_get_without_its_body(client):
    for path in ("/health/live", "/health/ready", "/metrics", "/v1/popular", "/v1/products/T1"):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert head.headers.get("etag") == whole.headers.get("etag")
    assert client.head("/v1/products/none").status_code == 404
    assert client.head("/v1/recommendations").status_code == 405
    assert 'method="HEAD",route="/v1/popular",status="200"' in client.get("/metrics").text


@pytest.mark.parametrize("n", ["NaN", "1e999", "-Infinity"])
def test_numbers_that_json_has_not_are_told_as_text(client, n):
    body = f'{{"basket": ["T1"], "n": {n}}}'.encode()
    answer = client.post(
        "/v1/recommendations", content=body, headers={"Content-Type": "application/json"}
    )
    problem(answer, 422)
    got = json.loads(answer.text, parse_constant=pytest.fail)["errors"][0]["got"]
    assert got in ("nan", "inf", "-inf")


@pytest.mark.parametrize(
    "asked", ["scope=category", "scope=month", "scope=daypart", "scope=lately&value=x", "value=1"]
)
def test_best_sellers_of_nothing_in_particular_are_asked_about(client, asked):
    assert "query.value" in problem(client.get(f"/v1/popular?{asked}"), 422)


def test_a_body_that_does_not_come_is_not_waited_for(start, monkeypatch):
    monkeypatch.setattr(around, "BODY_SECONDS", 0.3)
    client = start()
    with socket.create_connection((client.base_url.host, client.base_url.port), 20) as slow:
        slow.sendall(
            b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        )
        told = b""
        while part := slow.recv(65536):
            told += part
    assert told.startswith(b"HTTP/1.1 408 ")
    assert client.get("/health/live").status_code == 200


def test_ids_of_any_letters_are_found(night, start):
    """Ids with slashes were no address; of ``t1`` and ``T1`` the other was answered for."""
    with connect() as conn:
        for number, odd in enumerate(ODD):
            conn.execute(
                "update staging.order_lines set product_id = %s, product_name = %s "
                "where customer_id = %s and product_id = (select min(product_id) from "
                "staging.order_lines where customer_id = %s)",
                (odd, f"Odd {number}", f"c{2 * number + 1:02}", f"c{2 * number + 1:02}"),
            )
            conn.execute(
                "update staging.order_lines set customer_id = %s where customer_id = %s",
                (odd, f"c{2 * number + 1:02}"),
            )
        rows = conn.execute("select distinct product_id from staging.order_lines").fetchall()
        assert {*ODD} <= {product for (product,) in rows}
    flow.refresh(holder="test")
    client = start()
    client.headers["Authorization"] = f"Bearer {make_key('odd', ['read', 'customers'])}"
    for odd in ODD:
        product = client.get(f"/v1/products/{quote(odd, safe='')}")
        assert product.json()["product_id"] == odd
        for more in ("similar", "bought-together"):
            answer = client.get(f"/v1/products/{quote(odd, safe='')}/{more}")
            assert answer.status_code == 200, (odd, answer.text)
        lists = client.get(f"/v1/customers/{quote(odd, safe='')}/recommendations?n=1").json()
        assert lists["fallback"] is None
        assert client.get(f"/v1/customers/{quote(odd, safe='')}/segments").json()["items"]
        body = client.post("/v1/recommendations", json={"basket": [odd], "n": 30}).json()
        assert odd not in [item["product_id"] for item in body["items"]]
    body = client.post("/v1/recommendations", json={"basket": ["t1"], "n": 30}).json()
    assert "T1" in [item["product_id"] for item in body["items"]]


def test_it_comes_back_by_itself_when_the_warehouse_does(client, postgres):
    """No answer was another than 200 and 503, to eight clients at once."""
    seen: list[tuple[str, int]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(
            base_url=client.base_url, headers=client.headers, trust_env=False, timeout=60
        ) as mine:
            while not stop.is_set():
                told = mine.post("/v1/recommendations", json={"basket": ["T1"]})
                seen.append(("ask", told.status_code))
                seen.append(("list", mine.get("/v1/popular").status_code))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        postgres.stop()
        try:
            assert client.get("/health/live").status_code == 200
            metrics = client.get("/metrics")
            assert metrics.status_code == 200
            assert "ecorse_api_requests_total" in metrics.text
            assert "ecorse_published_build" not in metrics.text
            problem(client.get("/health/ready"), 503)
        finally:
            postgres.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for _, status in seen} == {200, 503}
    for _ in range(20):
        answers = [client.get("/health/ready"), client.get("/v1/popular")]
        answers.append(client.post("/v1/recommendations", json={"basket": ["T1"]}))
        if {answer.status_code for answer in answers} == {200}:
            return
        stop.wait(1)
    pytest.fail("\n".join(answer.text for answer in answers))
