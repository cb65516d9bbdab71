"""Trials of a search: a segmentation fitted with parameters in a seeded order, and the best kept.

What belongs here: proposing parameters, judging a fit. What does not: any segmentation; the figures
that a search goes by are those that each gives itself (``metrics``).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from ecorse.declared import Table
from ecorse.errors import ConfigError, TransientError
from ecorse.models.base import Segmentation, Task
from ecorse.models.search import Range, Search, with_values

if TYPE_CHECKING:
    from ecorse.models.base import Labels
    from ecorse.models.recommender_file import RecommenderSearch
    from ecorse.models.space import FeatureSpace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One setting that was tried; ``objection`` says why it cannot win."""

    values: Mapping[str, Any]
    value: float | None
    objection: str


def run_search(
    model_class: type[Segmentation], config: Table, search: Search, space: FeatureSpace, task: Task
) -> tuple[Segmentation, list[dict[str, Any]]]:
    """Fit with the declared parameters, then with those that the sampler proposes.

    Returns
    -------
    Segmentation
        The fitted best; with the declared parameters where no trial counts.
    list of dict
        Rows of ``TRIALS``.

    Source: Bergstra et al., Algorithms for hyper-parameter optimization, NIPS (2011); Akiba et
    al., Optuna, KDD (2019).
    """
    sign = 1.0 if search.direction == "maximize" else -1.0
    trials: list[Trial] = []
    best: tuple[float, int, Segmentation] | None = None
    fallback: Segmentation | None = None

    def attempt(values: Mapping[str, Any]) -> float | None:
        nonlocal best, fallback
        model, trial = _try(model_class, config, values, search, space, task)
        trials.append(trial)
        fallback = fallback or model
        if model is None or trial.objection or trial.value is None:
            return None
        if best is None or sign * trial.value > best[0]:
            best = (sign * trial.value, len(trials) - 1, model)
        return trial.value

    attempt({})
    propose(search, attempt)
    chosen = 0 if best is None else best[1]
    model = fallback if best is None else best[2]
    assert model is not None  # the declared parameters are allowed, so that the first is a model
    log.info("%s %s: %d trials, number %d wins", task.model, task.shop_id, len(trials), chosen + 1)
    return model, list(_rows(search, trials, chosen))


def propose(
    search: Search | RecommenderSearch, attempt: Callable[[Mapping[str, Any]], float | None]
) -> None:
    """Let ``attempt`` judge settings in a seeded order; ``None``: one that does not count."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        value = attempt({path: _draw(trial, path, r) for path, r in search.parameters.items()})
        if value is None:
            raise optuna.TrialPruned
        return value

    sampler = optuna.samplers.TPESampler(seed=search.seed)
    study = optuna.create_study(direction=search.direction, sampler=sampler)
    study.optimize(objective, n_trials=search.trials - 1, timeout=search.seconds)


def _draw(trial: Any, path: str, values: Range) -> Any:
    if values.choices:  # by number, for a choice may be a list
        return values.choices[trial.suggest_int(path, 0, len(values.choices) - 1)]
    if values.is_whole:
        return trial.suggest_int(
            path, values.low, values.high, step=values.step or 1, log=values.log
        )
    return trial.suggest_float(path, values.low, values.high, log=values.log)


def _try(
    model_class: type[Segmentation],
    config: Table,
    values: Mapping[str, Any],
    search: Search,
    space: FeatureSpace,
    task: Task,
) -> tuple[Segmentation | None, Trial]:
    """A fitted model and its trial; without a model where the values are refused or do not work.

    Raises
    ------
    Exception
        Whatever the declared parameters (no ``values``) end with: they are what was asked for.
    TransientError
        Of any trial: the task is tried again, and with it the same search.
    """
    try:
        own = with_values(config, values, "search")
    except ConfigError as error:  # two values that are each allowed, and not together
        return None, Trial(values, None, str(error))
    try:
        model = model_class(own).fit(space, task, None)
        figures = _figures(model, space, model.assign(space), task.seed)
    except TransientError:
        raise
    except Exception as error:  # of any method: one setting that fails must not end the search
        if not values:
            raise
        log.warning("%s %s: trial %s failed: %r", task.model, task.shop_id, dict(values), error)
        return None, Trial(values, None, f"it failed with {type(error).__name__}: {error}")
    value = figures.get(search.objective)
    objections = [limit.objection(n, figures.get(n)) for n, limit in search.limits.items()]
    if value is None:
        objections.append(f"{search.objective} is undefined")
    return model, Trial(values, value, "; ".join(filter(None, objections)))


def _figures(
    model: Segmentation, space: FeatureSpace, labels: Labels, seed: int
) -> dict[str, float]:
    """Figures of the fit that are one finite number; always the segments and the smallest.

    NaN compares false with everything: taken for a figure it would pass every limit and stay the
    best for ever.
    """
    import numpy as np

    members = np.bincount(labels[labels >= 0], minlength=model.size() or 0)
    own = {
        name: float(value)
        for name, value in model.metrics(space, labels, seed).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    }
    smallest = float(members.min() / len(labels)) if members.size else 0.0
    return {"segments": float(len(members)), "smallest_share": smallest, **own}


def _rows(search: Search, trials: list[Trial], chosen: int) -> Iterator[dict[str, Any]]:
    best = trials[chosen]
    for number, trial in enumerate(trials):
        told = f"{search.objective} {'undefined' if trial.value is None else f'{trial.value:.4g}'}"
        if number == chosen and trial.objection:
            reason = f"chosen: no trial counts ({trial.objection}); the declared parameters stand"
        elif number == chosen:
            reason = f"chosen: {told}, the best of {len(trials)} trials"
        else:
            reason = trial.objection or f"{told}; the best has {best.value:.4g}"
        yield {
            "trial": number + 1,
            "parameters": json.dumps(dict(trial.values), sort_keys=True),
            "objective": search.objective,
            "value": trial.value,
            "is_admissible": not trial.objection,
            "is_chosen": number == chosen,
            "reason": reason,
        }
