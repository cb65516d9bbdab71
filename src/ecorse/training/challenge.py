"""A recommender declared with other parameters than the published one: which of the two stays.

What belongs here: judging both on the same customers of the same windows. What does not: the rule
(``evaluate.promotion``), choosing between methods (``marts.served_model``).

The published model itself has seen the windows: its parameters are judged, fitted anew on what came
before. Where they stay, tonight's lists are made by them too, from tonight's rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecorse.evaluate.promotion import Method, judge_challenger
from ecorse.models.base import Decision, Recommender, Task
from ecorse.models.interactions import Interactions
from ecorse.models.recommender_file import ListKind, RecommenderFile
from ecorse.refresh.accept import how_to_accept
from ecorse.training.fitted import Fitted
from ecorse.training.judging import Tried, judge
from ecorse.training.scores import Timed


@dataclass(frozen=True)
class Challenge:
    """The decision, and how the published parameters did; their model is not fitted yet."""

    decision: Decision
    champion: Tried


def challenged(
    tried: Tried,
    published: Fitted | None,
    file: RecommenderFile,
    data: Interactions,
    task: Task,
    *,
    is_accepted: bool,
) -> Challenge | None:
    """Compare the declared parameters with the published ones.

    ``None`` where these are the same, nothing is published, or the shop tells nothing to judge by.
    The first declared kind of list decides; no other may get worse beyond chance.
    """
    if published is None or not tried.judged.cases:
        return None
    if _settings(published.model) == _settings(tried.model):
        return None
    champion_class, config = type(published.model), published.model.config
    own = Timed()

    def make_champion() -> Recommender:
        return champion_class(config)

    champion = judge(make_champion, file, data, task, own)
    decisions = {
        kind: judge_challenger(
            file.promotion,
            Method("the published parameters", champion.cases[kind], champion.quality[kind]),
            Method(
                "the declared parameters",
                tried.judged.cases[kind],
                tried.judged.quality[kind],
                fit_seconds=tried.timed.seconds,
                peak_mb=tried.timed.peak_mb,
            ),
            task.seed,
        )
        for kind in file.lists
    }
    decision = _one(file, decisions, task, is_accepted=is_accepted)
    return Challenge(decision, Tried(make_champion(), champion, own))


def _settings(model: Recommender) -> object:
    return model.config.model_dump(exclude={"threads"})


def _one(
    file: RecommenderFile, decisions: Mapping[ListKind, Decision], task: Task, *, is_accepted: bool
) -> Decision:
    """One decision of those of each kind of list."""
    first = decisions[file.lists[0]]
    numbers: dict[str, Any] = {kind: decision.numbers for kind, decision in decisions.items()}
    reason = f"{file.lists[0]}: {first.reason}"
    outcome = first.outcome
    for kind, decision in list(decisions.items())[1:]:
        fell = decision.numbers.get("difference") or {}
        if fell.get("high") is not None and fell["high"] < 0:
            outcome, reason = "held", f"{reason} {kind}: {decision.reason}"
    decided = Decision(outcome, reason, numbers)
    told = how_to_accept(task.model, task.shop_id)
    if is_accepted:
        return replace(decided, outcome="promoted", reason=f"Let through. {reason}")
    if outcome == "promoted" and file.gate.approval:
        return replace(decided, outcome="held", reason=f"Waits for approval. {reason} {told}")
    return decided if outcome == "promoted" else replace(decided, reason=f"{reason} {told}")
