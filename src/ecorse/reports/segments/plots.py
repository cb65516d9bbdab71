"""The figures of the report, drawn from its rows.

What belongs here: rows to PNG. What does not: choosing rows (``read``), words around a figure
(``page``), what all figures share (``canvas``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import log2
from typing import Any

from ecorse.reports.segments.blocks import percent
from ecorse.reports.segments.canvas import (
    COLORS,
    GREY,
    INK,
    colors_of,
    heat,
    label,
    new_figure,
    png,
)
from ecorse.reports.segments.read import One, Row

MOST_CATEGORIES = 6
MOST_VALUES = 24  # columns of the heat map
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def sizes(one: One) -> bytes:
    """Share of members and share of revenue of each segment, as bars."""
    segments = one.rows("segments")[::-1]
    profiles = [row for row in one.rows("segment_profiles") if row["orders"]]
    worth = {row["segment_id"]: row["revenue_share"] for row in profiles}
    colors = colors_of(one)
    made, (ax,) = new_figure(1.1 + 0.62 * len(segments))
    bars: list[tuple[float, float, str, float]] = []
    for place, row in enumerate(segments):
        bars.append((place + 0.19, row["share"], colors[row["segment_id"]], 1.0))
        if (share := worth.get(row["segment_id"])) is not None:
            bars.append((place - 0.19, float(share), colors[row["segment_id"]], 0.45))
    for at, share, color, alpha in bars:
        ax.barh(at, share, 0.36, color=color, alpha=alpha)
        ax.text(share, at, f" {percent(share)}", va="center", fontsize=8, color=INK)
    ax.set_yticks(range(len(segments)), [label(r["segment_name"]) for r in segments])
    ax.set_xlim(0, max(share for _, share, _, _ in bars) * 1.14)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    told = f"Dark: share of {one.noun}, pale: share of revenue" if worth else "Share"
    ax.set_title(told, fontsize=10, loc="left")
    return png(made)


def scatter(one: One, points: Sequence[Row]) -> bytes:
    """A sample on two axes, a colour per segment."""
    made, (ax,) = new_figure(4.6)
    names = {row["segment_id"]: row["segment_name"] for row in one.rows("segments")}
    for segment, color in colors_of(one).items():
        own = [row for row in points if row["segment_id"] == segment]
        if own:
            ax.scatter(
                [r["pc1"] for r in own], [r["pc2"] for r in own], s=9, color=color, alpha=0.6,
                linewidths=0, label=label(names.get(segment, str(segment)), 30),
            )  # fmt: skip
    components = one.rows("segmentation_components")
    shares = {row["component"]: row["explained_variance_share"] for row in components}
    for number, name in ((1, ax.set_xlabel), (2, ax.set_ylabel)):
        told = f" ({percent(shares[number])} of the differences)" if number in shares else ""
        name(f"Axis {number}{told}", fontsize=9)
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False, markerscale=2.2
    )
    return png(made)


def k_curves(curve: Sequence[Row]) -> bytes:
    """Elbow, silhouette and stability over the number of segments, the chosen one marked."""
    panels = (
        ("inertia", "Spread within (elbow)"),
        ("silhouette", "Silhouette"),
        ("stability", "Stability"),
    )
    made, axes = new_figure(2.7, len(panels))
    taken = next((row["k"] for row in curve if row["is_chosen"]), None)
    for ax, (name, title) in zip(axes, panels, strict=True):
        known = [(row["k"], row[name]) for row in curve if row[name] is not None]
        ax.plot([k for k, _ in known], [v for _, v in known], "o-", color=COLORS[0], markersize=4)
        if taken is not None:
            ax.axvline(taken, color=COLORS[1], linestyle="--", linewidth=1.2)
        ax.set_title(title, fontsize=10, loc="left")
        ax.set_xlabel("Number of segments", fontsize=9)
        ax.set_xticks([row["k"] for row in curve])
    return png(made)


def k_distance(rows: Sequence[Row]) -> bytes:
    """How near the neighbours are, sorted, for each number of neighbours; the knee marked."""
    made, (ax,) = new_figure(3.2)
    for number, least in enumerate(sorted({row["min_samples"] for row in rows})):
        own = [row for row in rows if row["min_samples"] == least]
        color = COLORS[number % len(COLORS)]
        ax.plot([r["rows_share"] for r in own], [r["distance"] for r in own], color=color,
                label=f"to neighbour {least}")  # fmt: skip
        for knee in (row for row in own if row["is_knee"]):
            ax.plot(knee["rows_share"], knee["distance"], "o", color=color, markersize=7)
    ax.set_xlabel("Share of rows, densest first; the dot is where the curve turns up", fontsize=9)
    ax.set_ylabel("Distance", fontsize=9)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.legend(fontsize=8, frameon=False)
    return png(made)


def dendrogram(tree: Sequence[Row]) -> bytes:
    """The last joins of the tree; below the cut each branch has one colour."""
    import numpy as np
    from scipy.cluster import hierarchy

    n = len(tree) + 1
    links = [[r["left_node"], r["right_node"], r["height"], r["members"]] for r in tree]
    above = [row["height"] for row in tree if not row["is_below_cut"]]
    below = [row["height"] for row in tree if row["is_below_cut"]]
    cut = (min(above) + max(below, default=0.0)) / 2 if above else None
    made, (ax,) = new_figure(3.4)
    hierarchy.set_link_color_palette(list(COLORS))
    hierarchy.dendrogram(
        np.asarray(links, dtype=np.float64), p=min(30, n), truncate_mode="lastp", ax=ax,
        color_threshold=cut, above_threshold_color=GREY, no_labels=True,
    )  # fmt: skip
    if cut is not None:
        ax.axhline(cut, color=COLORS[1], linestyle="--", linewidth=1.2)
    ax.set_ylabel("Distance at which they join", fontsize=9)
    ax.set_xlabel(f"Groups of a sample of {n:,}; the dashed line is the cut", fontsize=9)
    return png(made)


def migration(one: One, moves: Sequence[Row]) -> bytes:
    """From which segment to which since the night before, as shares of the origin."""
    from_names = {r["from_segment_id"]: r["from_segment_name"] for r in moves}
    to_names = {r["to_segment_id"]: r["to_segment_name"] for r in moves}
    rows, columns = sorted(from_names), sorted(to_names)
    share = {(r["from_segment_id"], r["to_segment_id"]): r for r in moves}
    values = [[share.get((f, t), {}).get("share_of_from") for t in columns] for f in rows]
    texts = [[_members(share.get((f, t))) for t in columns] for f in rows]
    height = 1.9 + 0.55 * len(rows)
    made, (ax,) = new_figure(height)
    heat(ax, values, texts, 0.0, 1.0, "Blues")
    ax.set_yticks(range(len(rows)), [label(from_names[i], 32) for i in rows])
    ax.set_xticks(range(len(columns)), [label(to_names[i], 22, 3) for i in columns],
                  rotation=35, ha="right", fontsize=8)  # fmt: skip
    ax.set_title(f"{one.noun.capitalize()} from (row) to (column)", fontsize=10, loc="left")
    return png(made)


def _members(row: Row | None) -> str:
    return "" if row is None else f"{row['members']:,}"


def rfm_grid(one: One, rows: Sequence[Row]) -> bytes:
    """Customers by recency score and by score of frequency and money, coloured by their segment."""
    from matplotlib.patches import Patch, Rectangle

    made, (ax,) = new_figure(4.4)
    colors, seen = colors_of(one), {}
    for r_score in range(1, 6):
        for fm_score in range(1, 6):
            own = [r for r in rows if (r["r_score"], r["fm_score"]) == (r_score, fm_score)]
            most = max(own, key=lambda r: r["customers"], default=None)
            color = colors.get(most["segment_id"], GREY) if most else "#f2f4f7"
            ax.add_patch(Rectangle((r_score - 0.5, fm_score - 0.5), 1, 1, facecolor=color,
                                   edgecolor="white", linewidth=2, alpha=0.75))  # fmt: skip
            total = sum(row["customers"] for row in own)
            ax.text(r_score, fm_score, f"{total:,}" if total else "", ha="center", va="center",
                    fontsize=10, color=INK)  # fmt: skip
            if most:
                seen[most["segment_name"]] = color
    ax.set_xlim(0.5, 5.5)
    ax.set_ylim(0.5, 5.5)
    ax.set_xlabel("Recency score: 5 bought last", fontsize=9)
    ax.set_ylabel("Frequency and money score: 5 is most", fontsize=9)
    ax.legend(
        handles=[Patch(color=c, alpha=0.75, label=label(n, 26)) for n, c in seen.items()],
        loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False,
    )  # fmt: skip
    return png(made)


def profile(one: One, indices: Sequence[Row]) -> bytes:
    """How much more or less than the shop each segment has of a value: a heat map of indices."""
    segments, columns = one.rows("segments"), list(columns_of(indices))
    value = {(r["segment_id"], r["kind"], r["value"]): r["index"] for r in indices}
    # a segment that bought nothing of a value has no row for it, if it has rows of the kind
    has = {(r["segment_id"], r["kind"]) for r in indices}
    values = [
        [
            _number(value.get((i, kind, name), 0.0 if (i, kind) in has else None))
            for kind, name, _ in columns
        ]
        for i in (row["segment_id"] for row in segments)
    ]
    texts = [["" if v is None else f"{v:.1f}" for v in row] for row in values]
    made, (ax,) = new_figure(2.2 + 0.55 * len(segments))
    logs = [[None if v is None else log2(min(max(v, 0.25), 4.0)) for v in row] for row in values]
    heat(ax, logs, texts, -2.0, 2.0, "RdBu_r")
    counts = [f"{r['segment_name']} ({r['members']:,} {one.noun})" for r in segments]
    ax.set_yticks(range(len(segments)), [label(told, 32) for told in counts])
    ax.set_xticks(range(len(columns)), [shown for _, _, shown in columns],
                  rotation=55, ha="right", fontsize=8)  # fmt: skip
    kinds = [kind for kind, _, _ in columns]
    for place in range(1, len(kinds)):
        if kinds[place] != kinds[place - 1]:
            ax.axvline(place - 0.5, color=INK, linewidth=1.2)
    ax.set_title("1.0 is as in the whole shop; 2.0 twice as much (red), 0.5 half as much (blue)",
                 fontsize=10, loc="left")  # fmt: skip
    return png(made)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def columns_of(indices: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    """Kind, value and label of the columns: the largest categories, price bands, dayparts, days."""
    order: dict[str, Callable[[Row], Any]] = {
        "category": lambda row: (-float(row["overall_share"] or 0), row["value"]),
        "price_band": lambda row: row["place"],
        "daypart": lambda row: row["place"],
        "weekday": lambda row: row["place"],
    }
    shown = {"weekday": lambda value: WEEKDAYS[int(value) - 1]}
    cases: dict[tuple[str, str], int] = {}
    for row in indices:
        cell = (row["kind"], row["value"])
        cases[cell] = cases.get(cell, 0) + (row["cases"] or 0)
    for kind, key in order.items():
        own = sorted((row for row in indices if row["kind"] == kind), key=key)
        values = list(dict.fromkeys(row["value"] for row in own if row["overall_share"]))
        if len(values) > 1:  # where there is one value, every segment has the same of it
            for value in values[: MOST_CATEGORIES if kind == "category" else MOST_VALUES]:
                named = label(shown.get(kind, str)(value), 18, 2)
                yield kind, value, f"{named} ({cases[kind, value]:,})"
