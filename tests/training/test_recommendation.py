"""Nights of a recommender: judged on the latest baskets, promoted, held or refused, told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ecorse import declared
from ecorse.errors import ConfigError, DataError, ModelRejected
from ecorse.models.base import Champion, NoParameters, Recommender
from ecorse.models.declaration import Declaration
from ecorse.models.ranked import Ranked, top_k_sparse
from ecorse.models.recommender_file import RecommenderFile
from ecorse.recommenders.buy_again import BuyAgain
from ecorse.training.recommendation import check_segmentations
from ecorse.training.run import run_model

START = datetime(2019, 1, 1)
TWELVE = pl.DataFrame({"product_id": list("ABCDEFGHIJKL"), "product_name": list("abcdefghijkl")})
PAIRS = "AB CD EF GH IJ KL"


def night(pairs: str) -> pl.DataFrame:
    """400 orders on 400 days; order n holds the letters that ``pairs`` cycles to."""
    both = pairs.split()
    rows = [
        (f"o{n:03}", item, START + timedelta(days=n))
        for n in range(400)
        for item in both[n % len(both)]
    ]
    return pl.DataFrame(rows, schema=["basket_id", "product_id", "at"], orient="row")


@pytest.fixture(scope="module")
def run(declare):
    """One night of co-purchases, judged by the first product named."""

    def one(lines, catalogue=TWELVE, champion=None, **changes):
        changes = {"holdout": {"hits_at": 1}, "gate": {"min_cases": 50}} | changes
        declaration = declare("recommend_co_purchase", **changes)
        return run_model(declaration, "s", {"products": catalogue, "interactions": lines}, champion)

    return one


@pytest.fixture(scope="module")
def good(run):
    return run(night(PAIRS))


def published(result, **metrics) -> Champion:
    return Champion(7, result.artifact, json.loads(json.dumps({**result.metrics, **metrics})))


def rows_of(result) -> pl.DataFrame:
    return result.frame("item_similarity")


def random_orders_after(day: datetime) -> pl.DataFrame:
    """The good year, whose orders after a day are put together from two and a half others."""
    late = "late" + (pl.int_range(pl.len()) // 5).cast(pl.String)
    return night(PAIRS).with_columns(
        basket_id=pl.when(pl.col("at") > day).then(late).otherwise("basket_id")
    )


# ---------------------------------------------------------------------------- decisions


def test_first_night_is_promoted_with_its_hit_rate(good):
    assert good.decision.outcome == "promoted"
    # the hidden half of a pair is always its neighbour: 80 later orders of 2 products
    assert good.metrics["figure"] == {"value": 1.0, "cases": 160, "standard_error": 0.0}
    # best sellers name A or B to everyone: right for the pair AB
    assert good.decision.numbers["baselines"]["popular"] == pytest.approx(1 / 6, abs=0.02)
    assert "popular 0.1" in good.decision.reason
    assert len(good.data_hash) == 64


def test_large_drop_keeps_the_published_table(run, good):
    held = run(random_orders_after(datetime(2019, 11, 1)), champion=published(good))
    assert held.decision.outcome == "held"
    numbers = held.decision.numbers
    assert numbers["figure"]["value"] < numbers["lowest_allowed"] < 1.0
    assert rows_of(held).equals(rows_of(good))
    assert held.artifact == good.artifact
    assert held.metrics == good.metrics  # the next night is measured against what is served


def test_a_drop_on_too_few_cases_is_promoted(run, good):
    worse = random_orders_after(datetime(2019, 11, 1))
    result = run(worse, champion=published(good), gate={"min_cases": 5000})
    assert result.decision.outcome == "promoted"
    assert "too few cases to judge by" in result.decision.reason


def test_held_table_has_no_product_that_left_and_flags_the_new(run, good):
    new = pl.DataFrame({"product_id": ["Z"], "product_name": ["z"]})
    catalogue = pl.concat([TWELVE.filter(pl.col("product_id") != "B"), new])
    random_pairs = " ".join(f"A{other}" for other in "CDEFGHIJKL")
    held = run(night(random_pairs), catalogue, published(good))
    assert held.decision.outcome == "held"
    rows = rows_of(held)
    assert "B" not in [*rows["product_id"], *rows["similar_product_id"]]
    assert set(rows["product_id"]) == set(catalogue["product_id"])
    flagged = rows.filter(pl.col("relation") == "popular")
    assert flagged["product_id"].unique().sort().to_list() == ["A", "Z"]  # A had only B
    kept = rows.filter(pl.col("relation") != "popular")
    pairs = zip(kept["product_id"], kept["similar_product_id"], strict=True)
    assert set(pairs) == {(p[i], p[1 - i]) for p in PAIRS.split()[1:] for i in (0, 1)}


def test_ranks_close_up_over_a_product_that_left(run):
    # A meets B most, then C, then D
    first = run(night("AB AB AB AC AC AD EF GH IJ KL"))
    before = rows_of(first).filter(product_id="A")["similar_product_id"].to_list()
    assert before == ["B", "C", "D"]
    champion = published(first, figure={"value": 1.0, "cases": 9999, "standard_error": 0.0})
    held = run(night("A C D E F G"), TWELVE.filter(pl.col("product_id") != "B"), champion)
    assert held.decision.outcome == "promoted"  # without cases nothing can be held
    held = run(night("AF AG AH AI AJ AK"), TWELVE.filter(pl.col("product_id") != "B"), champion)
    assert held.decision.outcome == "held"
    mine = rows_of(held).filter(product_id="A").sort("rank")
    assert mine["similar_product_id"].to_list() == ["C", "D"]
    assert mine["rank"].to_list() == [1, 2]


def test_equal_night_is_promoted_and_equal(run, good):
    again = run(night(PAIRS), champion=published(good))
    assert again.decision.outcome == "promoted"
    assert (again.artifact, again.data_hash) == (good.artifact, good.data_hash)
    assert rows_of(again).equals(rows_of(good))


@pytest.mark.parametrize("damage", [lambda b: b[:-50], lambda b: b"\x80\x04N.", lambda b: b"PK"])
def test_a_damaged_champion_is_refused(run, good, damage):
    champion = Champion(7, damage(good.artifact), good.metrics)
    with pytest.raises(ModelRejected):
        run(night(PAIRS), champion=champion)


def test_without_products_the_champion_stays(run, good):
    held = run(night(PAIRS), TWELVE.clear(), published(good))
    assert (held.decision.outcome, held.artifact) == ("held", good.artifact)
    assert rows_of(held).is_empty()
    refused = run(night(PAIRS), TWELVE.clear())
    assert (refused.decision.outcome, refused.artifact) == ("refused", b"")


@pytest.mark.parametrize("orders", [1, 2])
def test_next_to_no_orders_are_no_accident(run, orders):
    result = run(night(PAIRS).head(2 * orders))
    assert result.decision.outcome == "promoted"
    assert result.metrics["figure"]["cases"] in (0, 2)
    rows = rows_of(result)
    assert set(rows["product_id"]) == set(TWELVE["product_id"])
    assert set(rows["relation"]) == {"popular"}
    json.dumps([result.params, result.metrics, result.decision.numbers], allow_nan=False)


def test_inputs_of_the_wrong_kind_are_named(run):
    with pytest.raises(DataError, match="'interactions' has no column at"):
        run(night(PAIRS).drop("at"))


# ---------------------------------------------------------------------------- the leaderboard


def test_the_leaderboard_shows_the_method_beside_the_best_sellers(good):
    scores = good.frame("model_scores")
    assert scores["shop_id"].unique().to_list() == ["s"]
    assert scores.select("method", "metric", "slice", "is_primary", "is_baseline").rows() == [
        ("co_purchase", "hit_rate_at_1", "baskets", True, False),
        ("popular", "hit_rate_at_1", "baskets", True, True),
    ]
    assert scores["value"].to_list() == [1.0, good.decision.numbers["baselines"]["popular"]]
    assert scores["cases"].to_list() == [160, 160]
    # Wilson's interval of 160 of 160: 1 / (1 + 3.841459 / 160)
    assert scores["low"][0] == pytest.approx(0.976554, abs=1e-6)
    assert scores["high"][0] == 1.0
    assert (scores["low"] <= scores["value"]).all()
    assert scores["priority"].unique().to_list() == [2]
    assert scores["task"].unique().to_list() == ["recommend"]
    assert scores["fit_seconds"].is_null().to_list() == [False, True]


# ---------------------------------------------------------------------------- other processes


SCRIPT = """
import hashlib, sys
from ecorse.models.declaration import load_declarations
from ecorse.testing.shop import tiny_lines, tiny_products
from ecorse.training.run import run_model
import polars as pl
lines = tiny_lines().rename({"order_id": "basket_id", "ordered_local": "at"})
lines = lines.with_columns(kind=pl.lit("purchase"))
for declaration in load_declarations():
    if declaration.task == "recommend":
        inputs = {"products": tiny_products(), "interactions": lines}
        if int(sys.argv[1]):
            shuffle = {"fraction": 1, "shuffle": True, "seed": int(sys.argv[1])}
            inputs = {name: frame.sample(**shuffle) for name, frame in inputs.items()}
        result = run_model(declaration, "main", inputs, None)
        digest = hashlib.sha256(result.data_hash.encode() + result.artifact)
        for name in sorted(result.tables):
            frame = result.frame(name).drop("fit_seconds", "peak_mb", strict=False)
            digest.update(frame.write_csv().encode())
        print(declaration.name, digest.hexdigest())
"""


def test_rows_files_and_hashes_are_equal_for_any_threads_order_and_process():
    outputs = []
    for threads, seed in ((1, 0), (2, 3)):
        environment = os.environ | {
            name: str(threads)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
        }
        command = [sys.executable, "-c", SCRIPT, str(seed)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.append(done.stdout)
    assert "recommend_item_similarity" in outputs[0]
    assert outputs[0] == outputs[1]


# ---------------------------------------------------------------------------- other recommenders


class Scripted(Recommender):
    """Gives the same lists to everything; notes how it was fitted."""

    config_class = NoParameters
    answers = frozenset({"items", "users", "baskets"})
    items: Mapping[str, list[list[int]]] = {}
    scores: list[float] = [0.9, 0.8]
    fits: list[tuple[int, bool]] = []

    def fit(self, data, task, champion=None):
        type(self).fits.append((data.rows.height, champion is not None))
        return self

    def _lists(self, n: int) -> Ranked:
        first = np.arange(n)[:, None]
        items = (first + np.array([1, 2])) % 12
        return Ranked(items.astype(np.int64), np.tile(np.array(self.scores), (n, 1)))

    def similar(self, items, k):
        return self._lists(len(items))

    def recommend(self, users, k, *, seen=None, among=None):
        listed = self._lists(len(users))
        if seen is None:
            return listed
        return top_k_sparse(listed.as_matrix(seen.shape[1]), k, seen=seen)

    def answer(self, baskets, k):
        return self._lists(baskets.shape[0])

    def dump(self):
        return {}

    @classmethod
    def load(cls, files, config):
        return cls(config)


@pytest.fixture
def scripted(monkeypatch):
    """A declaration of ``Scripted``; ``scripted(scores=..., answers=...)``."""
    monkeypatch.setattr(Scripted, "fits", [])

    def make(scores=(0.9, 0.8), answers=("items",)) -> Declaration:
        monkeypatch.setattr(Scripted, "scores", list(scores))
        monkeypatch.setattr(Declaration, "model_class", lambda self: Scripted)
        select = "select shop_id from marts.products"
        document = {
            "model": {"class": "scripted", "answers": list(answers)},
            "inputs": {"products": select, "interactions": select},
            "lists": ["for_you", "explore"],
            "top_n": 2,
        }
        file = declared.check(document, RecommenderFile, "recommend_scripted.toml")
        return Declaration("recommend_scripted", "recommend", Path("recommend_scripted.toml"), file)

    return make


def with_customers(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.with_columns(customer_id="C" + pl.col("at").dt.weekday().cast(pl.String))


def run_scripted(declaration, champion=None, lines=None):
    lines = with_customers(night(PAIRS)) if lines is None else lines
    return run_model(declaration, "s", {"products": TWELVE, "interactions": lines}, champion)


def test_the_champion_is_a_warm_start_of_the_model_and_not_of_the_judged_one(scripted):
    # it has seen the baskets that the candidate is judged on
    declaration = scripted()
    first = run_scripted(declaration)
    marked = first.frame("model_scores").select("method", "is_champion").unique(maintain_order=True)
    assert marked.rows() == [("scripted", True), ("popular", False)]
    Scripted.fits.clear()
    run_scripted(declaration, published(first))
    assert Scripted.fits == [(640, False), (800, True)]


def test_lists_that_break_a_rule_are_refused_and_nothing_of_them_is_kept(scripted):
    result = run_scripted(scripted(scores=(0.8, 0.9)))
    assert result.decision.outcome == "refused"
    assert "scores are out of order" in result.decision.reason
    assert rows_of(result).is_empty()
    assert result.artifact == b""  # else it would be the champion of the next night


def test_lists_that_break_a_rule_are_held_where_there_is_a_champion(scripted):
    first = run_scripted(scripted())
    champion = published(first)
    result = run_scripted(scripted(scores=(1.5, 0.8)), champion)
    assert result.decision.outcome == "held"
    assert "a score is above 1" in result.decision.reason
    # whose rows are served is whose figures other methods are compared with
    columns = ("method", "slice", "metric", "value", "is_champion")
    figures = result.frame("model_scores").filter(is_baseline=False).select(columns)
    assert (
        figures.rows()
        == first.frame("model_scores").filter(is_baseline=False).select(columns).rows()
    )
    assert figures["is_champion"].all()
    assert result.artifact == champion.artifact


def test_a_champion_that_was_never_judged_is_still_one(scripted):
    first = run_scripted(scripted())
    unjudged = Champion(7, first.artifact, {"generation": 1})
    result = run_scripted(scripted(scores=(1.5, 0.8)), unjudged)
    assert (result.decision.outcome, result.artifact) == ("held", first.artifact)
    assert run_scripted(scripted(), unjudged).decision.outcome == "promoted"


def test_both_kinds_of_lists_are_judged_each_with_one_primary_figure(scripted):
    result = run_scripted(scripted(answers=("items", "users")))
    scores = result.frame("model_scores")
    assert set(scores["list"]) == {"item_similarity", "for_you", "explore"}
    for _, of_method in scores.group_by("method"):
        assert of_method.filter("is_primary").select("list", "slice", "metric").rows() == [
            ("item_similarity", "baskets", "hit_rate_at_10"),
            ("for_you", "all", "ndcg_at_10"),
            ("explore", "all", "ndcg_at_10"),
        ]
    assert set(result.tables) == {
        "item_similarity",
        "user_recommendations",
        "recommendation_cases",
        "model_scores",
    }
    customers = result.frame("user_recommendations")
    assert customers["customer_id"].unique().sort().to_list() == [f"C{n}" for n in range(1, 8)]


def test_cases_are_what_the_first_figure_is_the_mean_of(scripted):
    result = run_scripted(scripted(answers=("users",)))
    cases = result.frame("recommendation_cases").filter(list="for_you")
    told = result.frame("model_scores").filter(
        method="scripted", list="for_you", slice="all", metric="ndcg_at_10"
    )
    assert told["value"].to_list() == pytest.approx([cases["ndcg"].mean()])
    assert told["cases"].to_list() == [cases.height]
    # 400 days of orders; three windows of 28 days, each of all seven customers
    assert cases.group_by("origin").len().sort("origin").rows() == [(0, 7), (1, 7), (2, 7)]
    # pairs come round in 6 days and customers in 7: within 42 days everybody had all twelve
    assert cases["products_before"].unique().to_list() == [12]
    days = cases.select("origin", "window_start_date", "window_end_date").unique().sort("origin")
    assert days["window_end_date"][0] == (START + timedelta(days=399)).date()
    assert days["window_start_date"][0] == (START + timedelta(days=371)).date()
    assert days["window_end_date"][1] == days["window_start_date"][0]


def test_without_customers_there_is_no_list_for_them(scripted):
    nobody = night(PAIRS).with_columns(customer_id=pl.lit(None, pl.String))
    result = run_scripted(scripted(answers=("users",)), lines=nobody)
    assert result.decision.outcome == "refused"
    assert "names a customer" in result.decision.reason
    assert result.frame("user_recommendations").is_empty()


def test_what_customers_had_before_is_no_hit_of_theirs(scripted):
    # every weekday's customer buys all pairs again and again: later there is nothing new to judge
    scores = run_scripted(scripted(answers=("users",))).frame("model_scores")
    explore = scores.filter(metric="ndcg_at_10", list="explore", slice="all")
    assert explore["cases"].to_list() == [0, 0]
    assert explore["value"].to_list() == [None, None]


def test_a_kind_that_one_shop_has_and_no_weight_is_for_is_that_shops_trouble(run):
    """A ``ConfigError`` would end every shop's night."""
    lines = night(PAIRS).with_columns(kind=pl.lit("view"))
    with pytest.raises(DataError, match=r"\[weights\] has none for view.* 0 leaves a kind out"):
        run(lines, weights={"purchase": 1.0})
    with pytest.raises(ConfigError, match="needs a column kind"):
        run(night(PAIRS), weights={"purchase": 1.0})


def test_parts_that_windows_have_in_common_are_fitted_once(declare, monkeypatch):
    """Three windows and the lists of all: parts before each of five cuts, and not of eight."""
    fitted = []

    class Counted(BuyAgain):
        def fit(self, data, task, champion=None):
            fitted.append(data.rows["at"].max())
            return super().fit(data, task, champion)

    monkeypatch.setattr("ecorse.recommenders.buy_again.RECOMMENDER", Counted)
    # at any minute: nothing is bought just before any cut
    lines = pl.DataFrame(
        {
            "customer_id": [f"c{n % 40}" for n in range(3000)],
            "product_id": [f"p{n * n % 37}" for n in range(3000)],
            "basket_id": [str(n) for n in range(3000)],
            "at": [START + timedelta(minutes=97 * n + n * n % 89) for n in range(3000)],
            "kind": ["purchase"] * 3000,
        }
    )
    parts = {"own": {"class": "buy_again"}, "lately": {"class": "popular"}}
    path = declare("recommend_for_customers").path
    document = declared.parse_file(path)
    document["parameters"] |= {"parts": parts}
    file = declared.check(document, RecommenderFile, str(path))
    declaration = Declaration("recommend_for_customers", "recommend", path, file)
    products = lines.select("product_id").unique()
    run_model(declaration, "s", {"products": products, "interactions": lines}, None)
    last = lines["at"].max()
    cuts = [last - timedelta(days=28 * n) for n in (4, 3, 2, 1, 0)]
    assert len(fitted) == len(cuts)
    for until, cut in zip(fitted, cuts, strict=True):
        assert cut - timedelta(hours=4) < until <= cut


def test_a_segmentation_that_there_is_not_is_told_unless_it_is_the_shipped_one(declare):
    customers, orders = declare("segment_customers"), declare("segment_orders")
    named = declare("recommend_buy_again", windows={"segmentations": ["customers"]})
    check_segmentations(named, [customers, orders])
    with pytest.raises(ConfigError, match=r"segmentations = \['customers'\].* there are none"):
        check_segmentations(named, [orders])
    # a project without the shipped segmentation has said nothing of it
    check_segmentations(declare("recommend_buy_again"), [customers])
    wrong = declare("recommend_buy_again", windows={"segmentations": ["orders"]})
    with pytest.raises(ConfigError, match=r"under the name orders; there are customers"):
        check_segmentations(wrong, [customers, orders])
