"""Who may ask what, how often, and how mistakes are told."""

from __future__ import annotations

import base64
import json

import pytest

from api_server import problem, served
from ecorse.errors import ConfigError
from ecorse.serve.app import create_app
from ecorse.serve.keys import hash_of, list_keys, make_key, revoke_key
from ecorse.serve.limits import RateLimit
from ecorse.warehouse.connect import connect

OPEN = ("/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json")
READ = ("/v1/build", "/v1/shops", "/v1/models", "/v1/products/T1", "/v1/popular", "/v1/trending",
        "/v1/segments/rfm", "/v1/search?q=tea", "/v1/suggest?q=tea")  # fmt: skip
CUSTOMERS = ("/v1/customers/c01/recommendations", "/v1/customers/c01/segments",
             "/v1/segments/rfm/1/customers")  # fmt: skip


def test_without_a_key_only_health_is_told(start):
    client = start()
    for path in OPEN:
        assert client.get(path).status_code == 200, path
    for path in (*READ, *CUSTOMERS):
        answer = client.get(path)
        assert "A key is needed" in problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_every_route_of_v1_asks_for_a_key(start):
    client = start()
    paths = client.get("/openapi.json").json()["paths"]
    assert len(paths) > 15
    for path, verbs in paths.items():
        for verb in verbs:
            filled = path.replace("{segment_id}", "1").replace("{", "").replace("}", "")
            status = client.request(verb, filled).status_code
            assert (status == 401) == path.startswith("/v1"), (verb, path)


def test_a_key_opens_what_its_scopes_say(start):
    client = start()
    client.headers["Authorization"] = f"Bearer {make_key('read only', ['read'])}"
    for path in READ:
        assert client.get(path).status_code == 200, path
    for path in CUSTOMERS:
        assert "has not the scope customers" in problem(client.get(path), 403)
    asked = {"customer": "c01"}
    assert "customers" in problem(client.post("/v1/recommendations", json=asked), 403)


def test_a_key_that_was_taken_back_or_never_made_opens_nothing(start):
    client = start()
    key = make_key("short", ["read"])
    client.headers["Authorization"] = f"Bearer {key}"
    assert client.get("/v1/shops").status_code == 200
    revoke_key("short")
    assert "opens nothing" in problem(client.get("/v1/shops"), 401)
    client.headers["Authorization"] = f"Bearer {key[:-1]}"
    assert "opens nothing" in problem(client.get("/v1/shops"), 401)


def test_only_hashes_are_kept_and_readers_cannot_list_them(night):
    key = make_key("web", ["read", "customers"])
    with connect() as conn:
        rows = conn.execute("select key_name, sha256, scopes from api.key").fetchall()
    assert rows == [("web", hash_of(key), ["customers", "read"])]
    assert key not in str(list_keys().to_dicts())
    for role in ("app_reader", "bi_reader"):
        with connect(role) as conn, pytest.raises(Exception, match="permission denied"):
            conn.execute("select * from api.key")


def test_a_name_is_taken_once_and_unknown_scopes_are_refused(night):
    make_key("web", ["read"])
    with pytest.raises(ConfigError, match="There is a key 'web'"):
        make_key("web", ["read"])
    revoke_key("web")
    make_key("web", ["read"])
    with pytest.raises(ConfigError, match="no scope write"):
        make_key("other", ["write"])
    with pytest.raises(ConfigError, match="no key 'nobody'"):
        revoke_key("nobody")


def test_who_asks_too_often_is_told_when_to_come_back(start):
    client = start(api_burst=3, api_rate=0.01)
    client.headers["Authorization"] = f"Bearer {make_key('quick', ['read'])}"
    assert [client.get("/v1/build").status_code for _ in range(3)] == [200] * 3
    answer = client.get("/v1/build")
    assert "asks too often" in problem(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 100


def test_a_bucket_fills_up_again_to_its_burst():
    now = [0.0]
    limit = RateLimit(2.0, 3, lambda: now[0])
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limit.wait("b") == 0
    now[0] = 0.5  # one token
    assert [limit.wait("a") for _ in range(2)] == [0, 1]
    now[0] = 1000.0
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/popular?bogus=1", "query.bogus"),
        ("/v1/popular?n=0", "query.n"),
        ("/v1/popular?n=ten", "query.n"),
        ("/v1/popular?scope=week", "query.scope"),
        ("/v1/popular?cursor=abc", "query.cursor"),
        ("/v1/trending?direction=up", "query.direction"),
        ("/v1/segments/rfm/one/customers", "path.segment_id"),
        ("/v1/search", "query.q"),
        ("/v1/customers/c01/recommendations?list=all", "query.list"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_was_expected(client, path, where):
    answer = client.get(path)
    assert where in problem(answer, 422)
    assert answer.json()["errors"][0]["where"] == where
    assert answer.json()["errors"][0]["expected"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/products/none", "no product 'none'"),
        ("/v1/customers/none/recommendations", "no customer 'none'"),
        ("/v1/segments/none", "no segmentation 'none'. It has "),
        ("/v1/segments/rfm/999/actions", "no segment of rfm '999'. It has "),
        ("/v1/popular?shop=none", "no shop 'none'. It has main."),
        ("/v1/none", "Not Found"),
    ],
)
def test_what_the_night_has_not_is_404_with_what_it_has(client, path, told):
    assert told in problem(client.get(path), 404)


def test_a_night_that_the_client_has_is_not_sent_again(client, night):
    answer = client.get("/v1/popular")
    assert answer.headers["etag"] == f'"{night}"'
    again = client.get("/v1/popular", headers={"If-None-Match": f'"{night}"'})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/v1/popular", headers={"If-None-Match": '"0"'})
    assert other.json() == answer.json()


def test_a_cursor_of_another_night_is_refused(client, night):
    following = client.get("/v1/popular?scope=all&n=2").json()["next"]
    build, mark, last = json.loads(base64.urlsafe_b64decode(following))
    assert (build, last) == (night, 2)
    old = base64.urlsafe_b64encode(json.dumps([night - 1, mark, last]).encode()).decode()
    told = problem(client.get("/v1/popular", params={"cursor": old}), 410)
    assert "begin with the first page" in told


def test_a_large_body_is_refused_whether_announced_or_not(client):
    big = b'{"basket": ["' + b"x" * (2 << 20) + b'"]}'
    assert "1,048,576" in problem(client.post("/v1/recommendations", content=big), 413)
    parts = (big[at : at + 65536] for at in range(0, len(big), 65536))
    assert "1,048,576" in problem(client.post("/v1/recommendations", content=parts), 413)


def test_without_a_night_it_lives_and_is_not_ready(warehouse):
    with served(create_app()) as client:
        assert client.get("/health/live").status_code == 200
        answer = client.get("/health/ready")
        assert "No night is published" in problem(answer, 503)


def test_metrics_count_requests_by_route_and_status(client, night):
    for _ in range(3):
        client.get("/v1/products/T1")
    client.get("/v1/products/none")
    text = client.get("/metrics").text
    name = 'ecorse_api_requests_total{method="GET",route="/v1/products/{product_id}",status='
    assert f'{name}"200"}} 3\n' in text
    assert f'{name}"404"}} 1\n' in text
    assert f"ecorse_published_build {night}\n" in text
