"""Questions that no list of the night answers: a basket, a session, words, somebody new.

What belongs here: handing a question to ``ecorse.answering`` on the night of the request. What does
not: how it is answered. Nothing is trained.
"""

from __future__ import annotations

import threading
from typing import Any

from starlette.concurrency import run_in_threadpool

from ecorse.answering.question import Answer
from ecorse.night import Night as Published
from ecorse.serve.problems import Problem


class Asking:
    """The published night with what of it was read before: catalogue, names, saved models."""

    def __init__(self) -> None:
        self._night: Published | None = None
        self._lock = threading.Lock()

    async def answer(self, build_id: int, shop: str, **wanted: Any) -> Answer:
        """The answer of this build, and of no other.

        Raises
        ------
        DataError
            What was asked for is not in the night, or cannot be asked.
        Problem
            503: the build was replaced while this was asked.
        """
        return await run_in_threadpool(self._answer, build_id, shop, wanted)

    def _answer(self, build_id: int, shop: str, wanted: dict[str, Any]) -> Answer:
        with self._lock:
            if self._night is None or self._night.build.build_id != build_id:
                self._forget()
                self._night = Published()
            if self._night.build.build_id != build_id:
                raise replaced(build_id)
            return self._night.answer(shop=shop, **wanted)

    def warm(self) -> None:
        """Import what the first answer needs, so that nobody waits for it."""
        import ecorse.answering.answers
        import ecorse.answering.shop  # noqa: F401

    def _forget(self) -> None:
        if self._night is not None:
            self._night.close()
        self._night = None

    def close(self) -> None:
        """Let the snapshot go."""
        with self._lock:
            self._forget()


def replaced(build_id: int) -> Problem:
    """The night of a request is not the published one any more."""
    told = f"Night {build_id} was replaced while this was asked; ask again."
    return Problem(503, told, headers={"Retry-After": "0"})
