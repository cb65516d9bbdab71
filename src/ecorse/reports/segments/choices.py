"""What the report says of how segments were made: approach, features, settings tried and taken.

What belongs here: rows to sentences and tables; every figure is taken from a row. What does not:
what came of it (``words``), plots (``plots``), the page (``page``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.reports.segments.blocks import (
    Block,
    Items,
    Table,
    Text,
    count,
    figure,
    percent,
    several,
    yes,
)
from ecorse.reports.segments.read import One, Row
from ecorse.reports.segments.words import IN_NONE, real_segments, words

APPROACH = {
    "kmeans": "Features are scaled and weighted, reduced to principal components, and grouped "
    "around centres (k-means). The number of segments is chosen by several measures together.",
    "dbscan": "Groups are where many are alike (DBSCAN): dense places with thinner ground between "
    "them. Who lives on thin ground is in no segment.",
    "hdbscan": "Groups are where many are alike, each at its own density (HDBSCAN). Who lives on "
    "thin ground is in no segment.",
    "hierarchical": "The two nearest groups are joined again and again (Ward's method, on a "
    "sample); the tree is cut where it gives the best segments, and everybody else goes to the "
    "nearest one.",
    "rfm": "Each customer has scores from 1 to 5 for how recently, how often and for how much they "
    "bought. A declared table says which scores make which group.",
    "by_column": "Each value of a declared column is a segment; nothing is learned.",
    "value_tiers": "A purchase model (BG/NBD with Gamma-Gamma) expects what each customer will "
    "spend in the next days; tiers are cut by that value.",
}
FIGURES = {
    "silhouette": "silhouette (how much nearer to its own segment than to the next; 1 is best)",
    "calinski_harabasz": "Calinski–Harabasz (variance between by variance within; more is better)",
    "stability": "stability (agreement of refits on resampled rows; 1 is best)",
    "noise_share": "share in no segment",
    "variance_share": "variance kept by the principal components",
    "density_validity": "density validity (−1 to 1; above 0 groups are denser than between)",
    "expected_by_actual": "expected by actual purchases in the test period (1 is best)",
    "interval_hits": "share of next orders that fell into their interval",
}


def approach(one: One) -> Iterator[Block]:
    """How the segments were made, of which features, and which were left out and why."""
    segments = real_segments(one)
    members = sum(row["members"] for row in one.rows("segments"))
    known = APPROACH.get(one.model_class)
    if known is None:
        known = (
            f"The segments are made by the model class {one.model_class or 'of a former night'}."
        )
    yield Text(known)
    if members:
        told = f"It parts {count(members)} {one.noun} into {several(len(segments), 'segment')}"
        apart = sum(r["members"] for r in one.rows("segments") if r["segment_id"] == IN_NONE)
        yield Text(told + (f"; {count(apart)} are in none." if apart else "."))
    features = one.rows("segmentation_features")
    used = [row["feature"] for row in features if row["is_used"]]
    left = [row for row in features if not row["is_used"]]
    if used:
        yield Text(f"Features used ({len(used)}): {', '.join(words(name) for name in used)}.")
    some = [row for row in features if row["is_used"] and row["known_share"] < 1]
    if some:
        which = [f"{words(row['feature'])} ({percent(row['known_share'])})" for row in some]
        yield Text(f"Known of not all: {', '.join(which)}. Who has no value stands at the mean.")
    if left:
        yield Table(
            f"Left out ({len(left)}), and why",
            ("Feature", "Has a value", "Why"),
            [
                (words(row["feature"]), percent(row["known_share"]), row["reason"])
                for row in left
            ],
            frozenset({"Has a value"}),
        )  # fmt: skip


def choice(one: One) -> Iterator[Block]:
    """Which settings were tried, which was taken, and why."""
    for row in chosen(one.rows("segmentation_k")):
        yield Text(_taken(several(row["k"], "segment"), row["k"] > 1, row["reason"]))
    if curve := one.rows("segmentation_k"):
        yield Table(
            "Every number of segments that was tried",
            ("Segments", "Silhouette", "Calinski–Harabasz", "Stability", "Smallest share",
             "Elbow", "Chosen", "Why"),
            [
                (count(r["k"]), figure(r["silhouette"], 3), figure(r["calinski_harabasz"], 1),
                 figure(r["stability"], 3), percent(r["smallest_share"]), yes(r["is_elbow"]),
                 yes(r["is_chosen"]), r["reason"])
                for r in curve
            ],
            frozenset({"Segments", "Silhouette", "Calinski–Harabasz", "Stability",
                       "Smallest share"}),
        )  # fmt: skip
    for row in chosen(one.rows("segmentation_density_grid")):
        at_least = f"at least {several(row['min_samples'], 'neighbour')}"
        near = "" if row["eps"] is None else f" within a distance of {figure(row['eps'], 3)}"
        yield Text(_taken(f"{at_least.capitalize()}{near}", False, row["reason"]))
    if grid := one.rows("segmentation_density_grid"):
        yield Table(
            "Every density that was tried",
            ("Setting", "Neighbours", "Distance", "Segments", "In none", "Density validity",
             "Chosen", "Why"),
            [
                (count(r["setting"]), count(r["min_samples"]), figure(r["eps"], 3),
                 count(r["segments"]), percent(r["noise_share"]),
                 figure(r["density_validity"], 3), yes(r["is_chosen"]), r["reason"])
                for r in grid
            ],
            frozenset({"Setting", "Neighbours", "Distance", "Segments", "In none",
                       "Density validity"}),
        )  # fmt: skip
    if trials := one.rows("segmentation_trials"):
        won = next(iter(chosen(trials)), None)
        yield Text(
            f"{several(len(trials), 'setting')} searched by {words(trials[0]['objective'])}; "
            + (
                f"number {won['trial']} was taken: {won['reason'].removeprefix('chosen: ')}."
                if won
                else "none was better."
            )
        )
    yield from _judged(one)


def _taken(what: str, are_more: bool, reason: str) -> str:
    """``3 segments were chosen: ...``, from a reason that begins with the word."""
    why = reason.removeprefix("chosen: ").rstrip(".")
    return f"{what} {'were' if are_more else 'was'} chosen: {why}."


def _judged(one: One) -> Iterator[Block]:
    """The figures that the model is judged by."""
    told = [
        f"{FIGURES[row['metric']]}: {_written(row['metric'], row['value'])}"
        for row in one.rows("scores")
        if row["metric"] in FIGURES
    ]
    if told:
        yield Text("How good tonight's segments are; large shops are measured on a sample:", "soft")
        yield Items(told)


def _written(metric: str, value: float) -> str:
    """A figure with as many digits as say something."""
    if metric.endswith("_share"):
        return percent(value)
    return figure(value, 1 if metric == "calinski_harabasz" else 3)


def chosen(rows: list[Row]) -> list[Row]:
    """The rows that were taken."""
    return [row for row in rows if row["is_chosen"]]
