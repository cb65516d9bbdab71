"""Making areas beside each other: each as soon as what it needs is made, some at once.

What belongs here: order and limits. What does not: making an area (``ecorse.flow``).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from ecorse.errors import TimeLimit
from ecorse.refresh.order import Area

LEAVE_SECONDS = 10.0  # how long a failed night waits for steps that were asked to end


def make_areas(
    areas: Sequence[Area],
    make: Callable[[Area], None],
    *,
    at_once: int,
    step_minutes: int,
    seconds: Mapping[str, float],
    stop: Callable[[BaseException], None],
) -> None:
    """Make all areas, up to ``at_once`` of them beside each other, each in a thread.

    The first error ends it: nothing more is begun, what runs is asked to end, the error is raised.

    Parameters
    ----------
    areas
        Each needs only areas before it.
    make
        Makes one area; called in a thread of its own.
    step_minutes
        An area may take this long for each of its steps.
    seconds
        What steps took the last time; others are taken for a second. Of areas that could begin,
        the one goes first after which the longest way is left.
    stop
        Gets the error, and asks what runs to end.

    Raises
    ------
    TimeLimit
        An area takes longer.
    """
    ended: queue.Queue[tuple[Area, BaseException | None]] = queue.Queue()
    waiting, made = list(areas), set[str]()
    running: dict[str, tuple[threading.Thread, float]] = {}

    def run(area: Area) -> None:
        try:
            make(area)
        except BaseException as error:
            ended.put((area, error))
        else:
            ended.put((area, None))

    left = _seconds_to_the_end(areas, seconds)
    try:
        while waiting or running:
            ready = [area for area in waiting if made.issuperset(area.needs)]
            ready.sort(key=lambda area: -left[area.name])
            for area in ready[: at_once - len(running)]:
                waiting.remove(area)
                limit = time.monotonic() + 60.0 * step_minutes * len(area.steps)
                thread = threading.Thread(target=run, args=(area,), name=area.name, daemon=True)
                running[area.name] = (thread, limit)
                thread.start()
            area, error = _next_end(ended, running, step_minutes)
            if error is not None:
                raise error
            del running[area.name]
            made.add(area.name)
    except BaseException as trouble:
        stop(trouble)
        deadline = time.monotonic() + LEAVE_SECONDS
        for thread, _ in running.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        raise


def _seconds_to_the_end(areas: Sequence[Area], seconds: Mapping[str, float]) -> dict[str, float]:
    """For each area the longest way from its begin to the night's end (the critical path)."""
    left: dict[str, float] = {}
    for area in reversed(areas):
        after = [left[later.name] for later in areas if area.name in later.needs]
        own = sum(seconds.get(step.name, 1.0) for step in area.steps)
        left[area.name] = own + max(after, default=0.0)
    return left


def _next_end(
    ended: queue.Queue[tuple[Area, BaseException | None]],
    running: dict[str, tuple[threading.Thread, float]],
    step_minutes: int,
) -> tuple[Area, BaseException | None]:
    while True:
        name, limit = min(((n, end) for n, (_, end) in running.items()), key=lambda pair: pair[1])
        try:
            return ended.get(timeout=max(0.0, limit - time.monotonic()))
        except queue.Empty:
            raise TimeLimit(
                f"{name} takes longer than {step_minutes} minutes for each of its steps, and the "
                "night was ended. Raise ECORSE_STEP_MINUTES, or see what it does."
            ) from None
