"""Parts of a blend that are fitted once, though a judged night asks for them twice.

What belongs here: which fit is the same as another. What does not: fitting, judging.

The weights of a blend are learned on the window before the one that is judged: by parts that were
fitted on what came before both. The window before has asked for the same parts, on the same rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from ecorse.models.base import Recommender, Task
from ecorse.models.interactions import Interactions


class Fits:
    """The recommenders that were fitted last, for whoever needs the same again next.

    One set is kept, and dropped before others are fitted: whoever fits from the oldest window on
    holds no more than one set beside the one that is being fitted.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, Recommender] = {}

    def of(
        self, unfitted: Mapping[str, Recommender], data: Interactions, task: Task
    ) -> dict[str, Recommender]:
        """Each of ``unfitted`` fitted on the data, by the same name; what is kept is not fitted
        again. No champion warms them up.
        """
        keys = {name: _key(model, data, task) for name, model in unfitted.items()}
        before, self._kept = self._kept, {}
        found = {name: before[key] for name, key in keys.items() if key in before}
        before.clear()  # what is not asked for any more makes room
        for name, model in unfitted.items():
            if name not in found:
                found[name] = model.fit(data, task)
        if data.beginning is not None:
            self._kept = {keys[name]: found[name] for name in unfitted}
        return {name: found[name] for name in unfitted}


def _key(model: Recommender, data: Interactions, task: Task) -> Hashable:
    """What a fit depends on: class, parameters, task and rows; not the number of threads."""
    return (
        type(model),
        model.config.model_dump_json(exclude={"threads"}),
        task,
        data.beginning,
    )
