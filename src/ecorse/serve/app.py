"""The API as one object, put together.

What belongs here: which parts there are. What does not: any of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from fastapi import Depends, FastAPI
from psycopg_pool import PoolTimeout
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse

from ecorse import __version__
from ecorse.postgres.address import database_url
from ecorse.serve import around, problems, routes
from ecorse.serve.access import Access
from ecorse.serve.asking import Asking
from ecorse.serve.forms import plain_address
from ecorse.serve.limits import RateLimit
from ecorse.serve.problems import Problem
from ecorse.serve.reader import Reader
from ecorse.settings import Settings, get_settings

ABOUT = """
Recommendations, segments and products of the published night.

Every answer is of one night and says which (`build`). Every request but `/health` needs a key:
`ecorse api key NAME --scope read --scope customers`. Lists come in pages: give `next` of an answer
as `cursor` of the next request.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API over the project's warehouse; it connects when it starts."""
    settings = settings or get_settings()
    reader = Reader(database_url("app_reader"), settings.api_connections)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await reader.open()
        app.state.asking.warm()
        yield
        app.state.asking.close()
        await reader.close()

    app = FastAPI(
        title="Ecorse", version=__version__, description=ABOUT, lifespan=life,
        dependencies=[Depends(plain_address)],
    )  # fmt: skip
    metrics = around.Metrics()
    app.state.reader = reader
    app.state.access = Access(reader, RateLimit(settings.api_rate, settings.api_burst))
    app.state.asking = Asking()
    problems.install(app)
    around.install(app, metrics)
    if settings.api_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api_origins.split(),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        )
    for router in routes.routers():
        app.include_router(router)

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def _metrics() -> str:
        """Requests and seconds, as Prometheus reads them."""
        build_id = None
        try:
            async with reader.night() as night:
                build_id = night.build["build_id"]
        except (Problem, PoolTimeout, psycopg.OperationalError):
            pass  # what is counted is told all the same
        return metrics.text(build_id)

    return app
