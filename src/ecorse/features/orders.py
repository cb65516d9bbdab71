"""Features of orders (or of any entity that has order lines), as blocks of numbers.

What belongs here: pure functions from sorted lines to one block of columns per feature.
What does not: scaling, weights and PCA (the pipeline in ``ecorse.segments``), reading data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.errors import DataError
from ecorse.features.blocks import Block, Floats
from ecorse.features.numbers import line_weights, number_block, sums_of
from ecorse.features.told import told_features, usable
from ecorse.features.wide import widen
from ecorse.models.ranked import Csr
from ecorse.models.segmentation_file import PERIODS, Feature
from ecorse.models.space import FeatureSpace, Lines
from ecorse.models.words import as_words, look_up


def sort_lines(frame: pl.DataFrame, entity: str) -> Lines:
    """Sort lines by entity and then by every other column; lines without entity are left out.

    Every sum below runs in this order on one thread, so the same rows in any order give the
    same bits (issue 2, P12).

    Raises
    ------
    DataError
        The frame has no such column.
    """
    if entity not in frame.columns:
        raise DataError(
            f"Input lines have no column {entity!r} (they have {', '.join(frame.columns)}); "
            "select it in [inputs] or change [segmentation] entity."
        )
    if frame[entity].null_count():
        frame = frame.drop_nulls(entity)
    return _sort_columns(frame.to_dict(), entity)


def _sort_columns(columns: dict[str, pl.Series], entity: str) -> Lines:
    """The same of columns that have an entity everywhere; each is let go when it is sorted.

    All lines are of one shop, so that ``shop_id`` decides nothing.
    """
    names = [entity, *sorted(columns.keys() - {entity})]
    keys = [name for name in names if name != "shop_id"]
    order = pl.DataFrame(columns).select(pl.arg_sort_by(keys)).to_series()
    frame = pl.DataFrame([columns.pop(name).gather(order) for name in names])
    codes = frame[entity].rle_id().cast(pl.Int64).to_numpy()
    return Lines(frame, frame[entity].unique(maintain_order=True), codes)


def clock_values(times: pl.Series, part: str) -> Floats:
    """Place of each time in its cycle: hours ``[0, 24)``, days from Monday, months from January.

    A missing time is in none: NaN.
    """
    stamp = times.dt
    if part == "hour":
        whole = stamp.hour().cast(pl.Float64) + stamp.minute().cast(pl.Float64) / 60.0
    elif part == "weekday":
        whole = stamp.weekday().cast(pl.Float64) - 1.0
    else:
        whole = stamp.month().cast(pl.Float64) - 1.0
    return whole.to_numpy()


def cycle(lines: Lines, column: str, part: str) -> Floats:
    """Mean sine and cosine of the time of day, weekday or month: shape ``(n, 2)``.

    23:30 and 00:30 are neighbours on a circle, and 24 hours apart on a line. Lines without a time
    (a date alone tells no hour) say nothing; an entity that has none is in the middle, (0, 0).

    Source: Mardia & Jupp, Directional Statistics (2000), section 2.2.
    """
    angle = 2.0 * np.pi * clock_values(lines.frame[column], part) / PERIODS[part]
    known = np.isfinite(angle)
    angle = np.where(known, angle, 0.0)
    sums = [sums_of(lines, np.sin(angle) * known), sums_of(lines, np.cos(angle) * known)]
    times = np.maximum(sums_of(lines, known.astype(np.float64)), 1.0)
    return np.column_stack(sums) / times[:, None]


def shares(lines: Lines, column: str, vocabulary: Sequence[str], weigh_by: str = "") -> Csr:
    """Share of each known value within an entity: sparse ``(n, len(vocabulary))``, 0 to 1.

    With one value per entity this is one-hot. Unseen values have no column, so a row sums to less
    than 1 by their share.
    """
    weights = line_weights(lines, weigh_by)
    code_of = {value: code for code, value in enumerate(vocabulary)}
    line_codes = look_up(lines.frame[column], code_of)
    known = line_codes >= 0
    entity = lines.entity[known]
    starts = np.concatenate([[0], np.cumsum(np.bincount(entity, minlength=lines.n))])
    shape = (lines.n, len(vocabulary))
    table = sparse.csr_matrix((weights[known], line_codes[known], starts), shape=shape)
    table.sum_duplicates()
    table.data /= np.repeat(sums_of(lines, weights), np.diff(table.indptr))
    table.eliminate_zeros()
    return table


def learn_vocabulary(lines: Lines, features: Sequence[Feature]) -> dict[str, list[str]]:
    """The values that get a column, per share feature: the ``top`` most frequent, in text order."""
    vocabulary = {}
    for feature in features:
        if feature.kind == "share":
            counts = (
                lines.frame.select(value=pl.col(feature.column))
                .drop_nulls()
                .group_by("value")
                .len()
                .with_columns(pl.col("value").cast(pl.String))
                .sort(["len", "value"], descending=[True, False])
            )
            vocabulary[feature.name] = sorted(counts["value"].head(feature.top).to_list())
    return vocabulary


def build_blocks(
    lines: Lines, features: Sequence[Feature], vocabulary: Mapping[str, Sequence[str]]
) -> list[Block]:
    """Compute every declared feature, in the declared order.

    A share feature without any known value (an empty column) gives one column of zeros.
    """
    return [_block(lines, feature, list(vocabulary.get(feature.name, ()))) for feature in features]


def _block(lines: Lines, feature: Feature, known: list[str]) -> Block:
    name = feature.name
    if feature.is_number:
        return number_block(lines, feature)
    if feature.kind == "cycle":
        return Block(
            feature, (f"{name}_sin", f"{name}_cos"), cycle(lines, feature.column, feature.part)
        )
    values = (
        shares(lines, feature.column, known, feature.weigh_by) if known else np.zeros((lines.n, 1))
    )
    return Block(feature, tuple(f"{name}={value}" for value in known) or (f"{name}=",), values)


def blocks_of(
    space: FeatureSpace, vocabulary: Mapping[str, Sequence[str]] | None = None
) -> list[Block]:
    """The declared features of a space, computed once per vocabulary.

    ``vocabulary`` is that of tonight's lines where none is given (``learn_vocabulary``).
    """
    if vocabulary is None:
        vocabulary = learn_vocabulary(space.lines, space.features)
    key = json.dumps(vocabulary, sort_keys=True)
    if key not in space.blocks:
        space.blocks[key] = build_blocks(space.lines, space.features, vocabulary)
    blocks: list[Block] = space.blocks[key]
    return blocks


def feature_space(
    frame: pl.DataFrame,
    features: Sequence[Feature],
    entity_column: str,
    before: Sequence[Feature] = (),
) -> FeatureSpace:
    """One shop's lines as a segmentation gets them, without features they say nothing of.

    ``before`` are the features of the published model: what its attributes were they stay.

    Raises
    ------
    DataError
        A column that the features or the entity need is missing, or the lines say nothing of any
        feature.
    """
    frame, features, left_out = widen(frame, features, entity_column, before)
    needed = {entity_column}
    for feature in features:
        needed |= {feature.column, feature.weigh_by} - {""}
    if missing := sorted(needed - set(frame.columns)):
        raise DataError(
            f"Input 'lines' has no column {', '.join(missing)} (it has "
            f"{', '.join(frame.columns)}); select it in [inputs] of the declaration."
        )
    if frame[entity_column].null_count():
        frame = frame.drop_nulls(entity_column)
    told = told_features(frame, features)
    used = usable(told)
    if not used:
        raise DataError(
            f"The lines have no value of any feature: {', '.join(f.column for f in features)} are "
            "empty. Select columns that the shop's sources fill in [inputs]."
        )
    columns = frame.to_dict()
    del frame
    for name in {f.column for f in features if f.kind == "share"} - {entity_column}:
        if columns[name].dtype in (pl.String, pl.Categorical):
            columns[name] = as_words(columns[name])
    return FeatureSpace(
        _sort_columns(columns, entity_column), used, entity_column, (*told, *left_out)
    )
