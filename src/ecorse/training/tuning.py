"""Parameters of a recommender, searched on the window before the judged ones.

What belongs here: when a search is due, judging one setting, what is kept of the search. What does
not: proposing settings (``models.trials``), the judged windows (``judging``).

Whatever the search reads ends before the first judged window begins: what is chosen by it could
not know what it is judged on.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from ecorse.errors import ConfigError, DataError, TransientError
from ecorse.evaluate.origins import origins
from ecorse.models.base import Champion, Recommender, Task
from ecorse.models.declaration import Declaration
from ecorse.models.interactions import Interactions
from ecorse.models.recommender_file import RecommenderFile
from ecorse.models.search import with_values
from ecorse.models.trials import propose
from ecorse.recommenders.results import RECOMMENDER_TRIALS
from ecorse.training.planning import MB, allowed, beyond_limit
from ecorse.training.typed import make_frame
from ecorse.training.windows import mean_ndcg

log = logging.getLogger(__name__)
FACTS = "search"  # of the version's metrics


@dataclass(frozen=True)
class Tuned:
    """The parameters to use, and what is kept of their search (JSON-ready)."""

    parameters: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, shop_id: str, method: str) -> pl.DataFrame:
        """Rows of ``recommender_trials``."""
        day = self.facts.get("day")
        head = {
            "shop_id": shop_id,
            "method": method,
            "searched_date": date.fromisoformat(day) if day else None,
        }
        return make_frame(RECOMMENDER_TRIALS, [head | t for t in self.facts.get("trials", [])])


def tuned(
    declaration: Declaration,
    parameters: Mapping[str, Any],
    data: Interactions,
    task: Task,
    champion: Champion | None,
) -> Tuned:
    """The declared parameters, or what a search found: tonight, or some nights ago.

    Raises
    ------
    Exception
        Whatever the declared parameters end with; a searched setting that fails only loses.
    """
    file: RecommenderFile = declaration.file
    if file.search is None:
        return Tuned(parameters)
    day, key = _day(data), _key(file, parameters)
    before = champion.metrics.get(FACTS) if champion else None
    if before and before["key"] == key and _is_fresh(before["day"], day, file.search.again_days):
        still = declaration.create(before["parameters"])
        if not beyond_limit(still, data.shape):  # the shop may have grown since
            return Tuned(before["parameters"], before)
    windows = origins(data, file.windows.days, file.windows.origins)
    validation = origins(windows[-1].earlier, file.windows.days, 1) if windows else []
    if not validation or day is None:
        return Tuned(parameters)
    declared_config = declaration.create(parameters).config
    trials: list[dict[str, Any]] = []
    configs: list[Any] = []

    def attempt(values: Mapping[str, Any]) -> float | None:
        value, reason, config = None, "", declared_config
        try:
            config = with_values(declared_config, values, "search")
            model: Recommender = declaration.model_class()(config)
            if need := beyond_limit(model, data.shape):
                raise DataError(f"it would need {need}, {allowed() // MB:,} MB are allowed")
            model.fit(validation[0].earlier, task)
            value = mean_ndcg(model, file, validation[0])
        except TransientError:
            raise
        except (ConfigError, DataError) as error:  # two values that are not allowed together
            if not values:
                raise
            reason = str(error)
        except Exception as error:
            if not values:
                raise
            log.exception("a setting of %s cannot be fitted", declaration.name)
            reason = f"{type(error).__name__}: {error}"
        configs.append(config)
        trials.append(
            {
                "trial": len(trials) + 1,
                "parameters": json.dumps(dict(values), sort_keys=True),
                "ndcg": value,
                "is_chosen": False,
                "reason": reason,
            }
        )
        return value

    attempt({})
    propose(file.search, attempt)
    best = max(range(len(trials)), key=lambda n: (_worth(trials[n]["ndcg"]), -n))
    trials[best]["is_chosen"] = True
    found = configs[best].model_dump(mode="json", by_alias=True)
    log.info("%s %s: %d trials, number %d wins", task.model, task.shop_id, len(trials), best + 1)
    return Tuned(found, {"key": key, "day": day.isoformat(), "parameters": found, "trials": trials})


def _worth(ndcg: float | None) -> float:
    return -1.0 if ndcg is None else ndcg


def _day(data: Interactions) -> date | None:
    last = data.rows["at"].max()
    return last.date() if last is not None else None  # type: ignore[union-attr]


def _is_fresh(searched: str, day: date | None, again_days: float) -> bool:
    return day is not None and day - date.fromisoformat(searched) < timedelta(days=again_days)


def _key(file: RecommenderFile, parameters: Mapping[str, Any]) -> str:
    """sha256 of what was declared: another search, or other parameters, are searched anew."""
    search = file.search.model_dump(mode="json") if file.search else {}
    windows = file.windows.model_dump(mode="json", exclude={"segmentations"})
    spec = [search, dict(parameters), windows, list(file.lists)]
    if file.diversity:  # lists are judged with it
        spec.append(file.diversity.model_dump(mode="json"))
    if file.weights:
        spec.append(file.weights)
    return hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()
