"""Histograms by hand, and what of a night's rows counts as drift."""

from __future__ import annotations

import numpy as np
import pytest

from ecorse.evaluate.drift import (
    Drift,
    drift,
    drift_words,
    histogram,
    quantile_edges,
    reference_histograms,
    share_drift,
)
from ecorse.features.blocks import Block
from ecorse.models.segmentation_file import Feature, SegmentationGate

LIMITS = SegmentationGate(
    min_ari=0.9, min_jaccard=0.75, max_psi=0.25, least_added=100, least_reference=10
)


def number_block(values):
    values = np.asarray(values, dtype=float)[:, None]
    return Block(
        Feature(name="price", kind="log_mean", column="p", weight=1.0), ("price_log",), values
    )


def test_edges_lie_between_values():
    assert quantile_edges(np.array([1.0, 1.0, 2.0, 4.0])) == [1.5, 3.0]
    assert quantile_edges(np.array([3.0, 3.0])) == []


def test_histogram_of_a_number():
    assert histogram(number_block([1, 2, 2, 9]), [1.5, 3.0]) == [1, 2, 1]


def test_histogram_of_a_cycle_puts_noon_into_the_hour_of_noon():
    angle = 2 * np.pi * np.array([0, 12, 12.99, 23.5]) / 24
    block = Block(
        Feature(name="hour", kind="cycle", column="t", weight=1.0, part="hour"),
        ("hour_sin", "hour_cos"),
        np.column_stack([np.sin(angle), np.cos(angle)]),
    )
    counts = histogram(block, [])
    assert (len(counts), counts[0], counts[12], counts[23]) == (24, 1, 2, 1)


def test_histogram_of_shares_counts_what_has_no_column():
    block = Block(
        Feature(name="city", kind="share", column="c", weight=1.0),
        ("city=a", "city=b"),
        np.array([[1.0, 0], [0, 0], [0, 1]]),
    )
    assert histogram(block, []) == [1, 1, 1]


def test_one_bad_file_hides_in_the_whole_but_not_among_the_added_rows():
    good = np.tile(np.arange(1.0, 11.0), 200)  # ten equally full bins of 200 rows
    references = reference_histograms([number_block(good)])
    night = number_block(np.concatenate([good, np.full(160, 1000.0)]))
    psi = {d.name: d.psi for d in drift(references, [night], LIMITS)}
    # bins of 200 and one of 360, of 2160 rows: 9 * (0.0926 - 0.1) ln(0.926) + 0.0667 ln(1.667)
    assert psi["price"] == pytest.approx(0.0392, abs=1e-4)
    assert psi["price of added rows"] > 5


def test_few_added_rows_and_tiny_references_are_not_judged():
    good = np.tile(np.arange(1.0, 11.0), 200)
    references = reference_histograms([number_block(good)])
    night = number_block(np.concatenate([good, np.full(99, 10.5)]))
    assert [d.name for d in drift(references, [night], LIMITS)] == ["price"]
    tiny = reference_histograms([number_block([1.0, 2.0])])
    assert drift(tiny, [night], LIMITS) == []


def test_a_feature_that_always_moves_is_measured_and_not_judged():
    always = Feature(name="month", kind="log_mean", column="p", weight=1.0, watch_drift=False)
    then, now = (Block(always, ("m",), np.full((20, 1), v)) for v in (1.0, 9.0))
    both = Block(always, ("m",), np.repeat([[1.0], [9.0]], 10, axis=0))
    (one,) = drift(reference_histograms([both]), [now], LIMITS)
    assert one.psi > 1
    assert (one.limit, one.is_drifted) == (None, False)
    assert drift(reference_histograms([then]), [now], LIMITS)[0].psi == 0.0  # one bin holds all


def test_a_handful_in_another_unit_is_judged_though_it_is_few():
    # logs of prices: 99.9 % were below 10, and ln(3) beyond that is 11.1
    good = np.tile(np.arange(1.0, 11.0), 200)
    references = reference_histograms([number_block(good)])

    def added(values):
        drifts = drift(references, [number_block(np.concatenate([good, values]))], LIMITS)
        return [(d.far, d.is_drifted) for d in drifts if d.compared == "added"]

    assert added(np.full(5, 11.2)) == [(5, True)]
    assert added(np.full(4, 11.2)) == []  # a few odd ones are no unit
    assert added(np.full(50, 11.0)) == []  # dearer than all before, by less than three times
    # five of ninety-five are one in twenty
    assert added(np.concatenate([np.full(5, -1.0), np.full(90, 5.0)])) == [(5, True)]
    assert added(np.concatenate([np.full(4, -1.0), np.full(90, 5.0)])) == []


def test_shares_of_segments_by_hand_and_which_moved_most():
    # from half and half to a quarter and three: as test_psi_by_hand of the gate
    ids = np.array([1] * 30 + [2] * 10)
    (one,), most = share_drift({1: 0.5, 2: 0.5}, ids, LIMITS, is_judged=True)
    assert one.psi == pytest.approx(0.274653, abs=1e-6)
    assert one.is_drifted
    assert most == "segment 1 from 50% to 75%"
    assert drift_words([one], most) == [
        "the shares of segments jumped: PSI 0.275; allowed 0.25; most segment 1 from 50% to 75%"
    ]
    (told,), _ = share_drift({1: 0.5, 2: 0.5}, ids, LIMITS, is_judged=False)
    assert (told.limit, told.is_drifted) == (None, False)


def test_drifted_inputs_are_named_with_their_figures():
    drifts = [
        Drift("price", "all", 0.26, 0.25),
        Drift("price", "added", 4.0, 0.25),
        Drift("hour", "all", 0.1, 0.25),
    ]
    assert drift_words(drifts, "") == [
        "the inputs drifted: PSI of price 0.26, price of added rows 4; allowed 0.25"
    ]
    assert drift_words(drifts[2:], "") == []
