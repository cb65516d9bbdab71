"""Reading the published night for one request.

What belongs here: the pool of connections, and the snapshot that makes a request see one night.
What does not: any question (``routes``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from ecorse.serve.problems import Problem, not_found

Row = dict[str, Any]
BUILD = "select build_id, as_of, built_at, ecorse_version from marts.build_info"
SHOPS = """
select shop_id from marts.recommendable_products
union select shop_id from marts.shops order by shop_id
"""
SECONDS = 10  # what one select may take
WAIT_SECONDS = 5.0  # for a free connection


@dataclass(frozen=True)
class Night:
    """The published night, as one request sees it.

    Attributes
    ----------
    build
        ``build_id, as_of, built_at, ecorse_version``.
    """

    build: Row
    _conn: AsyncConnection[Row]

    async def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a select."""
        return await (await self._conn.execute(query, parameters)).fetchall()

    async def shop(self, wanted: str | None) -> str:
        """The shop that is asked for; the only one, where none is named.

        Raises
        ------
        Problem
            404, there is no such shop; 422, none is named and there are several.
        """
        known = [row["shop_id"] for row in await self.rows(SHOPS)]
        if wanted is None:
            if len(known) == 1:
                return str(known[0])
            error = {"where": "query.shop", "got": None, "expected": known}
            told = f"query.shop: the night has {len(known)} shops ({', '.join(known)}): name one."
            raise Problem(422, told, errors=[error])
        if wanted not in known:
            raise not_found("shop", wanted, known)
        return wanted


class Reader:
    """Connections of the role app_reader; each request gets one and a snapshot.

    Parameters
    ----------
    url
        The warehouse's, of app_reader.
    connections
        How many requests may read at once.
    """

    def __init__(self, url: str, connections: int) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            url,
            kwargs={"row_factory": dict_row, "application_name": "ecorse api",
                    "options": "-c timezone=UTC -c datestyle=ISO"},
            min_size=1, max_size=connections, timeout=WAIT_SECONDS, open=False,
            configure=_configure, check=AsyncConnectionPool.check_connection,
        )  # fmt: skip

    async def open(self) -> None:
        """Begin to connect; a server that is down is waited for by each request."""
        await self._pool.open()

    async def close(self) -> None:
        """Let every connection go."""
        await self._pool.close()

    @asynccontextmanager
    async def night(self) -> AsyncIterator[Night]:
        """One snapshot: everything read within is of one night, whatever is published meanwhile.

        Raises
        ------
        Problem
            503: no night is published yet.
        """
        async with self._pool.connection() as conn:
            try:
                build = await (await conn.execute(BUILD)).fetchone()
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                build = None  # a database that no run has touched yet
            if build is None:
                told = "No night is published yet: `ecorse run` makes one."
                raise Problem(503, told, headers={"Retry-After": "60"})
            yield Night(build, conn)

    async def key(self, sha256: bytes) -> Row | None:
        """Whose key has this hash, and its scopes; ``None``: nobody's."""
        async with self._pool.connection() as conn:
            found = await conn.execute("select * from api.key_of(%s)", (sha256,))
            return await found.fetchone()


async def _configure(conn: AsyncConnection[Row]) -> None:
    await conn.execute(f"set statement_timeout = '{SECONDS}s'")
    await conn.commit()
    await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    await conn.set_read_only(True)
