"""The written rule by which a challenger's lists replace the champion's, as a pure function.

What belongs here: the comparison on the same cases, floors, what lists must be like, what a fit may
cost. What does not: the rule for tables of similar products (``gate``), reading or keeping
anything.

A challenger has to be better than the champion beyond chance: a tie keeps the champion. Where there
is none, or where the champion's lists are broken, whoever breaks no rule is promoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ecorse.evaluate.cases import Cases, history_slices, segment_slices
from ecorse.evaluate.intervals import Mean, paired
from ecorse.evaluate.quality import Quality
from ecorse.models.base import Decision
from ecorse.models.promotion import PromotionLimits


@dataclass(frozen=True)
class Method:
    """One method before the judge.

    Attributes
    ----------
    name
        What it is called in the reason.
    cases, quality
        Of its lists on the judged windows.
    fit_seconds, peak_mb
        What its fit took; ``None`` where nobody measured it.
    broken
        The rules that its lists break tonight, in words.
    """

    name: str
    cases: Cases
    quality: Quality
    fit_seconds: float | None = None
    peak_mb: float | None = None
    broken: Sequence[str] = ()


def judge_challenger(
    limits: PromotionLimits, champion: Method | None, challenger: Method, seed: int
) -> Decision:
    """Promote, hold (the champion's lists stay) or refuse (there is no champion either).

    Parameters
    ----------
    champion
        ``None`` where the shop never had one. One whose file was lost is no such case: that is a
        failure to tell, and whoever calls tells it.

    Raises
    ------
    DataError
        The two were not judged on the same cases.
    """
    rival = champion if champion is not None and not champion.broken else None
    numbers: dict[str, Any] = {
        "limits": limits.model_dump(),
        "challenger": _figures(challenger),
        "champion": None if champion is None else _figures(champion),
    }
    broken = [*challenger.broken, *_of_lists(limits, challenger, rival), *_cost(limits, challenger)]
    change: Mean | None = None
    if rival is not None:
        change = paired(challenger.cases, rival.cases, seed)
        falls = _falls(limits, challenger.cases, rival.cases, seed)
        numbers["difference"] = asdict(change)
        numbers["fallen_slices"] = {name: asdict(fall) for name, (fall, _) in falls.items()}
        broken += [
            f"{name} fell{_by_more_than(limit)}: {fall.told} on {fall.customers:,} customers"
            for name, (fall, limit) in falls.items()
        ]
    outcome, reason = _decide(limits, champion, challenger, change, broken)
    return Decision(outcome, reason, numbers)


def _decide(
    limits: PromotionLimits,
    champion: Method | None,
    challenger: Method,
    change: Mean | None,
    broken: Sequence[str],
) -> tuple[Any, str]:
    """The outcome and its sentence."""
    metric = challenger.cases.primary
    told = f"{challenger.name} has {metric} {_value(challenger)} on {_size(challenger)}"
    if broken and champion is None:
        return "refused", f"Refused, there are no lists: {told}; {'; '.join(broken)}."
    if champion is None:
        return "promoted", f"Promoted: first lists of this kind. {told}."
    told += f", {champion.name} {_value(champion)}"
    stays = f"Held, the lists of {champion.name} stay"
    if broken:
        return "held", f"{stays}: {told}; {'; '.join(broken)}."
    if change is None:
        return "promoted", (
            f"Promoted: the lists of {champion.name} are broken ({'; '.join(champion.broken)}). "
            f"{told}."
        )
    if change.customers < limits.min_cases:
        return "held", (
            f"{stays}: {change.customers:,} customers are too few to compare on, "
            f"{limits.min_cases:,} are needed. {told}."
        )
    told += f"; difference {change.told} at 95 %"
    if change.is_above(0.0):
        return "promoted", f"Promoted: {told}."
    return "held", f"{stays}: {'worse' if change.is_below(0.0) else 'no better'}, {told}."


def _of_lists(limits: PromotionLimits, challenger: Method, rival: Method | None) -> Iterator[str]:
    """What the challenger's lists must be like, and are not."""
    mine = challenger.quality.figures
    full = mine["full_share"]
    if challenger.cases.kind != "buy_again" and full is not None and full < limits.min_full:
        yield f"{full:.1%} of its lists are full, {limits.min_full:.0%} are needed"
    if rival is None:
        return
    theirs = rival.quality.figures
    least = (theirs["coverage"] or 0.0) * limits.min_coverage_of_champion
    if (covered := mine["coverage"] or 0.0) < least:
        yield (
            f"its lists show {covered:.1%} of the catalogue, at least {least:.1%} are needed "
            f"({limits.min_coverage_of_champion:.0%} of {theirs['coverage']:.1%})"
        )
    most = (theirs["best_seller_share"] or 0.0) + limits.max_best_seller_rise
    if (best := mine["best_seller_share"] or 0.0) > most:
        yield f"{best:.1%} of its lists are best sellers, at most {most:.1%} are allowed"


def _cost(limits: PromotionLimits, challenger: Method) -> Iterator[str]:
    """What its fit took beyond what it may; under a limit it has to be measured."""
    for unit, took, most in (
        ("seconds", challenger.fit_seconds, limits.max_fit_seconds),
        ("MB", challenger.peak_mb, limits.max_peak_mb),
    ):
        if most is not None and took is None:
            yield f"nobody measured the {unit} that its fit took, {most:g} are allowed"
        elif most is not None and took is not None and took > most:
            yield f"its fit took {took:,.0f} {unit}, {most:g} are allowed"


def _falls(
    limits: PromotionLimits, mine: Cases, theirs: Cases, seed: int
) -> dict[str, tuple[Mean, float]]:
    """The slices that fell for certain by more than they may, and how much that is."""
    found = {}
    for slices, limit in (
        (history_slices(mine), limits.max_slice_drop),
        (segment_slices(mine), limits.max_segment_drop),
    ):
        for name, rows in slices.items():
            change = paired(mine, theirs, seed, rows=rows)
            if change.customers >= limits.min_cases and change.is_below(-limit):
                found[name] = change, limit
    return found


def _by_more_than(limit: float) -> str:
    return f" by more than {limit:g}" if limit else " for certain"


def _figures(method: Method) -> dict[str, Any]:
    """What the decision keeps of a method, JSON-ready."""
    values = method.cases.gains[method.cases.primary]
    return {
        "name": method.name,
        "metric": method.cases.primary,
        "value": float(values.mean()) if values.size else None,
        "cases": int(values.size),
        "fit_seconds": method.fit_seconds,
        "peak_mb": method.peak_mb,
        "broken": list(method.broken),
        **method.quality.figures,
    }


def _value(method: Method) -> str:
    value = _figures(method)["value"]
    return "unknown" if value is None else f"{value:.4f}"


def _size(method: Method) -> str:
    return f"{len(method.cases.users):,} cases"
