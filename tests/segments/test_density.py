"""DBSCAN, HDBSCAN and Ward's tree, on rows whose clusters are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score

from ecorse.segments.anchors import Anchors
from ecorse.segments.by_density import DensityConfig, Setting, choose_setting, without_small
from ecorse.segments.dbscan import Dbscan, DbscanConfig
from ecorse.segments.density import dbscan, find_knee, find_neighbours, k_distances
from ecorse.segments.hdbscan import Hdbscan, HdbscanConfig
from ecorse.segments.hierarchical import (
    DENDROGRAM,
    Hierarchical,
    HierarchicalConfig,
    cut,
    ward,
)
from ecorse.segments.selection import KRule
from ecorse.segments.validity import density_validity


def moons(n=600, seed=0):
    return make_moons(n, noise=0.05, random_state=seed)


def rings(n=800, seed=0):
    """Two rings around one centre, radius 1 and 3: no centroid parts them."""
    rng = np.random.default_rng(seed)
    angle, of = rng.uniform(0, 2 * np.pi, n), np.repeat([0, 1], n // 2)
    radius = np.where(of == 0, 1.0, 3.0) + rng.normal(0, 0.05, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), of


def clusters_of(z, min_samples, eps, most=None):
    found = find_neighbours(z, most or min_samples)
    is_core, labels = dbscan(found, k_distances(found, min_samples), eps)
    return is_core[found.row_of], labels[found.row_of]


CASES = {
    "moons": (moons()[0], 0.15),
    "rings": (rings()[0], 0.4),
    "identical rows beside others": (
        np.vstack([np.zeros((50, 2)), np.full((30, 2), 0.1), moons(200)[0]]), 0.12,
    ),
    "twelve features": (
        np.vstack([np.random.default_rng(s).normal(3 * s, 1, (150, 12)) for s in range(3)]), 3.6,
    ),
    "nothing but noise": (np.random.default_rng(1).uniform(0, 1000, (100, 3)), 1.0),
    "everything in one": (np.random.default_rng(1).normal(0, 1, (300, 2)), 5.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("min_samples", [2, 5, 12])
def test_clusters_are_those_of_scikit_learn(name, min_samples):
    z, eps = CASES[name]
    peer = DBSCAN(eps=eps, min_samples=min_samples).fit(z)
    is_core, labels = clusters_of(z, min_samples, eps)
    cores = np.zeros(len(z), dtype=bool)
    cores[peer.core_sample_indices_] = True
    assert is_core.tolist() == cores.tolist()
    assert (labels < 0).tolist() == (peer.labels_ < 0).tolist()
    if cores.any():
        assert adjusted_rand_score(labels[cores], peer.labels_[cores]) == 1.0
    # a border row is in the cluster of its nearest core, whatever the order of rows
    for row in np.flatnonzero(~cores & (labels >= 0)):
        away = cdist(z[[row]], z[cores])[0]
        nearest_of = labels[cores][np.isclose(away, away.min(), atol=1e-9)]
        assert labels[row] in nearest_of


def test_clusters_that_touch_beyond_the_nearest_few_are_one():
    # two heaps of 40 rows within 1e-3, 0.5 apart: the five nearest of each row are in its own heap
    rng = np.random.default_rng(0)
    z = np.vstack(
        [rng.uniform(0, 1e-3, (40, 2)), rng.uniform(0, 1e-3, (40, 2)) + np.array((0.5, 0))]
    )
    far = np.vstack([z, rng.uniform(0, 1e-3, (40, 2)) + np.array((9, 0))])
    assert set(clusters_of(far, 5, 0.6)[1][:80]) == {0}
    assert set(clusters_of(far, 5, 0.6)[1][80:]) == {1}
    assert set(clusters_of(far, 5, 0.4)[1]) == {0, 1, 2}


def test_k_distances_by_hand():
    # on a line at 0, 1, 3, 3: the second row is 1, 1, 0, 0 away, the third 3, 2, 2, 2
    found = find_neighbours(np.array([[0.0], [1.0], [3.0], [3.0]]), 4)
    assert k_distances(found, 1)[found.row_of].tolist() == [0, 0, 0, 0]
    assert k_distances(found, 2)[found.row_of].tolist() == [1, 1, 0, 0]
    assert k_distances(found, 3)[found.row_of].tolist() == [3, 2, 2, 2]
    assert k_distances(found, 5)[found.row_of].tolist() == [np.inf] * 4


def test_the_knee_is_farthest_below_the_line():
    # from 0 to 10 over five places: the line is 0, 2.5, 5, 7.5, 10; below it by 0, 1.5, 3, 3.5, 0
    assert find_knee(np.array([0.0, 1.0, 2.0, 4.0, 10.0])) == 4.0
    assert find_knee(np.array([2.0, 2.0, 2.0])) == 2.0
    assert find_knee(np.array([7.0])) == 7.0


def test_density_validity_by_hand():
    # in {0, 1, 2} core distances are 4/3, 1, 4/3 (means of 1/d: 3/4, 1, 3/4), the tree's edges are
    # 4/3; inner rows are 1 and 11, 10 apart: (10 - 4/3) / 10 each
    z = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert density_validity(z, labels) == pytest.approx(26 / 30)
    # two rows of noise beside them weigh 2 of 8
    noisy = np.vstack([z, [[50.0], [70.0]]])
    assert density_validity(noisy, np.append(labels, [-1, -1])) == pytest.approx(26 / 30 * 6 / 8)


def test_density_validity_prefers_rings_to_halves():
    z, of = rings(400)
    halves = (z[:, 0] > 0).astype(int)
    assert density_validity(z, of) > 0.5
    assert density_validity(z, halves) < 0
    assert density_validity(z, np.zeros(len(z), dtype=int)) is None
    assert density_validity(np.zeros((6, 2)), np.repeat([0, 1], 3)) == 0.0  # all alike


def test_small_groups_become_noise_and_the_others_close_up():
    labels = np.array([0, 0, 0, 1, 2, 2, -1])
    weights = np.array([1, 1, 1, 1, 2, 2, 2])
    assert without_small(labels, weights, 0.2).tolist() == [0, 0, 0, -1, 1, 1, -1]


def setting(labels, validity):
    return Setting(5, 1.0, np.array(labels), validity)


def test_a_better_validity_wins_among_the_settings_that_are_allowed():
    config = DensityConfig(max_noise_share=0.5, most_segments=2)
    one, two = setting([0, 0, 0, 0], None), setting([0, 0, 1, 1], 0.0)
    noisy, many = setting([0, 1, -1, -1, -1], 0.9), setting([0, 1, 2, 2], 0.8)
    worse = setting([0, 1, 1, 1], -0.2)
    chosen, rows = choose_setting([one, worse, two, noisy, many], config)
    assert chosen == 2
    told = [row["reason"] for row in rows]
    assert told[0] == "1 segment, needed 2"
    assert told[3] == "noise 60.0%, allowed 50.0%"
    assert told[4] == "3 segments, allowed 2"
    assert [row["is_admissible"] for row in rows] == [False, True, True, False, False]


def test_near_the_best_validity_the_one_that_most_settings_agree_with_wins():
    halves, alike, thirds = [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2]
    tried = [setting(thirds, 0.6), setting(halves, 0.45), setting(alike, 0.5)]
    assert choose_setting(tried, DensityConfig())[0] == 2
    strict = DensityConfig(validity_slack=0.05)
    assert choose_setting(tried, strict)[0] == 0


def test_where_no_setting_is_allowed_there_is_no_structure():
    config = DensityConfig()
    noisy, one = setting([0, 1, -1, -1, -1], 0.9), setting([0, 0, 0, 0, -1], None)
    chosen, rows = choose_setting([noisy, one], config)
    assert chosen is None
    assert not any(row["is_chosen"] or row["is_admissible"] for row in rows)


def learn(model, z, **parameters):
    return model(model.config_class(**parameters)).learn(z, 1)


@pytest.mark.parametrize("model", [Dbscan, Hdbscan])
@pytest.mark.parametrize("shape", [moons, rings])
def test_moons_and_rings_are_found_without_being_told_how_many(model, shape):
    z, of = shape()
    learnt = learn(model, z)
    assert adjusted_rand_score(of, learnt.anchors.labels_of(z)) > 0.95
    assert not learnt.why_degenerate
    assert learnt.figures["density_validity"] > 0.3


def test_hdbscan_keeps_the_labels_of_scikit_learn_for_the_rows_it_saw():
    z, _ = moons()
    z = np.vstack([z, np.random.default_rng(3).uniform(-3, 4, (60, 2))])
    learnt = learn(Hdbscan, z, min_samples=(10,), smallest_share=0.05)
    peer = HDBSCAN(min_cluster_size=33, min_samples=10, copy=True).fit(z)
    assert learnt.anchors.labels_of(z).tolist() == peer.labels_.tolist()
    assert learnt.anchors.labels_of(np.array([[90.0, 90.0]])).tolist() == [-1]


@pytest.mark.parametrize("model", [Dbscan, Hdbscan])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_fewer_rows_than_min_samples_are_all_noise_and_it_is_said(model, n):
    z = np.arange(float(n))[:, None]
    learnt = learn(model, z)
    assert learnt.anchors.labels_of(z).tolist() == [-1] * n
    assert "fewer" in learnt.why_degenerate


@pytest.mark.parametrize("model", [Dbscan, Hdbscan])
def test_identical_rows_are_one_segment_and_it_is_said(model):
    z = np.full((30, 3), 0.7)
    learnt = learn(model, z)
    assert learnt.anchors.labels_of(z + 1e-10).tolist() == [0] * 30
    assert learnt.why_degenerate


def test_an_eps_that_is_declared_is_the_only_one_tried():
    grid = learn(Dbscan, moons()[0], eps=0.2, min_samples=(5, 10)).tables
    assert {row["eps"] for row in grid["segmentation_density_grid"]} == {0.2}
    assert sum(row["is_chosen"] for row in grid["segmentation_density_grid"]) == 1


def test_one_blob_has_no_structure_for_density():
    z = np.random.default_rng(5).normal(size=(800, 3))
    learnt = learn(Dbscan, z)
    assert "no structure" in learnt.why_degenerate
    assert set(learnt.anchors.labels_of(z + 50.0)) == {0}  # everyone is in the one segment


def test_an_anchor_labels_what_it_reaches():
    anchors = Anchors(np.array([[0.0], [10.0]]), np.array([1, 0]), np.array([2.0, 0.5]))
    given = anchors.labels_of(np.array([[2.0], [2.1], [9.5], [9.4], [-2.0], [0.0]]))
    assert given.tolist() == [1, -1, 0, -1, 1, 1]
    largest_first = anchors.largest_first(given)
    assert largest_first.labels.tolist() == [0, 1]


def test_wards_tree_by_hand():
    # 0 and 1 join at 1; 5 and 6.5 at 1.5; then pairs of means 0.5 and 5.75: the squared distances
    # rise by 2 * 2 / 4 * 5.25 ** 2, and Ward's height is the root of twice that: sqrt(2) * 5.25
    tree = ward(np.array([[0.0], [1.0], [5.0], [6.5]]))
    np.testing.assert_allclose(tree[:, 2], [1.0, 1.5, np.sqrt(2) * 5.25])
    assert tree[:, :2].astype(int).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert cut(tree, 1).tolist() == [0, 0, 0, 0]
    assert cut(tree, 2).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert len(set(cut(tree, 3))) == 3
    assert len(set(cut(tree, 4))) == 4


def test_cuts_are_those_of_scipy():
    z = np.random.default_rng(2).normal(size=(200, 3))
    tree = ward(z)
    for k in (2, 5, 9):
        expected = fcluster(linkage(z, "ward"), k, "maxclust")
        assert adjusted_rand_score(cut(tree, k), expected) == 1.0


def test_a_tree_of_three_heaps_is_cut_in_three():
    rng = np.random.default_rng(0)
    z = np.vstack([rng.normal(c, 0.3, (60, 2)) for c in ((0, 0), (4, 0), (0, 4))])
    learnt = learn(Hierarchical, z, selection=KRule(bootstraps=2, k_max=6))
    assert learnt.anchors.k == 3
    assert adjusted_rand_score(np.repeat([0, 1, 2], 60), learnt.anchors.labels_of(z)) == 1.0
    rows = learnt.tables[DENDROGRAM.name]
    assert len(rows) == 179
    assert [row["is_below_cut"] for row in rows] == [True] * 177 + [False] * 2
    assert rows[-1]["members"] == 180


@pytest.mark.parametrize(("distinct", "k"), [(1, 1), (2, 2)])
def test_a_tree_of_few_distinct_rows_has_no_more_segments(distinct, k):
    z = np.repeat(np.arange(distinct, dtype=float), 4)[:, None]
    learnt = learn(Hierarchical, z)
    assert learnt.anchors.k == k
    assert learnt.why_degenerate


def test_configurations_have_no_keys_that_do_nothing():
    assert "reselect_noise_gain" not in HierarchicalConfig.model_fields
    assert "eps" not in HdbscanConfig.model_fields
    assert DbscanConfig().fit_rows == 20000
