"""Who asks, and whether they may.

What belongs here: the key of a request, its scopes, its rate. What does not: making keys
(``keys``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from ecorse.serve.keys import SCOPES, Scope, hash_of
from ecorse.serve.limits import RateLimit
from ecorse.serve.problems import Problem
from ecorse.serve.reader import Reader

KNOWN_SECONDS = 10.0  # how long a key that was taken back may still open
MOST_KNOWN = 1000
_bearer = HTTPBearer(
    auto_error=False, description="A key of `ecorse api key NAME`, as `Authorization: Bearer KEY`."
)


@dataclass(frozen=True)
class Caller:
    """Whose key it is, and what it opens."""

    name: str
    scopes: frozenset[str]


class Access:
    """Knows keys for some seconds, and how often each asked."""

    def __init__(self, reader: Reader, limit: RateLimit) -> None:
        self._reader, self._limit = reader, limit
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

    async def caller(self, key: str) -> Caller:
        """Whose key this is.

        Raises
        ------
        Problem
            401: nobody's. 429: it asked too often.
        """
        sha256, now = hash_of(key), time.monotonic()
        until, caller = self._known.get(sha256, (0.0, None))
        if until < now:
            row = await self._reader.key(sha256)
            caller = None if row is None else Caller(row["key_name"], frozenset(row["scopes"]))
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[sha256] = (now + KNOWN_SECONDS, caller)
        if caller is None:
            raise _unauthorised("This key opens nothing: it is unknown, or was taken back.")
        if wait := self._limit.wait(caller.name):
            told = f"Key {caller.name!r} asks too often; ask again in {wait} s."
            raise Problem(429, told, headers={"Retry-After": str(wait)})
        return caller


def _unauthorised(told: str) -> Problem:
    made = "`ecorse api key NAME --scope read` makes one."
    return Problem(401, f"{told} {made}", headers={"WWW-Authenticate": "Bearer"})


def needs(scope: Scope) -> Any:
    """A dependency: whoever asks has a key with this scope.

    Raises
    ------
    Problem
        401: no key, or nobody's. 403: it has not the scope. 429: it asked too often.
    """

    async def check(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Caller:
        if given is None:
            raise _unauthorised("A key is needed: send it as `Authorization: Bearer KEY`.")
        access: Access = request.app.state.access
        caller = await access.caller(given.credentials)
        request.state.caller = caller.name
        if scope not in caller.scopes:
            raise Problem(
                403,
                f"Key {caller.name!r} has not the scope {scope} ({SCOPES[scope]}); it has "
                f"{', '.join(sorted(caller.scopes))}.",
            )
        return caller

    return Depends(check)
