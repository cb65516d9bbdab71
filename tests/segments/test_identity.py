"""Ids that survive a retrain: who is who, worked out by hand."""

from __future__ import annotations

import numpy as np

from ecorse.segments.identity import match_segments


def matched(after, before, olds, next_id, members=None):
    after, before = np.array(after), np.array(before)
    counted = np.bincount(after) if members is None else np.array(members)
    return match_segments(after, counted, before, olds, next_id)


def test_permuted_clusters_keep_their_ids():
    before, after = [0, 0, 0, 1, 1, 2, 2, 2], [2, 2, 2, 0, 0, 1, 1, 1]
    assert matched(after, before, [11, 12, 13], 14) == ([12, 13, 11], 14)


def test_the_assignment_with_the_largest_total_overlap_wins():
    # overlaps: cluster 0 with old 0: 3, old 1: 2; cluster 1 with old 0: 3, old 1: 0. Taking the
    # diagonal gives 3 + 0, the other way 2 + 3 = 5
    before, after = [0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]
    assert matched(after, before, [1, 2], 3) == ([2, 1], 3)


def test_a_new_cluster_gets_a_new_id_and_a_lost_one_is_not_reused():
    before, after = [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 2, 2]
    assert matched(after, before, [1, 4], 9) == ([1, 9, 4], 10)


def test_what_shares_no_row_with_a_segment_does_not_take_its_id():
    # segment 2 has no rows tonight; the second cluster comes out of segment 1
    assert matched([0, 0, 0, 1], [0, 0, 0, 0], [1, 2], 3) == ([1, 3], 4)


def test_a_handful_of_a_segment_does_not_carry_its_id_away():
    # of segment 2 one of five is in the new cluster, and the others went to cluster 0
    before, after = [0] * 5 + [1] * 5, [0] * 9 + [1]
    assert matched(after, before, [1, 2], 3) == ([1, 3], 4)
    # two of five are a quarter and more: it goes on, smaller
    assert matched([0] * 8 + [1] * 2, before, [1, 2], 3) == ([1, 2], 3)


def test_a_cluster_of_newcomers_alone_is_new_though_a_segment_is_empty():
    assert matched([0, 0], [0, 0], [1, 2], 3, members=[2, 7]) == ([1, 3], 4)


def test_a_segment_that_nobody_is_in_goes_on_as_the_cluster_that_nobody_is_in():
    assert matched([0, 0], [0, 0], [1, 2], 3, members=[2, 0]) == ([1, 2], 3)
