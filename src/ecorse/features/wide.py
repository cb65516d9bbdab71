"""A table of attributes as features: one per attribute, as its values are; what is none is said.

What belongs here: from rows of (entity, attribute, value) to columns, features and what was left
out. What does not: computing the features (``orders``, ``numbers``).

Each attribute becomes one feature of the declared weight: few different texts a ``share``, numbers
a ``mean``, and numbers that run over many sizes a ``log_mean``. Left out, with the reason: what is
the same for all, dates, what hardly two entities share (ids, free text), and what is named as a key
of the rows. Codes written in digits (``01001``) are texts: an average of them says nothing. What an
attribute was for the published model it stays while it can be read so: one customer more is no
reason for another feature space.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ecorse.models.segmentation_file import WORDINGS, Feature
from ecorse.models.space import Told

VALUE = "value_text"
KEY = "\0"  # in place of an attribute's name, where that is the name of a key
DATE = r"^\d{4}-\d{2}-\d{2}"
WIDE_RANGE = 10.0  # the largest over the median: from there on a number is put on a logarithm
FEW_NUMBERS = 2  # a number of two values is a yes or no
WRITTEN_CODE = r"^(0\d+|\+\d{5,})$"  # a number is not written with a leading zero, nor so with +
CODE = r"^\d{4,}$"  # whole numbers of one length, from 4 digits, are codes rather than sizes ...
YEAR = r"^(1[89]|20|21)\d{2}$"  # ... unless all are years
READABLE = 0.9  # an attribute stays a number while so much of it is one


def widen(
    frame: pl.DataFrame,
    features: Sequence[Feature],
    entity: str,
    before: Sequence[Feature] = (),
) -> tuple[pl.DataFrame, tuple[Feature, ...], tuple[Told, ...]]:
    """Spread the attributes of a feature of kind ``attributes``; give rows, features, what is out.

    Without such a feature everything is as it was. The rows that come back are one per entity.
    ``before`` are the features of the published model.
    """
    spread = next((feature for feature in features if feature.kind == "attributes"), None)
    if spread is None or spread.column not in frame.columns or VALUE not in frame.columns:
        return frame, tuple(features), ()
    keys = [name for name in ("shop_id", entity) if name in frame.columns]
    told = frame.select(*keys, pl.col(spread.column).cast(pl.String), pl.col(VALUE))
    is_key = pl.col(spread.column).is_in(keys)
    free = pl.when(is_key).then(pl.lit(KEY)).otherwise(spread.column)
    wide = told.with_columns(free.alias(spread.column)).pivot(
        on=spread.column, index=keys, values=VALUE, aggregate_function="first", sort_columns=True
    )
    wide = wide.drop(KEY, strict=False)
    found: list[Feature] = []
    out = _named_as_keys(told.filter(is_key), spread, entity, wide.height)
    names = [column for column in wide.columns if column not in keys]
    said = {name: name.replace("_", " ") for name in names}
    for name in names:
        is_alone = list(said.values()).count(said[name]) == 1
        base = _base(name, said[name] if is_alone else name, spread)
        feature, reason = _as_feature(base, wide[name], before)
        if reason:
            out.append(Told(feature, 1.0 - wide[name].null_count() / max(wide.height, 1), reason))
            continue
        found.append(feature)
        if feature.is_number:
            wide = wide.with_columns(pl.col(name).cast(pl.Float64, strict=False))
    kept = [feature for feature in features if feature is not spread]
    return wide, (*kept, *found), tuple(out)


def _named_as_keys(rows: pl.DataFrame, spread: Feature, entity: str, n: int) -> list[Told]:
    """The attributes that have the name of a key of the rows, of which there can be one."""
    return [
        Told(
            _base(name, name, spread),
            rows.filter(pl.col(spread.column) == name)[entity].n_unique() / max(n, 1),
            f"{name} is the name of a key of the rows; give the attribute another in the mapping",
        )
        for name in rows[spread.column].unique().sort()
    ]


def _base(name: str, said: str, spread: Feature) -> Feature:
    """An attribute as a share, which everything can be."""
    return Feature(
        name=said,
        column=name,
        weight=spread.weight,
        watch_drift=spread.watch_drift,
        kind="share",
        top=spread.top,
        words=f"{said}: {{}}",
    )


def _as_feature(share: Feature, texts: pl.Series, before: Sequence[Feature]) -> tuple[Feature, str]:
    """The feature that an attribute is, or why it is none."""
    known = texts.drop_nulls()
    different, n = known.n_unique(), len(texts)
    if not different:
        return share, f"no row has a value ({share.column} is empty)"
    numbers = known.cast(pl.Float64, strict=False)
    was = next((one for one in before if one.column == share.column), None)
    is_code = known.str.contains(WRITTEN_CODE).any()
    if was is not None and not is_code and (again := _again(share, was, known, numbers)):
        return again, ""
    if different <= 1 and len(known) == n:
        return share, f"it is the same everywhere ({share.column} = {known[0]})"
    if known.str.contains(DATE).all():
        return share, "it is a date, which is no habit"
    is_few = different <= min(share.top, n / 2)
    if is_code or (different > FEW_NUMBERS and _is_of_one_length(known)):
        return share, "" if is_few else (
            f"it has {different:,} different values that look like codes ({known[0]}), of which "
            "an average says nothing"
        )
    if numbers.null_count() or different <= FEW_NUMBERS:
        if not is_few:
            return (
                share,
                f"it has {different:,} different values for {n:,} rows: an id or free text",
            )
        return share, ""
    if different == n and _counts_on(numbers):
        return share, "every row has a number of its own, one after the other: an id"
    ordered = numbers.sort()
    least, middle, most = (float(ordered[at]) for at in (0, len(ordered) // 2, -1))
    if least >= 0 and most > WIDE_RANGE * max(middle, 1.0):
        return _number(share, "log_mean", numbers), ""
    return _number(share, "mean", numbers), ""


def _again(share: Feature, was: Feature, known: pl.Series, numbers: pl.Series) -> Feature | None:
    """The attribute as the published model has it, where it can be read so tonight."""
    if was.kind == "share":
        can = known.n_unique() <= share.top
        again = share
    else:
        there = numbers.drop_nulls()
        can = len(there) >= READABLE * len(known)
        if was.kind == "log_mean":
            can = can and bool((there >= 0).all())
        again = _number(share, was.kind, there)
    # of another declaration (weight, top) it is another feature
    is_same = again.model_dump(exclude=WORDINGS) == was.model_dump(exclude=WORDINGS)
    return again if can and is_same else None


def _number(share: Feature, kind: str, numbers: pl.Series) -> Feature:
    """The attribute as a number; counts are written as such."""
    is_count = bool((numbers >= 0).all() and (numbers == numbers.round()).all())
    own = {"name", "column", "weight", "watch_drift"}
    plus = {"plus": 1.0} if kind == "log_mean" else {}
    unit = "count" if is_count else ""
    return Feature(**share.model_dump(include=own), kind=kind, unit=unit, **plus)


def _is_of_one_length(known: pl.Series) -> bool:
    """Whether all are whole numbers of as many digits, four or more, and not all years."""
    lengths = known.str.len_chars()
    is_one = lengths.n_unique() == 1 and known.str.contains(CODE).all()
    return bool(is_one and not known.str.contains(YEAR).all())


def _counts_on(numbers: pl.Series) -> bool:
    """Whether different whole numbers lie as close as a count of rows does."""
    low, high = float(numbers.min() or 0), float(numbers.max() or 0)  # type: ignore[arg-type]
    return bool((numbers == numbers.round()).all()) and high - low < 2 * len(numbers)
