"""Predicted stars: planted biases are found, MovieLens' error is the published one."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from ecorse.errors import DataError
from ecorse.models.base import Task
from ecorse.models.interactions import Interactions
from ecorse.recommenders.biased_svd import BiasedSvd, BiasedSvdConfig
from ecorse.settings import PROJECT_DIR

TASK = Task("recommend_tested", "main", seed=1)
MOVIELENS = PROJECT_DIR.parent / "shared" / "data" / "movielens_small" / "ratings.csv"


def ratings(rows: pl.DataFrame, items: pl.Series | None = None) -> Interactions:
    """``customer_id``, ``product_id``, ``weight``, all at one instant unless there is ``at``."""
    if "at" not in rows.columns:
        rows = rows.with_columns(at=datetime(2024, 1, 1))
    products = rows["product_id"].unique() if items is None else items
    return Interactions.from_frames(
        products.to_frame("product_id"), rows.with_columns(kind=pl.lit("rating"))
    )


def planted(seed: int = 0) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """4 + b_u + b_i and a little noise, of 60 % of all pairs."""
    random = np.random.default_rng(seed)
    of_user, of_item = random.normal(0, 0.5, 80), random.normal(0, 0.7, 40)
    users, items = np.nonzero(random.random((80, 40)) < 0.6)
    stars = 4 + of_user[users] + of_item[items] + random.normal(0, 0.05, len(users))
    frame = pl.DataFrame(
        {
            "customer_id": [f"u{user:02}" for user in users],
            "product_id": [f"p{item:02}" for item in items],
            "weight": stars,
        }
    )
    return frame, of_user, of_item


def test_planted_biases_are_found_and_told():
    frame, of_user, of_item = planted()
    data = ratings(frame)
    model = BiasedSvd(BiasedSvdConfig(rank=2, rounds=200, bias_penalty=0.001)).fit(data, TASK)
    fitted_items = model.item_bias - model.item_bias.mean()
    np.testing.assert_allclose(fitted_items, of_item - of_item.mean(), atol=0.1)
    fitted_users = model.user_bias - model.user_bias.mean()
    np.testing.assert_allclose(fitted_users, of_user - of_user.mean(), atol=0.1)
    told = model.params()
    best = np.argsort(-of_item)
    assert next(iter(told["rated_highest"])) == f"p{best[0]:02}"
    assert next(iter(told["rated_lowest"])) == f"p{best[-1]:02}"
    assert told["mean"] == pytest.approx(frame["weight"].mean(), abs=1e-3)
    assert told["customer_bias"]["p10"] < told["customer_bias"]["p50"]


def test_a_list_goes_by_predicted_stars_and_leaves_out_what_few_rated():
    frame, _, _ = planted()
    few = pl.DataFrame(
        {"customer_id": ["u00"] * 2, "product_id": ["p90", "p91"], "weight": [9.0, 9.0]}
    )
    data = ratings(pl.concat([frame, few]))
    model = BiasedSvd(BiasedSvdConfig(rank=2, rounds=60, least_ratings=3)).fit(data, TASK)
    ranked = model.recommend(np.array([5]), 40)
    assert ranked.is_there.sum() == 40  # the two that one customer rated are not listed
    stars = model.mean + model.user_bias[5] + model.item_bias + model.items @ model.users[5]
    np.testing.assert_allclose(ranked.scores[0], np.sort(stars[:40])[::-1])
    told = model.explain(np.array([5]), ranked)
    item = int(ranked.items[0, 0])
    own = frame.filter(product_id=f"p{item:02}")["weight"]
    assert told["ratings"][0] == len(own)
    assert told["mean_rating"][0] == pytest.approx(own.mean(), abs=0.005)
    predicted = model.predict(np.array([5]), np.array([item]))[0]
    assert told["sentence"][0] == (
        f"{len(own)} gave it {own.mean():.2f} stars on average; "
        f"{predicted:.2f} expected of this customer"
    )


def test_the_last_rating_of_a_pair_counts():
    rows = pl.DataFrame(
        {
            "customer_id": ["ann", "ann", "bob"],
            "product_id": ["cup", "cup", "cup"],
            "weight": [1.0, 5.0, 5.0],
            "at": [datetime(2024, 1, 1), datetime(2024, 1, 2), datetime(2024, 1, 1)],
        }
    )
    model = BiasedSvd(BiasedSvdConfig(rank=1)).fit(ratings(rows), TASK)
    assert model.mean == 5
    assert model.counts.tolist() == [2]


def test_predictions_stay_within_the_stars_that_are_given():
    frame, _, _ = planted()
    stars = frame.with_columns(pl.col("weight").round().clip(1, 5))
    model = BiasedSvd(BiasedSvdConfig(rank=2, rounds=60)).fit(ratings(stars), TASK)
    every = np.repeat(np.arange(80), 40), np.tile(np.arange(40), 80)
    found = model.predict(*every)
    assert (found.min(), found.max()) == (pytest.approx(stars["weight"].min(), abs=1.0), 5)
    plain = model.mean + model.user_bias[:, None] + model.item_bias + model.users @ model.items.T
    assert plain.max() > 5.1


def test_rows_of_another_kind_are_no_ratings():
    rows = pl.DataFrame(
        {"customer_id": ["ann"], "product_id": ["cup"], "at": [datetime(2024, 1, 1)]}
    )
    data = Interactions.from_frames(rows.select("product_id"), rows)
    with pytest.raises(DataError, match=r"kind 'rating': there are purchase"):
        BiasedSvd(BiasedSvdConfig()).fit(data, TASK)


@pytest.mark.slow
@pytest.mark.skipif(not MOVIELENS.exists(), reason=f"{MOVIELENS} is not there")
def test_the_error_on_movielens_small_is_the_published_one():
    every = pl.read_csv(MOVIELENS).select(
        pl.col("userId").cast(pl.String).alias("customer_id"),
        pl.col("movieId").cast(pl.String).alias("product_id"),
        pl.col("rating").alias("weight"),
    )
    errors = []
    for seed in range(2):
        mixed = every.sample(fraction=1, shuffle=True, seed=seed)
        cut = int(0.9 * mixed.height)
        data = ratings(mixed[:cut], every["product_id"].unique())
        model = BiasedSvd(BiasedSvdConfig()).fit(data, TASK)
        later = mixed[cut:].filter(pl.col("customer_id").is_in(data.users["customer_id"].implode()))
        users = data.users["customer_id"].to_list()
        items = data.items["product_id"].to_list()
        places = [{name: place for place, name in enumerate(names)} for names in (users, items)]
        found = model.predict(
            np.array([places[0][name] for name in later["customer_id"]]),
            np.array([places[1][name] for name in later["product_id"]]),
        )
        errors.append(np.sqrt(np.mean((found - later["weight"].to_numpy()) ** 2)))
    print("RMSE:", np.round(errors, 4))
    assert np.mean(errors) < 0.885
