"""Fitted recommenders against their formulas, written out in dense numpy on a small shop."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from ecorse.errors import DataError
from ecorse.models.als_kernel import solve_rows
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.models.kernels import best_of_rows
from ecorse.recommenders import graph_filter
from ecorse.recommenders.als import Als, AlsConfig
from ecorse.recommenders.bpr import Bpr, BprConfig
from ecorse.recommenders.buy_again import BuyAgain, BuyAgainConfig
from ecorse.recommenders.content import Content, ContentConfig, words_of
from ecorse.recommenders.ease import Ease, EaseConfig
from ecorse.recommenders.graph_filter import GraphFilter, GraphFilterConfig
from ecorse.recommenders.item_knn import ItemKnn, ItemKnnConfig, nearest_by_cosine
from ecorse.recommenders.nearest import nearest_rows
from ecorse.recommenders.popular import Popular, PopularConfig
from ecorse.testing.shop import tiny_interactions

TASK = Task("recommend_tested", "main", seed=3)
SHOP = tiny_interactions()
R = (SHOP.matrix.toarray() > 0).astype(np.float64)
USERS, ITEMS = R.shape


def dense(model: object, rows: np.ndarray = R) -> np.ndarray:
    return np.asarray(model.score(sparse.csr_matrix(rows, dtype=np.float32)))  # type: ignore[attr-defined]


def test_ease_is_the_constrained_ridge_regression_of_each_column() -> None:
    # Steck 2019, eq. 1: min |X - XB|^2 + l |B|^2 with diag(B) = 0, column by column
    penalty = 7.0
    model = Ease(EaseConfig(penalty=penalty)).fit(SHOP, TASK)
    weights = np.zeros((ITEMS, ITEMS))
    for item in range(ITEMS):
        others = np.delete(np.arange(ITEMS), item)
        x = R[:, others]
        weights[others, item] = np.linalg.solve(
            x.T @ x + penalty * np.eye(ITEMS - 1), x.T @ R[:, item]
        )
    np.testing.assert_allclose(model.weights, weights, atol=1e-6)
    np.testing.assert_allclose(dense(model), R @ weights, atol=1e-5)


def test_ease_refuses_a_penalty_that_parts_no_products_of_the_same_customers() -> None:
    both = [(f"c{n}", product) for n in range(4) for product in "ab"]
    rows = pl.DataFrame(both, schema=["customer_id", "product_id"], orient="row").with_columns(
        at=pl.lit(datetime(2020, 1, 1))
    )
    data = Interactions.from_frames(rows.select("product_id"), rows)
    with pytest.raises(DataError, match=r"raise .*penalty of ease"):
        Ease(EaseConfig(penalty=1e-300)).fit(data, TASK)
    # with one that does: B = 4 / (4 + l) beside the diagonal
    weights = Ease(EaseConfig(penalty=4.0)).fit(data, TASK).weights
    np.testing.assert_allclose(weights, [[0, 0.5], [0.5, 0]], atol=1e-7)


@pytest.mark.parametrize(("many", "pairs"), [(1000, ITEMS**2), (1, ITEMS**2), (1, 0)])
def test_graph_filter_is_its_formula(monkeypatch, many: int, pairs: int) -> None:
    """A few rows by way of the customers, many by pairs of items, or where these are too many."""
    monkeypatch.setattr(graph_filter, "MANY_ROWS", many)
    monkeypatch.setattr(graph_filter, "MOST_PAIRS", pairs)
    config = GraphFilterConfig(
        rank=30, user_power=0.3, item_power=0.5, popularity_power=0.2, filter_power=0.7, rest=1.5
    )
    model = GraphFilter(config).fit(SHOP, TASK)
    of_user, of_item = R.sum(axis=1), R.sum(axis=0)
    safe_user, safe_item = np.maximum(of_user, 1), np.maximum(of_item, 1)  # R is 0 there
    n = R * safe_user[:, None] ** -0.3 * safe_item**-0.5
    _, s, vt = np.linalg.svd(n)
    values, vectors = (s[:30] / s[0]) ** 2, vt[:30].T
    low = vectors @ np.diag(values) @ vectors.T
    kernel = vectors @ np.diag(values**0.7) @ vectors.T + 1.5 * (n.T @ n / s[0] ** 2 - low)
    before, after = safe_item**-0.2, np.where(of_item > 0, safe_item**0.2, 0)
    expected = R @ (before[:, None] * kernel * after)
    np.testing.assert_allclose(dense(model), expected, atol=2e-4)
    assert (vars(model).get("_pairs") is not None) == (many == 1 and pairs > 0)


def test_pairs_of_items_are_whole_or_sparse_or_too_many(monkeypatch) -> None:
    model = GraphFilter(GraphFilterConfig())
    model.edges = sparse.random(200, 1300, 0.003, "csr", np.float32, np.random.default_rng(5))
    expected = model.edges.toarray().T @ model.edges.toarray()
    entries = 2 * int(np.square(np.diff(model.edges.indptr)).sum())
    for most, kind in (
        (1300**2, np.ndarray),
        (1300**2 - 1, sparse.csr_matrix),
        (entries, sparse.csr_matrix),
        (entries - 1, type(None)),
    ):
        monkeypatch.setattr(graph_filter, "MOST_PAIRS", most)
        vars(model).pop("_pairs", None)
        assert isinstance(model._pairs, kind)
        if model._pairs is not None:
            found = model._pairs if kind is np.ndarray else model._pairs.toarray()
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_graph_filter_of_full_rank_needs_no_rest() -> None:
    few = GraphFilter(GraphFilterConfig(rank=1000, filter_power=1, rest=0)).fit(SHOP, TASK)
    exact = GraphFilter(GraphFilterConfig(rank=1, filter_power=1, rest=1)).fit(SHOP, TASK)
    np.testing.assert_allclose(dense(few), dense(exact), atol=1e-4)


def test_als_solves_the_weighted_least_squares_of_each_row() -> None:
    config = AlsConfig(rank=5, penalty=2.0, confidence=3.0, rounds=4)
    model = Als(config).fit(SHOP, TASK)
    y = model.items[:, :5].astype(np.float64)
    assert not model.items[:, 5:].any()
    expected = np.zeros((USERS, 5))
    for user in range(USERS):
        c = 1 + 3.0 * R[user]
        if R[user].any():
            left = y.T @ np.diag(c) @ y + 2.0 * np.eye(5)
            expected[user] = np.linalg.solve(left, y.T @ (c * R[user]))
    np.testing.assert_allclose(dense(model), expected @ y.T, atol=1e-4)


def test_als_solves_from_wherever_a_row_is() -> None:
    random = np.random.default_rng(4)
    others = random.standard_normal((ITEMS, 16)).astype(np.float32)
    gram = (others.T @ others + 2 * np.eye(16)).astype(np.float32)
    rows = sparse.csr_matrix(R[:5])
    mine = random.standard_normal((5, 16)).astype(np.float32)
    confidence = np.full(rows.nnz, 4, np.float32)
    solve_rows(rows.indptr, rows.indices, confidence, others, gram, 0, 5, 30, mine)
    for row in range(5):
        held = others[R[row] > 0].astype(np.float64)
        expected = np.linalg.solve(gram + 3 * held.T @ held, 4 * held.sum(axis=0))
        np.testing.assert_allclose(mine[row], expected, atol=1e-4)


def test_bpr_gives_those_without_a_purchase_one_and_the_same_list() -> None:
    model = Bpr(BprConfig(rank=4, rounds=3)).fit(SHOP, TASK)
    nobody = np.flatnonzero(R.sum(axis=1) == 0)
    assert nobody.size == 1
    expected = np.lexsort((np.arange(ITEMS), -model.bias))[:5]
    assert model.recommend(nobody, 5).items[0].tolist() == expected.tolist()


def test_bpr_tells_no_reasons_from_its_files_either() -> None:
    model = Bpr(BprConfig(rank=4, rounds=3)).fit(SHOP, TASK)
    loaded = Bpr.load(model.dump(), model.config)
    some = np.arange(3)
    assert loaded.explain(some, loaded.recommend(some, 2)) is None


def test_als_lowers_what_it_minimises() -> None:
    def loss(rounds: int) -> float:
        model = Als(AlsConfig(rank=5, penalty=2.0, confidence=3.0, rounds=rounds)).fit(SHOP, TASK)
        y = model.items[:, :5].astype(np.float64)
        x = model._of(model.histories)[:, :5].astype(np.float64)
        c = 1 + 3.0 * R
        return float((c * (R - x @ y.T) ** 2).sum() + 2.0 * ((x**2).sum() + (y**2).sum()))

    losses = [loss(rounds) for rounds in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 1.02 * losses[-1]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shrink", [0.0, 4.0])
def test_nearest_rows_are_those_of_the_whole_product(shrink: float, threads: int) -> None:
    random = np.random.default_rng(8)
    left = sparse.random(40, 30, 0.3, "csr", np.float32, random)
    left.data = np.ceil(left.data * 4) / 4  # ties
    right = sparse.csr_matrix(left.T)
    found = nearest_rows(left, right, 5, shrink=shrink, threads=threads).toarray()
    scores = (left.astype(np.float64) @ right.astype(np.float64)).toarray()
    shared = (left.astype(bool).astype(int) @ right.astype(bool).astype(int)).toarray()
    scores = scores * np.where(shared > 0, shared / np.maximum(shared + shrink, 1), 0)
    np.fill_diagonal(scores, 0)
    for row in range(40):
        best = np.lexsort((np.arange(40), -scores[row]))[:5]
        expected = np.zeros(40)
        expected[best] = scores[row, best]
        np.testing.assert_allclose(found[row], expected, rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shrink", [0.0, 4.0])
@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_cosines_of_equal_weights_are_those_of_counts(
    weight: float, shrink: float, threads: int
) -> None:
    random = np.random.default_rng(3)
    owned = random.random((60, 40)) < 0.2
    owned[:, 7] = False  # of nobody
    rows = sparse.csr_matrix(weight * owned, dtype=np.float32)
    found = nearest_by_cosine(rows, 6, shrink=shrink, threads=threads).toarray()
    shared = owned.T.astype(int) @ owned
    lengths = np.sqrt(np.maximum(owned.sum(axis=0), 1))
    scores = shared / np.outer(lengths, lengths)
    scores *= np.where(shared > 0, shared / np.maximum(shared + shrink, 1), 0)
    np.fill_diagonal(scores, 0)
    for row in range(40):
        # sums of the same two numbers, so that ties are the same bits
        best = np.lexsort((np.arange(40), -np.round(scores[row], 12)))[:6]
        expected = np.zeros(40)
        expected[best] = scores[row, best]
        np.testing.assert_allclose(found[row], expected, rtol=1e-6)


def test_cosine_knn_is_the_cosine_of_columns() -> None:
    model = ItemKnn(ItemKnnConfig(similarity="cosine", neighbours=100)).fit(SHOP, TASK)
    lengths = np.sqrt((R**2).sum(axis=0))
    cosine = R.T @ R / np.maximum(np.outer(lengths, lengths), 1e-9)
    np.fill_diagonal(cosine, 0)
    np.testing.assert_allclose(dense(model), R @ cosine, atol=1e-5)


def test_the_kernel_keeps_the_first_of_equal_scores() -> None:
    scores = np.array([[1.0, 3, 3, 0, 3, -1, np.nan, 2], [0, 0, 0, 0, 0, 0, 0, 0]])
    items, values = np.empty((2, 3), np.int64), np.empty((2, 3))
    seen = sparse.csr_matrix(([1], ([0], [1])), shape=(2, 8))
    allowed = np.array([True] * 7 + [False])
    best_of_rows(scores.copy(), allowed, seen.indptr, seen.indices, items, values)
    assert items.tolist() == [[2, 4, 0], [-1, -1, -1]]
    assert values.tolist() == [[3, 3, 1], [0, 0, 0]]


@pytest.mark.parametrize("k", [1, 7, 50, 200])
def test_the_kernel_gives_what_sorting_gives(k: int) -> None:
    random = np.random.default_rng(k)
    scores = random.integers(-2, 12, (30, 150)) / 4  # many ties
    items, values = np.empty((30, k), np.int64), np.empty((30, k))
    nothing = sparse.csr_matrix(scores.shape)
    best_of_rows(scores.copy(), np.ones(150, bool), nothing.indptr, nothing.indices, items, values)
    for row in range(30):
        order = np.lexsort((np.arange(150), -scores[row]))
        best = order[scores[row, order] > 0][:k]
        assert items[row].tolist() == best.tolist() + [-1] * (k - len(best))
        assert values[row].tolist() == scores[row, best].tolist() + [0] * (k - len(best))


def test_nearest_rows_of_sums_that_come_back_to_nothing() -> None:
    left = sparse.csr_matrix(np.array([[1, -1, 2], [1, 1, 0], [2, 2, 1]], np.float32))
    right = sparse.csr_matrix(np.array([[1, 1, 1], [1, 1, 0], [0, 0.5, 1]], np.float32))
    # the product: [[0, 1, 3], [2, 2, 1], [4, 4.5, 3]]; 1 - 1 is nothing, and 0.5 comes after it
    found = nearest_rows(left, right, 2).toarray()
    assert found.tolist() == [[0, 1, 3], [2, 0, 1], [4, 4.5, 0]]


def _shop(rows: list[tuple[str, str, str]]) -> Interactions:
    """Customer, product and day of purchases, one order each."""
    frame = pl.DataFrame(
        {
            "customer_id": [row[0] for row in rows],
            "product_id": [row[1] for row in rows],
            "at": [datetime.fromisoformat(row[2]) for row in rows],
            "basket_id": [str(number) for number in range(len(rows))],
        }
    )
    return Interactions.from_frames(frame.select("product_id").unique(), frame)


def test_buy_again_by_hand() -> None:
    shop = _shop(
        [
            ("ann", "milk", "2024-01-01 09:00"),
            ("ann", "milk", "2024-01-11 09:00"),
            ("ann", "milk", "2024-01-11 20:00"),  # the same day counts once
            ("ann", "lamp", "2024-01-21 10:00"),
            ("bob", "milk", "2024-01-01 10:00"),
            ("bob", "milk", "2024-01-21 10:00"),
        ]
    )
    model = BuyAgain(BuyAgainConfig(half_life_days=10, least_repeats=2)).fit(shop, TASK)
    ranked = model.recommend(np.arange(2), 3)
    lamp, milk = 0, 1
    # ann: lamp today 1; milk 20 days ago 0.25 and 10 days ago 0.5. bob: 0.25 and today 1
    assert ranked.items.tolist() == [[lamp, milk, -1], [milk, -1, -1]]
    np.testing.assert_allclose(ranked.scores, [[1, 0.75, 0], [1.25, 0, 0]])
    # milk came back after 10 and after 20 days; lamp never
    assert np.isnan(model.interval[lamp])
    assert model.interval[milk] == 15
    told = model.explain(np.arange(2), ranked)
    assert told["sentence"].to_list() == [
        "Bought once, last on the data's last day",
        "Bought on 2 days, last 10 days ago; others buy it again after 15 days",
        "Bought on 2 days, last on the data's last day; others buy it again after 15 days",
    ]


@pytest.mark.parametrize(("least_due", "anns", "bobs"), [(0.6, [0, 1], [-1]), (0.7, [0], [-1])])
def test_what_was_bought_too_lately_is_not_due(least_due, anns, bobs) -> None:
    shop = _shop(
        [
            ("ann", "milk", "2024-01-01 09:00"),
            ("ann", "milk", "2024-01-11 09:00"),
            ("ann", "lamp", "2024-01-21 10:00"),
            ("bob", "milk", "2024-01-01 10:00"),
            ("bob", "milk", "2024-01-21 10:00"),
        ]
    )
    config = BuyAgainConfig(half_life_days=10, least_repeats=2, least_due=least_due)
    ranked = BuyAgain(config).fit(shop, TASK).recommend(np.arange(2), 2)
    # milk comes back after 15 days in the middle: ann's is 10 days old, bob's of today. A lamp that
    # nobody bought twice has no interval
    assert [item for item in ranked.items[0] if item >= 0] == anns
    assert [item for item in ranked.items[1] if item >= 0] == [b for b in bobs if b >= 0]


def test_popular_of_late_by_hand() -> None:
    shop = _shop(
        [
            ("ann", "sled", "2024-01-01 00:00"),
            ("bob", "sled", "2024-01-01 00:00"),
            ("cem", "sled", "2024-01-01 00:00"),
            ("ann", "fan", "2024-01-21 00:00"),
        ]
    )
    ever = Popular(PopularConfig()).fit(shop, TASK)
    late = Popular(PopularConfig(half_life_days=10)).fit(shop, TASK)
    fan, sled = 0, 1
    assert ever.recommend(np.array([0]), 2).items.tolist() == [[sled, fan]]
    ranked = late.recommend(np.array([0]), 2)
    assert ranked.items.tolist() == [[fan, sled]]
    np.testing.assert_allclose(ranked.scores, [[1, 0.75]])  # 3 orders of two half-lives ago


def test_words_are_without_markup() -> None:
    text = "<p>Oil &amp; Vinegar</p><script>var x</script> &lt;b&gt;2 x 500ml&lt;/b&gt; l'été"
    assert words_of(text) == ["oil", "vinegar", "500ml", "l'été"]


def test_a_word_said_twice_counts_more_by_a_logarithm() -> None:
    items = pl.DataFrame({"product_id": ["a", "b"], "product_name": ["tea tea cup", "mug"]})
    rows = pl.DataFrame({"product_id": ["a"], "customer_id": ["ann"], "at": [datetime(2024, 1, 1)]})
    config = ContentConfig(least_products=1, most_share=1)
    model = Content(config).fit(Interactions.from_frames(items, rows), TASK)
    weights = dict(zip(model.words, model.vectors[0].toarray()[0], strict=True))
    assert weights["tea"] / weights["cup"] == pytest.approx(1 + np.log(2), abs=1e-6)


def test_products_described_alike_are_near() -> None:
    items = pl.DataFrame(
        {
            "product_id": ["a", "b", "c", "d"],
            "product_name": ["Red silk scarf", "Blue silk scarf", "Steel pan", None],
        }
    )
    rows = pl.DataFrame({"product_id": ["a"], "customer_id": ["ann"], "at": [datetime(2024, 1, 1)]})
    shop = Interactions.from_frames(items, rows)
    model = Content(ContentConfig(least_products=1, most_share=0.9)).fit(shop, TASK)
    near = model.similar(np.arange(4), 2)
    assert near.items.tolist() == [[1, -1], [0, -1], [-1, -1], [-1, -1]]
    # idf ln(5/(1+n))+1: scarf and silk in two products, red and blue in one
    shared, own = np.log(5 / 3) + 1, np.log(5 / 2) + 1
    np.testing.assert_allclose(
        near.scores[0, 0], 2 * shared**2 / (2 * shared**2 + own**2), atol=1e-6
    )
    assert model.keywords(0)[0] == "red"
    assert model.recommend(np.array([0]), 3, seen=shop.matrix).items.tolist() == [[1, -1, -1]]


def test_popular_of_the_last_days_by_hand() -> None:
    shop = _shop(
        [
            ("ann", "sled", "2024-01-01 00:00"),
            ("bob", "sled", "2024-01-11 00:00"),  # ten days before the last: not within them
            ("cem", "fan", "2024-01-12 00:00"),
            ("dea", "sled", "2024-01-15 00:00"),
            ("ann", "fan", "2024-01-21 00:00"),
        ]
    )
    model = Popular(PopularConfig(days=10)).fit(shop, TASK)
    ranked = model.recommend(np.array([0]), 2)
    assert ranked.items.tolist() == [[0, 1]]
    np.testing.assert_allclose(ranked.scores, [[2 / 3, 1 / 3]])


def test_a_product_without_a_sale_is_near_what_it_is_described_like() -> None:
    items = pl.DataFrame(
        {
            "product_id": ["kettle", "mug", "new", "scarf", "teapot"],
            "product_name": ["Kettle", "Mug", "Novelty", "Scarf", "Teapot"],
            "description": [
                "<p>Boils <b>water</b> fast</p>",
                "<div class='water'>Stoneware</div>",
                "<p>Stoneware&nbsp;glaze</p>",
                "<p>Wool</p>",
                "<p>Stoneware glaze</p>",
            ],
            "category": ["kitchen", "kitchen", None, "clothes", "kitchen"],
        }
    )
    rows = pl.DataFrame(
        {"product_id": ["teapot", "kettle"], "customer_id": ["ann", "bob"],
         "at": [datetime(2024, 1, 1)] * 2}
    )  # fmt: skip
    shop = Interactions.from_frames(items, rows)
    model = Content(ContentConfig(most_share=0.9)).fit(shop, TASK)
    # words of two products or more, and no markup: neither "water" nor "class" is shared
    assert model.words == ["category: kitchen", "glaze", "stoneware"]
    assert model.similar(np.array([2]), 3).items.tolist() == [[4, 1, -1]]
    assert model.keywords(2) == ["glaze", "stoneware"]
    # ann has the teapot: the new product comes before what is only of its category
    assert model.recommend(np.array([0]), 3, seen=shop.matrix[[0]]).items[0, 0] == 2
