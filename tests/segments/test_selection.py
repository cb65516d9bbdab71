"""Choosing k, carrying identity, and the pipeline's steps, on data with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, silhouette_score
from sklearn.mixture import GaussianMixture

from ecorse.features.blocks import Block
from ecorse.models.segmentation_file import Feature
from ecorse.segments.identity import first_order
from ecorse.segments.lloyd import Clustering, inertia, move_centroids, nearest
from ecorse.segments.mixture import hour_mixture_agreement, quietest_hour
from ecorse.segments.projection import fit_projection
from ecorse.segments.scatter import calinski_harabasz
from ecorse.segments.selection import (
    KScore,
    Selection,
    choose,
    count_distinct,
    find_elbow,
    select_k,
)
from ecorse.segments.silhouette import sample_rows, silhouette, silhouettes
from ecorse.segments.starts import best_start

RULE = Selection(
    k_min=2,
    k_max=6,
    smallest_share=0.05,
    min_stability=0.8,
    silhouette_slack=0.01,
    sample_rows=500,
    bootstrap_rows=500,
    bootstraps=3,
    restarts=3,
    reselect_growth=2.0,
    reselect_silhouette_loss=0.05,
)


def blobs(centres, each=60, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return np.vstack([rng.normal(c, spread, (each, 2)) for c in centres])


def test_silhouette_by_hand():
    # points 0, 1 and 10, 11: inner distance 1, mean outer distance 10.5 and 9.5 (and mirrored);
    # (10.5 - 1) / 10.5 = 0.904762, (9.5 - 1) / 9.5 = 0.894737, mean 0.899749
    z = np.array([[0.0], [1.0], [10.0], [11.0]])
    assert silhouette(z, np.array([0, 0, 1, 1]), 100, 0) == pytest.approx(0.899749, abs=1e-6)


def test_silhouette_equals_scikit_learn_on_the_same_sample():
    z = blobs([(0, 0), (3, 3), (0, 4)])
    labels = nearest(z, best_start(z, 3, 0, 2))
    rows = sample_rows(len(z), 100, 7)
    assert len(rows) == 100
    expected = silhouette_score(z[rows], labels[rows])
    assert silhouette(z, labels, 100, 7) == pytest.approx(expected, abs=1e-12)


def test_silhouettes_of_many_labelings_equal_scikit_learn_one_by_one():
    # more rows than one block of distances holds, and clusters of one row alone
    rng = np.random.default_rng(1)
    z = np.vstack([blobs([(0, 0), (3, 3), (0, 4)], each=400), [(50.0, 50.0)]])
    labelings = [np.append(rng.integers(0, k, 1200), k) for k in (1, 2, 3, 7)] + [
        np.append(np.repeat([0, 2, 5], 400), 9)
    ]
    found = silhouettes(z, labelings)
    assert found == pytest.approx([silhouette_score(z, labels) for labels in labelings], abs=1e-9)


def test_rows_that_are_all_alike_have_a_silhouette_of_0():
    assert silhouettes(np.ones((6, 2)), [np.array([0, 0, 0, 1, 1, 1])]) == [0.0]


def test_silhouette_is_undefined_for_one_label_or_as_many_as_rows():
    z = np.array([[0.0], [1.0]])
    assert silhouette(z, np.array([0, 0]), 10, 0) is None
    assert silhouette(z, np.array([0, 1]), 10, 0) is None


def test_elbow_is_farthest_below_the_line():
    # from (1, 100) to (5, 20); at k = 2, 3, 4 the scaled distances are 0.5, 0.375, 0.2
    assert find_elbow([1, 2, 3, 4, 5], [100, 40, 30, 24, 20]) == 2
    assert find_elbow([1, 2, 3, 4, 5], [100, 80, 30, 24, 20]) == 3
    assert find_elbow([1], [5.0]) == 1


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_a_known_number_of_blobs_is_found(k):
    angles = 2 * np.pi * np.arange(k) / k
    z = blobs(np.column_stack([np.cos(angles), np.sin(angles)]) * 5)
    fit, curve = select_k(z, RULE, 1)
    assert len(fit.centroids) == k
    assert [s.k for s in curve if s.is_chosen] == [k]
    if k < 5:  # the knee of five of six is faint, and the silhouette decides
        assert [s.k for s in curve if s.is_elbow] == [k]


def test_k_is_tried_on_a_sample_and_fitted_to_all_rows():
    z = blobs([(0, 0), (6, 0), (0, 6)], each=400)
    fit, curve = select_k(z, RULE.model_copy(update={"fit_rows": 150}), 1)
    assert len(fit.centroids) == 3
    means = [z[at : at + 400].mean(axis=0) for at in (0, 400, 800)]
    found = sorted(fit.centroids, key=lambda centre: centre @ (1, 10))
    np.testing.assert_allclose(found, means)
    # of one cluster: all squared distances to the mean of the sample, hardly more than to the mean
    spread = np.sum((z - z.mean(axis=0)) ** 2)
    assert spread <= curve[0].inertia < 1.05 * spread


def test_rows_of_a_sample_are_repeatable_and_all_where_there_are_few():
    assert sample_rows(5, 5, 1).tolist() == [0, 1, 2, 3, 4]
    drawn = sample_rows(1000, 50, 1)
    assert drawn.tolist() == sorted(set(drawn.tolist())) == sample_rows(1000, 50, 1).tolist()
    assert len(drawn) == 50
    assert drawn.tolist() != sample_rows(1000, 50, 2).tolist()


def test_a_smallest_k_above_the_largest_is_refused():
    with pytest.raises(ValidationError, match="k_min = 9 is above k_max = 8"):
        Selection(k_min=9)


def score(k, silhouette, inertia, spread=None, stability=1.0, smallest_share=0.2):
    return KScore(k, inertia, silhouette, spread, stability, smallest_share)


ONE = score(1, None, 100.0, None, None, 1.0)


def chosen(scores):
    return next(s for s in choose(scores, RULE) if s.is_chosen)


def test_what_two_of_three_measures_prefer_wins_against_the_third():
    # elbow at 2 (60 below a line that falls 75 in 3 steps)
    both = [ONE, score(2, 0.50, 40, 90), score(3, 0.30, 30, 80), score(4, 0.60, 25, 70)]
    assert chosen(both).k == 2  # elbow and Calinski-Harabasz
    assert chosen(both).reason.startswith("chosen: Calinski-Harabasz and elbow prefer it; ")
    other = [ONE, score(2, 0.50, 40, 70), score(3, 0.30, 30, 80), score(4, 0.60, 25, 90)]
    assert chosen(other).k == 4  # silhouette and Calinski-Harabasz


def test_the_best_silhouette_wins_where_all_three_disagree():
    curve = [ONE, score(2, 0.50, 40, 70), score(3, 0.30, 30, 90), score(4, 0.60, 25, 80)]
    assert chosen(curve).k == 4


def test_near_the_best_silhouette_the_elbow_decides():
    # elbow at 2; 0.595 is within 0.01 of 0.60
    curve = [ONE, score(2, 0.595, 40, 70), score(3, 0.30, 30, 80), score(4, 0.60, 25, 75)]
    assert chosen(curve).k == 2


def test_an_unstable_or_tiny_clustering_is_not_admissible():
    curve = choose(
        [
            ONE,
            score(2, 0.50, 40, 10),
            score(3, 0.70, 30, 90, stability=0.79),
            score(4, 0.80, 25, 95, smallest_share=0.049),
        ],
        RULE,
    )
    assert [s.k for s in curve if s.is_admissible] == [2]
    assert [s.k for s in curve if s.is_chosen] == [2]
    assert "stability 0.79" in curve[2].reason
    assert "smallest segment 4.9%" in curve[3].reason


def test_without_an_admissible_k_the_best_silhouette_is_taken_and_said():
    best = chosen([ONE, score(2, 0.2, 40, 9, stability=0.1), score(3, 0.4, 30, 8, stability=0.1)])
    assert best.k == 3
    assert "no k met every rule" in best.reason


def test_a_reason_tells_all_five_criteria():
    reason = chosen([ONE, score(2, 0.5, 40, 123), score(3, 0.4, 30, 80)]).reason
    for told in (
        "silhouette 0.500", "Calinski-Harabasz 123", "elbow at 2", "stability 1.00",
        "smallest segment 20.0%",
    ):  # fmt: skip
        assert told in reason


def test_calinski_harabasz_by_hand_and_as_scikit_learn():
    # means 0.5 and 10.5, grand mean 5.5: between 4 * 25 = 100, within 4 * 0.25 = 1; 100 / 1 over
    # 1 / 2 is 200
    z = np.array([[0.0], [1.0], [10.0], [11.0]])
    assert calinski_harabasz(z, np.array([0, 0, 1, 1])) == pytest.approx(200.0)
    rng = np.random.default_rng(4)
    rows, labels = rng.normal(size=(500, 3)) + 7.0, rng.integers(0, 4, 500)
    expected = calinski_harabasz_score(rows, labels)
    assert calinski_harabasz(rows, labels) == pytest.approx(expected, rel=1e-9)
    noisy = np.where(np.arange(500) < 100, -1, labels)
    expected = calinski_harabasz_score(rows[100:], labels[100:])
    assert calinski_harabasz(rows, noisy) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [-1, -1, -1, -1]])
def test_calinski_harabasz_needs_clusters_with_some_width(labels):
    assert calinski_harabasz(np.arange(4.0)[:, None], np.array(labels)) is None
    assert calinski_harabasz(np.array([[1.0], [1.0], [2.0], [2.0]]), np.array([0, 0, 1, 1])) is None


@pytest.mark.parametrize(("distinct", "k"), [(1, 1), (2, 2)])
def test_k_never_exceeds_the_distinct_rows(distinct, k):
    z = np.repeat(np.arange(distinct, dtype=float), 4)[:, None]
    fit, curve = select_k(z, RULE, 0)
    assert len(fit.centroids) == k
    assert len(curve) == distinct


def test_a_first_night_numbers_segments_by_size():
    assert first_order(np.array([1, 1, 0, 2, 2, 2]), np.zeros((3, 1))) == [2, 1, 0]


def test_reordered_clusters_still_label_the_same_rows():
    z = np.array([[0.0], [1.0], [10.0]])
    fit = Clustering(np.array([[0.5], [10.0]]), np.array([0, 0, 1])).in_order([1, 0])
    assert fit.labels.tolist() == nearest(z, fit.centroids).tolist() == [1, 1, 0]


def test_a_refit_on_the_same_rows_moves_nothing():
    z = blobs([(0, 0), (2, 2), (0, 3)], spread=0.8)
    centroids = move_centroids(z, best_start(z, 3, 0, 3)).centroids
    again = move_centroids(z, centroids)
    np.testing.assert_allclose(again.centroids, centroids, atol=1e-12)
    assert again.labels.tolist() == nearest(z, centroids).tolist()


def test_moved_centroids_are_those_of_scikit_learn():
    # more rows than one part holds
    z = np.vstack([blobs([(0, 0), (2, 2), (0, 3), (4, 0)], each=6000, spread=0.9, seed=2)])
    start = z[[0, 7000, 13000, 23000]]
    fit = move_centroids(z, start)
    peer = KMeans(4, init=start, n_init=1, tol=0.0, max_iter=1000).fit(z)
    np.testing.assert_allclose(fit.centroids, peer.cluster_centers_, atol=1e-9)
    assert fit.labels.tolist() == peer.labels_.tolist()
    assert inertia(z, fit) == pytest.approx(peer.inertia_)


def test_moved_centroids_by_hand():
    # from 0 and 4 the rows part into 0, 1 and 3, 10; the means are 0.5 and 6.5, and then 3 is
    # nearer to the first: 4 / 3 and 10
    fit = move_centroids(np.array([[0.0], [1.0], [3.0], [10.0]]), np.array([[0.0], [4.0]]))
    assert fit.labels.tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(fit.centroids, [[4 / 3], [10.0]])
    assert inertia(np.array([[0.0], [1.0], [3.0], [10.0]]), fit) == pytest.approx(14 / 3)


def test_a_centroid_that_nobody_is_nearest_to_stays():
    fit = move_centroids(np.array([[0.0], [1.0]]), np.array([[0.0], [50.0]]))
    assert fit.centroids.tolist() == [[0.5], [50.0]]
    assert fit.labels.tolist() == [0, 0]


def test_distinct_rows_are_counted_as_far_as_needed():
    rows = np.repeat(np.arange(30.0), 100)[:, None]
    assert count_distinct(rows, 40) == 30
    assert count_distinct(rows, 2) == 30  # ten times the most hold one value: all are looked at
    assert count_distinct(rows[::100], 2) == 20  # the first twenty tell enough


def test_every_k_is_scored_on_a_sample_where_there_are_many_rows():
    z = blobs([(0, 0), (6, 0), (0, 6)], each=400)
    few = RULE.model_copy(update={"score_rows": 300, "fit_rows": 150})
    fit, curve = select_k(z, few, 1)
    assert len(fit.centroids) == 3
    assert len(fit.labels) == 1200
    # of one cluster: the sample's share of all squared distances to the mean, a quarter
    spread = np.sum((z - z.mean(axis=0)) ** 2) / 4
    assert curve[0].inertia == pytest.approx(spread, rel=0.1)


def block(name, values, weight):
    return Block(
        Feature(name=name, kind="log_sum", column="c", weight=weight),
        (name,),
        np.asarray(values, float)[:, None],
    )


def test_a_block_has_the_variance_of_its_weight_whatever_its_unit():
    a, b = block("a", [0, 1000, 0, 1000], 1.0), block("b", [0.1, 0.1, 0.3, 0.3], 0.5)
    projection = fit_projection([a, b], 0.99)
    scaled = (np.hstack([a.values, b.values]) - projection.means) * projection.factors
    np.testing.assert_allclose(scaled.var(axis=0), [1.0, 0.25])
    np.testing.assert_allclose(scaled.mean(axis=0), [0, 0], atol=1e-12)
    # independent blocks of variance 1 and 0.25: shares 0.8 and 0.2
    np.testing.assert_allclose(projection.variance_shares, [0.8, 0.2])


def test_components_are_those_of_scikit_learn_also_of_sparse_columns():
    rng = np.random.default_rng(8)
    words = sparse.random(5000, 6, density=0.2, format="csr", random_state=rng)
    feature = Feature(name="c", kind="share", column="c", weight=0.7)
    blocks = [block("a", rng.normal(5, 3, 5000), 1.0), Block(feature, tuple("cdefgh"), words)]
    projection = fit_projection(blocks, 0.9)
    columns = np.hstack([b.values for b in blocks])
    scaled = np.hstack(
        [
            (b.values - b.values.mean(axis=0)) * b.feature.weight / np.sqrt(b.values.var(0).sum())
            for b in blocks
        ]
    )
    peer = PCA(0.9, svd_solver="covariance_eigh").fit(scaled)
    np.testing.assert_allclose(projection.components, peer.components_, atol=1e-9)
    np.testing.assert_allclose(projection.variance_shares, peer.explained_variance_ratio_)
    np.testing.assert_allclose(projection.of(blocks), peer.transform(scaled), atol=1e-9)
    dense = [blocks[0], Block(feature, tuple("cdefgh"), columns[:, 1:])]
    np.testing.assert_allclose(projection.of(dense), projection.of(blocks), atol=1e-12)


def test_pca_keeps_just_enough_components():
    a, b = block("a", [0, 1, 0, 1], 1.0), block("b", [0, 0, 1, 1], 0.5)
    assert fit_projection([a, b], 0.79).of([a, b]).shape == (4, 1)
    assert fit_projection([a, b], 0.81).of([a, b]).shape == (4, 2)


def test_one_row_can_be_projected():
    a = block("a", [7.0], 1.0)
    assert fit_projection([a], 0.9).of([a]).tolist() == [[0.0]]


def test_mixture_finds_two_planted_parts_and_full_agreement():
    rng = np.random.default_rng(3)
    noon, night = rng.normal(12, 1, 3000) % 24, rng.normal(23.5, 1, 2000) % 24  # past midnight too
    labels = np.repeat([0, 1], [3000, 2000])
    found = hour_mixture_agreement(np.concatenate([noon, night]), labels)
    assert found["centres"] == pytest.approx([12, 23.5], abs=0.1)
    assert found["weights"] == pytest.approx([0.6, 0.4], abs=0.01)
    assert found["share_agreed"] > 0.999
    assert found["ari"] > 0.995


def test_mixture_is_that_of_scikit_learn_and_counts_the_same_agreement():
    rng = np.random.default_rng(5)
    evening = rng.random(20_000) < 0.4
    hours = np.where(evening, rng.normal(19, 2, 20_000), rng.normal(12, 2, 20_000)) % 24
    hours = np.floor(hours * 60) / 60
    labels = (hours + rng.normal(0, 1, 20_000) > 16).astype(int)
    found = hour_mixture_agreement(hours, labels)
    opened = ((hours - quietest_hour(hours)) % 24)[:, None]
    peer = GaussianMixture(2, n_init=3, random_state=0).fit(opened)
    order = np.argsort(peer.means_.ravel())
    spreads = np.sqrt(peer.covariances_.ravel())
    np.testing.assert_allclose(np.sort(found["spreads"]), np.sort(spreads), atol=0.01)
    np.testing.assert_allclose(found["weights"], peer.weights_[order], atol=1e-3)
    parts = np.argsort(order)[peer.predict(opened)]
    assert found["ari"] == pytest.approx(adjusted_rand_score(parts, labels), abs=1e-3)
    assert found["share_agreed"] == pytest.approx(np.mean(parts == labels), abs=1e-3)


def test_mixture_against_random_labels_agrees_on_nothing():
    rng = np.random.default_rng(3)
    hours = np.concatenate([rng.normal(12, 1, 2000), rng.normal(20, 1, 2000)])
    found = hour_mixture_agreement(hours, rng.integers(0, 2, 4000))
    assert abs(found["ari"]) < 0.01


def test_mixture_of_one_hour_is_undefined():
    assert hour_mixture_agreement(np.full(50, 12.0), np.zeros(50, dtype=int)) == {}


def test_the_day_is_cut_where_it_is_quiet():
    hours = np.repeat(np.arange(24.0), 10)
    assert quietest_hour(hours[~np.isin(hours, [3, 4, 5])]) == 4
