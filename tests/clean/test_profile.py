"""Profiles of columns, block by block: what each says of all rows, counted a second way."""

from __future__ import annotations

import random
from collections import Counter
from itertools import chain

import polars as pl

from ecorse.clean.profile import CACHE, MOST_FREQUENT, Profiles

BLOCKS = 5


def _metrics(blocks: list[tuple[pl.DataFrame, pl.DataFrame]]) -> tuple[dict, dict]:
    profiles = Profiles()
    for raw, clean in blocks:
        profiles.add(raw, clean, {})
    return (
        {name: column.metrics() for name, column in profiles.raw.columns.items()},
        {name: column.metrics() for name, column in profiles.clean.columns.items()},
    )


def _expected(values: list[str | None]) -> dict[str, str]:
    known = [value for value in values if value is not None]
    counts = Counter(known)
    most = min(value for value, count in counts.items() if count == max(counts.values()))
    return {"rows": str(len(values)), "nulls": str(len(values) - len(known)),
            "min": min(known), "max": max(known), MOST_FREQUENT: most}  # fmt: skip


def _without_distinct(metrics: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in metrics.items() if name != "distinct_approx"}


def test_few_values_and_many_are_profiled_as_counted_by_hand():
    rng = random.Random(7)
    few = [[rng.choice(["b", "c", "é", None]) for _ in range(900)] for _ in range(BLOCKS)]
    few[1][5], few[3][7] = "a", "ü"  # lowest and highest come late, once each
    many = [[f"{rng.random():.9f}" for _ in range(900)] for _ in range(BLOCKS)]
    nothing = pl.Series("nothing", [None] * 900, dtype=pl.String)
    blocks = [
        pl.DataFrame({"few": f, "many": m}).with_columns(nothing)
        for f, m in zip(few, many, strict=True)
    ]
    raw, clean = _metrics([(block, block.select("many", "few")) for block in blocks])
    whole = {"few": list(chain(*few)), "many": list(chain(*many))}
    for name, values in whole.items():
        assert _without_distinct(raw[name]) == _expected(values)
        assert clean[name] == raw[name]
        distinct = len({value for value in values if value is not None})
        assert abs(int(raw[name]["distinct_approx"]) - distinct) <= distinct // 50
    assert raw["nothing"] == {"rows": str(900 * BLOCKS), "nulls": str(900 * BLOCKS),
                              "distinct_approx": "0"}  # fmt: skip


def test_values_that_share_a_place_in_the_cache_are_all_met():
    """More values than the cache has places, each a few times: some put others out of it."""
    values = [f"v{i % (2 * CACHE):06d}" for i in range(6 * CACHE)]
    thirds = [values[i::3] for i in range(3)]
    blocks = [pl.DataFrame({"column": ["v003000"] * 5 * CACHE + third}) for third in thirds]
    raw, _ = _metrics([(block, pl.DataFrame()) for block in blocks])
    assert (raw["column"]["min"], raw["column"]["max"]) == ("v000000", f"v{2 * CACHE - 1:06d}")
    assert abs(int(raw["column"]["distinct_approx"]) - 2 * CACHE) < 2 * CACHE / 50


def test_a_clean_column_goes_its_own_way_from_where_it_differs():
    first, second = ["x", "y"], ["z", "a"]
    blocks = [
        (pl.DataFrame({"column": first}), pl.DataFrame({"column": first})),
        (pl.DataFrame({"column": second}), pl.DataFrame({"column": ["y"]})),
        (pl.DataFrame({"column": first}), pl.DataFrame({"column": first})),
    ]
    raw, clean = _metrics(blocks)
    assert _without_distinct(raw["column"]) == _expected([*first, *second, *first])
    assert _without_distinct(clean["column"]) == _expected([*first, "y", *first])
    assert (raw["column"]["distinct_approx"], clean["column"]["distinct_approx"]) == ("4", "2")


def test_numbers_of_a_text_column_are_not_those_of_the_text():
    raw = pl.DataFrame({"column": ["9", "10"]})
    profiles = Profiles()
    profiles.add(raw, raw, {"column": raw["column"].cast(pl.Float64)})
    found = profiles.raw.columns["column"].metrics(), profiles.clean.columns["column"].metrics()
    assert [(m["min"], m["max"], m.get("mean")) for m in found] == [
        ("9.0", "10.0", "9.5"),
        ("10", "9", None),
    ]
