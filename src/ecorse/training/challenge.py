"""A recommender declared otherwise than the published one: which of the two stays.

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
from ecorse.segments.history import Night
from ecorse.training.contender import Contender
from ecorse.training.fitted import Fitted
from ecorse.training.judged import Judged, Tried
from ecorse.training.judging import judge
from ecorse.training.planning import allowed, beyond_limit
from ecorse.training.scores import Timed


@dataclass(frozen=True)
class Challenge:
    """The decision, and how the published parameters did; their model is not fitted yet.

    ``champion`` is ``None`` where there is no memory to fit them.
    """

    decision: Decision
    champion: Tried | None


def challenged(
    tried: Tried,
    published: Fitted,
    theirs: Interactions,
    data: Interactions,
    task: Task,
    night: Night,
) -> Challenge | None:
    """Compare what is declared with what is published.

    ``None`` where these are the same; and where only lists of products are made and nobody has to
    approve: those go by the fall of their own figure alone. The first declared kind of list
    decides; no other may get worse beyond chance. What cannot be compared keeps the published
    parameters, as a tie does.

    Parameters
    ----------
    theirs
        Tonight's rows as the published model counts them; ``data``: as the declaration does.
    """
    file = tried.contender.file
    champion = published_contender(published, file, theirs)
    is_same = _settings(published.model, champion.file) == _settings(tried.model, file)
    is_compared = "users" in file.model.answers
    if is_same or not (is_compared or file.gate.approval):
        return None
    if need := beyond_limit(published.model, data.shape):
        told = (
            f"Promoted without a comparison: to fit the published parameters takes {need}, "
            f"{allowed() >> 20:,} MB are allowed, half of ECORSE_MEMORY_LIMIT."
        )
        return Challenge(_let_through(Decision("promoted", told, {}), file, task, night), None)
    timed = Timed()
    judged = judge(champion, data, task, timed, night.labels)
    if not is_compared:
        decided = Decision("promoted", "Promoted: lists of products have no cases to compare.", {})
    elif not tried.judged.cases:
        told = (
            "Held, the published parameters stay: no customer of the shop has a history long "
            "enough to compare on."
        )
        decided = Decision("held", told, {})
    else:
        decided = _one(file, _compared(tried, judged, file, task))
    stays = Tried(champion, champion.make(), judged, timed)
    return Challenge(_let_through(decided, file, task, night), stays)


def published_contender(
    published: Fitted, file: RecommenderFile, theirs: Interactions
) -> Contender:
    """The published model as it was declared, to be fitted anew on tonight's rows."""
    model_class, config = type(published.model), published.model.config
    return Contender(lambda: model_class(config), published.declared_in(file), theirs)


def _compared(
    tried: Tried, champion: Judged, file: RecommenderFile, task: Task
) -> dict[ListKind, Decision]:
    """The decision on each kind of list."""
    return {
        kind: judge_challenger(
            file.promotion,
            Method("the published model", champion.cases[kind], champion.quality[kind]),
            Method(
                "the declared model",
                tried.judged.cases[kind],
                tried.judged.quality[kind],
                fit_seconds=tried.timed.seconds,
                peak_mb=tried.timed.peak_mb,
            ),
            task.seed,
        )
        for kind in file.lists
    }


def _settings(model: Recommender, file: RecommenderFile) -> object:
    """All that makes a model's lists out of the same inputs."""
    return model.config.model_dump(exclude={"threads"}), file.making


def _one(file: RecommenderFile, decisions: Mapping[ListKind, Decision]) -> Decision:
    """One decision of those of each kind of list."""
    numbers: dict[str, Any] = {kind: decision.numbers for kind, decision in decisions.items()}
    reasons = {kind: f"{kind}: {decision.reason}" for kind, decision in decisions.items()}
    first, *others = file.lists
    fallen = []
    for kind in others:
        fell = decisions[kind].numbers.get("difference") or {}
        if fell.get("high") is not None and fell["high"] < 0:
            fallen.append(reasons[kind])
    if fallen:
        return Decision("held", " ".join([*fallen, reasons[first]]), numbers)
    return Decision(decisions[first].outcome, reasons[first], numbers)


def _let_through(decided: Decision, file: RecommenderFile, task: Task, night: Night) -> Decision:
    """The decision with what a person has to say to it."""
    told = how_to_accept(task.model, task.shop_id)
    if decided.outcome == "promoted" and (night.is_accepted or not file.gate.approval):
        return decided
    if night.is_accepted:
        return replace(decided, outcome="promoted", reason=f"Let through. {decided.reason}")
    waits = "Waits for approval. " if decided.outcome == "promoted" else ""
    return replace(decided, outcome="held", reason=f"{waits}{decided.reason} {told}")
