"""Whatever is asked, the API answers in order: no text is a defect, and no answer mixes nights."""

from __future__ import annotations

import random
import string
import threading

import httpx
import pytest

from ecorse import flow
from ecorse.refresh.publish import rollback
from ecorse.warehouse.connect import connect
from known_shop import CATALOGUE

BAD = [
    "'", '"', "\\", ";", "--", "/*", "%", "_", "{}", "[]", "null", "NaN", "-1", "0", "1e309",
    "\x00", "\u202e", "\ufeff", "\ud7ff", "😀", "ﷺ", "é", "<script>", "{{7*7}}", "${x}", "../",
    "\r\n", "\t", " ", "%2e%2e", "=cmd()", "@SUM(1)", "ORDER BY 1", "' or '1'='1",
    "'; select pg_sleep(9); --",
]  # fmt: skip
PATHS = (
    "/v1/products/{}", "/v1/products/{}/similar", "/v1/products/{}/bought-together",
    "/v1/customers/{}/recommendations", "/v1/customers/{}/segments", "/v1/segments/{}",
    "/v1/segments/rfm/{}/actions",
)  # fmt: skip
QUERIES = (
    ("/v1/popular", ("shop", "n", "cursor", "category", "price_band", "exclude", "scope", "value")),
    ("/v1/trending", ("shop", "n", "cursor", "direction", "category")),
    ("/v1/search", ("shop", "q", "n")),
    ("/v1/suggest", ("shop", "q", "n")),
    ("/v1/segments/rfm/1/customers", ("n", "cursor")),
)
FIELDS = ("shop", "basket", "session", "search", "customer", "list", "method", "category", "month",
          "daypart", "n", "bogus")  # fmt: skip


def texts(n: int) -> list[str]:
    """Each bad text, then mixtures of them and of letters."""
    dice = random.Random(7)
    found = list(BAD)
    while len(found) < n:
        parts = dice.choices([*BAD, *string.ascii_letters, "T1", "c01"], k=dice.randint(1, 8))
        found.append("".join(parts))
    return found


def test_no_text_is_a_defect(client):
    dice = random.Random(8)
    seen: dict[int, int] = {}

    def told(answer: httpx.Response) -> None:
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, answer.text
        answer.json()

    for text in texts(500):
        quoted = httpx.QueryParams({"x": text}).__str__()[2:].replace("+", "%20")
        told(client.get(dice.choice(PATHS).format(quoted)))
        path, names = dice.choice(QUERIES)
        told(client.get(path, params={dice.choice(names): text, dice.choice(names): text}))
        value = dice.choice([text, [text], [[text]], {text: text}, 10**30, -1, None, True, 1.5])
        told(client.post("/v1/recommendations", json={dice.choice(FIELDS): value, "n": 2}))
        told(client.post("/v1/recommendations", content=text.encode()))
    told(client.post("/v1/recommendations", content=b'{"search": ["\\ud800"]}'))
    told(client.get("/v1/products/%ff%fe"))
    assert {200, 404, 422} <= set(seen)


@pytest.fixture
def two_nights(night) -> tuple[int, int]:
    """The night, and one after it in which every list of best sellers is another."""
    with connect() as conn:
        conn.execute("update staging.order_lines set product_id = 'X' || product_id")
    second = flow.refresh(holder="test").build_id
    return night, second


def test_an_answer_is_of_one_night_while_nights_are_published(two_nights, client):
    first, second = two_nights
    own = {first: set(CATALOGUE), second: {f"X{product}" for product in CATALOGUE}}
    stop, failures, counts = threading.Event(), [], {first: 0, second: 0}

    def ask() -> None:
        with httpx.Client(
            base_url=client.base_url, headers=client.headers, trust_env=False, timeout=60
        ) as mine:
            while not stop.is_set():
                for asked in ("/v1/popular?scope=all&n=100", "/v1/trending?n=100"):
                    answer = mine.get(asked)
                    body = answer.json()
                    if answer.status_code != 200:
                        failures.append(answer.text)
                        return
                    build_id = body["build"]["build_id"]
                    counts[build_id] += 1
                    if {item["product_id"] for item in body["items"]} != own[build_id]:
                        failures.append(f"{asked} mixes nights: {answer.text[:300]}")
                        return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(50):
        rollback((first, second)[number % 2], holder="test")
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(counts.values()) > 20
