"""The filter for repeated rows never misses one."""

from __future__ import annotations

import polars as pl

from ecorse.clean.duplicates import SeenRows


def rows(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"id": [str(v) for v in values], "day": [v % 7 for v in values]})


def test_repetitions_within_and_across_blocks_are_marked():
    seen = SeenRows(file_bytes=10_000)
    assert seen.candidates(rows(1, 2, 1, 3)).to_list() == [False, False, True, False]
    assert seen.candidates(rows(4, 2, 5)).to_list() == [False, True, False]


def test_a_full_filter_marks_more_and_still_misses_none():
    seen = SeenRows(file_bytes=1)
    first = range(200_000)  # far more than a filter for one byte is made for
    seen.candidates(rows(*first))
    assert seen.candidates(rows(*first)).all()


def test_few_new_rows_are_suspected_at_the_expected_size():
    seen = SeenRows(file_bytes=100_000 * 64)
    suspected = sum(
        int(seen.candidates(rows(*range(start, start + 10_000))).sum())
        for start in range(0, 100_000, 10_000)
    )
    # even one bit array of 16 bits per row and 4 probes would suspect (1 - e^(-4/16))^4 = 0.24 %
    assert suspected < 240
