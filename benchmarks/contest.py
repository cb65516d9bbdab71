"""One contest of recommenders on one shop: who is asked what, trials, the judged windows.

What belongs here: windows as ``ecorse.evaluate`` cuts them, fitting ours and peers with each trial
on the window before the judged ones, judging the best on these. What does not: which methods take
part and the table (``bench_recommenders``), peers' own code (``peers``), the shops (``shops``).

Every list is filled up with best sellers of late, as the night does: a peer that knows nothing of a
customer loses nothing by it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from judging import TASK, make
from scipy import sparse

from ecorse.evaluate.cases import Cases, Questions, joined, judge, questions
from ecorse.evaluate.origins import Origin, check_no_leak, origins
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import Ids, Ranked
from ecorse.models.recommender_file import ListKind
from ecorse.training.filling import Filler, filled

K, DAYS, ORIGINS = 10, 28, 3
KINDS: tuple[ListKind, ...] = ("for_you", "explore")
Lists = Mapping[str, Ids]  # by kind of list: (n, K) product numbers, -1 for none
Trial = dict[str, Any]


@dataclass(frozen=True)
class Window:
    """One origin, and its questions by kind of list.

    ``users`` are all who bought something in the window; who bought nothing new is not asked for
    ``explore``.
    """

    origin: Origin
    asked: Mapping[ListKind, Questions]
    filler: Filler

    @classmethod
    def of(cls, origin: Origin, number: int) -> Window:
        """Everybody's questions of an origin; nothing of the window may be known before it."""
        check_no_leak(origin)
        asked = {kind: questions(origin, number, kind) for kind in KINDS}
        return cls(origin, asked, Filler.of(origin.earlier))

    @property
    def users(self) -> Ids:
        """``(n,)`` whom lists are for."""
        return self.asked["for_you"].users

    def cases(self, lists: Lists) -> dict[ListKind, Cases]:
        """How well the lists of ``users`` foresaw what each bought."""
        found = {}
        for kind, asked in self.asked.items():
            items = lists[kind][np.searchsorted(self.users, asked.users)]
            scores = np.where(items >= 0, 1 / (1.0 + np.arange(items.shape[1])), 0.0)
            full, _ = filled(Ranked(items, scores), kind, asked.had, asked.refused, self.filler)
            found[kind] = judge(asked, full, K)
        return found


def windows(data: Interactions) -> tuple[list[Window], Window]:
    """The judged windows, newest first, and the one before them, on which trials are compared."""
    judged = origins(data, DAYS, ORIGINS)
    before = origins(judged[-1].earlier, DAYS, 1)
    found = [Window.of(origin, number) for number, origin in enumerate([*judged, *before])]
    return found[:-1], found[-1]


@dataclass(frozen=True)
class Tried:
    """Lists of one trial after one origin, and the CPU seconds of fitting it."""

    lists: Lists
    seconds: float


Try = Callable[[Sequence[Trial], Window], list[Tried]]


def try_ours(trials: Sequence[Trial], window: Window) -> list[Tried]:
    """Fit each trial, ``class`` and ``parameters``, and ask for both kinds of lists."""
    tried = []
    users, had = window.users, window.asked["for_you"].had
    for trial in trials:
        model, start = make(trial["class"], trial["parameters"]), time.process_time()
        model.fit(window.origin.earlier, TASK)
        seconds = time.process_time() - start
        lists = {
            "for_you": model.recommend(users, K).items,
            "explore": model.recommend(users, K, seen=had).items,
        }
        tried.append(Tried(lists, seconds))
    return tried


def peer(name: str, python: str) -> Try:
    """A peer under another interpreter, in a process of its own."""
    return partial(_try_peer, name, python)


def _try_peer(name: str, python: str, trials: Sequence[Trial], window: Window) -> list[Tried]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sparse.save_npz(work / "known.npz", window.origin.earlier.matrix)
        sparse.save_npz(work / "decayed.npz", window.origin.earlier.decayed(120))
        np.save(work / "users.npy", window.users)
        (work / "trials.json").write_text(json.dumps(trials))
        command = [python, str(Path(__file__).parent / "peers.py"), name, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
        found = [np.load(work / f"{name}.{number}.npz") for number in range(len(trials))]
        return [Tried({k: one[k] for k in KINDS}, float(one["fit_cpu"])) for one in found]


def is_installed(name: str, python: str) -> bool:
    """Whether the interpreter has the peer."""
    command = [python, str(Path(__file__).parent / "peers.py"), name]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Judged:
    """One method: its cases by kind of list, the trial of each, mean CPU seconds of a fit."""

    cases: Mapping[ListKind, Cases]
    trial: Mapping[ListKind, Trial]
    seconds: float


def contest(
    run: Try, trials: Sequence[Trial], judged: Sequence[Window], before: Window, *, is_one: bool
) -> Judged:
    """Choose a trial on the window before, fit it anew before each judged one, judge.

    ``is_one``: one trial has to make both kinds of lists, as a declaration does; else each kind
    has its own.
    """
    best = dict.fromkeys(KINDS, 0)
    if len(trials) > 1:
        means = np.array(
            [
                [cases.gains[cases.primary].mean() for cases in before.cases(one.lists).values()]
                for one in run(trials, before)
            ]
        )
        if is_one:
            means = np.repeat(means.sum(axis=1, keepdims=True), len(KINDS), axis=1)
        best = dict(zip(KINDS, means.argmax(axis=0).tolist(), strict=True))
    numbers = sorted(set(best.values()))
    found: dict[ListKind, list[Cases]] = {kind: [] for kind in KINDS}
    seconds = []
    for window in judged:
        tried = run([trials[number] for number in numbers], window)
        seconds += [one.seconds for one in tried]
        for kind in KINDS:
            found[kind].append(window.cases(tried[numbers.index(best[kind])].lists)[kind])
    return Judged(
        {kind: joined(parts) for kind, parts in found.items()},
        {kind: trials[number] for kind, number in best.items()},
        float(np.mean(seconds)),
    )


def of_truth(liked: Any, judged: Sequence[Window]) -> dict[ListKind, Cases]:
    """What lists by the planted tastes themselves would gain."""
    found: dict[ListKind, list[Cases]] = {kind: [] for kind in KINDS}
    for window in judged:
        scores = liked[window.users]
        fresh = np.where(window.asked["for_you"].had.toarray() > 0, -1.0, scores)
        lists = {
            kind: np.argsort(-own, axis=1, kind="stable")[:, :K]
            for kind, own in zip(KINDS, (scores, fresh), strict=True)
        }
        for kind, cases in window.cases(lists).items():
            found[kind].append(cases)
    return {kind: joined(parts) for kind, parts in found.items()}
