"""Repeated rows are decided within a block, and across blocks none is missed."""

from __future__ import annotations

import numpy as np
import polars as pl

from ecorse.clean.duplicates import SeenRows

KEY = ("id", "day")


def rows(*values: int, first_line: int = 2) -> pl.DataFrame:
    """A row per value: its key is made of the value, ``said`` is always the same."""
    return pl.DataFrame(
        {
            "source_line": range(first_line, first_line + len(values)),
            "id": [str(v) for v in values],
            "day": [v % 7 for v in values],
            "said": ["x"] * len(values),
        },
        schema={"source_line": pl.Int64, "id": pl.String, "day": pl.Int64, "said": pl.String},
    )


def alike(*said: str | None, first_line: int = 2) -> pl.DataFrame:
    """Rows of one key that say something else each."""
    return rows(*[1] * len(said), first_line=first_line).with_columns(
        pl.Series("said", said, pl.String)
    )


def originals(seen: SeenRows) -> set[int]:
    return {line for part in seen.originals() for line in part.tolist()}


def test_a_repetition_is_certain_within_a_block_and_suspected_across_blocks():
    seen = SeenRows(10_000, KEY)
    repeated, candidate, *_ = seen.judge(rows(1, 2, 1, 3))
    assert repeated.to_list() == [False, False, True, False]
    assert not candidate.any()
    repeated, candidate, *_ = seen.judge(rows(4, 2, 5, 2, first_line=6))
    assert repeated.to_list() == [False, False, False, True]
    assert candidate.to_list() == [False, True, False, False]
    assert originals(seen) == {3}  # the line of 2 in the first block


def test_a_row_of_the_same_key_that_says_something_else_is_new():
    seen = SeenRows(10_000, KEY)
    repeated, candidate, *_ = seen.judge(alike("a", "b", None, "a", None, "c"))
    assert repeated.to_list() == [False, False, False, True, True, False]
    assert not candidate.any()
    # in the next block each of them is suspected, but for the one that repeats a row of this block
    repeated, candidate, *_ = seen.judge(alike("d", "b", "d", first_line=8))
    assert repeated.to_list() == [False, False, True]
    assert candidate.to_list() == [True, True, False]
    assert originals(seen) == {2, 3, 4, 7}


def test_what_only_postgres_can_compare_is_left_undecided():
    seen = SeenRows(10_000, KEY, inexact=("said",))
    repeated, candidate, *_ = seen.judge(alike('{"a": 1}', '{"a": 1.0}', '{"a": 1}'))
    assert repeated.to_list() == [False, False, True]
    assert candidate.to_list() == [False, True, False]
    assert originals(seen) == {2}


def test_a_full_filter_marks_more_and_still_misses_none():
    seen = SeenRows(1, KEY)
    first = range(200_000)  # far more than a filter for one byte is made for
    seen.judge(rows(*first))
    assert seen.judge(rows(*first, first_line=200_002)).candidate.all()
    assert originals(seen) == set(range(2, 200_002))


def test_a_row_that_was_suspected_in_vain_has_no_original():
    seen = SeenRows(1, KEY)
    numbers = np.random.default_rng(6).permutation(60_000)
    suspected = 0
    for start in range(0, 60_000, 10_000):
        verdict = seen.judge(rows(*numbers[start : start + 10_000].tolist(), first_line=start))
        suspected += int(verdict.candidate.sum())
        assert not verdict.repeated.any()
    assert suspected > 10_000  # the filter is too small by far
    assert originals(seen) == set()


def test_few_new_rows_are_suspected_at_the_expected_size():
    seen = SeenRows(100_000 * 64, KEY)
    suspected = sum(
        int(seen.judge(rows(*range(start, start + 10_000))).candidate.sum())
        for start in range(0, 100_000, 10_000)
    )
    # even one bit array of 16 bits per row and 4 probes would suspect (1 - e^(-4/16))^4 = 0.24 %
    assert suspected < 240
