"""The page *Ecorse nights* in the Airflow UI: read-only, by GET, nothing secret. Wiring only.

Airflow puts no login before a plugin's endpoints; ``ecorse.reports.nights`` says what may
be shown here.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI, Query, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader

import ecorse.reports
from ecorse.errors import EcorseError
from ecorse.reports.nights import read_nights
from ecorse.reports.segments.places import page_of
from ecorse.show import escaped

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(ecorse.reports.__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: escaped(value) if type(value) is str else value,  # no markup of ours
)
BuildId = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Which night's details")]

app = FastAPI(title="Ecorse nights", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/", response_class=HTMLResponse)
def page(build: BuildId = None) -> Response:
    """The page."""
    return HTMLResponse(
        TEMPLATES.get_template("nights.html").render(read_nights(build)), headers=HEADERS
    )


@app.get("/nights.json")
def figures(build: BuildId = None) -> Response:
    """The same figures for scripts; money as text, to the cent."""
    nights: Any = jsonable_encoder(read_nights(build), custom_encoder={Decimal: str})
    return JSONResponse(nights, headers=HEADERS)


@app.get("/segments", response_class=HTMLResponse)
def segments(build: Annotated[int, Query(ge=1, le=2**63 - 1)], shop: str) -> Response:
    """The report on a shop's segments in one night, as that night wrote it."""
    if (found := page_of(build, shop)) is None:
        told = "There is no such report; `ecorse report segments` writes that of the published one."
        return Response(told, 404, HEADERS, "text/plain; charset=utf-8")
    return HTMLResponse(found, headers=HEADERS)


@app.exception_handler(EcorseError)
def unavailable(_: Request, error: EcorseError) -> Response:
    """The warehouse does not answer: say so, and what to do."""
    return Response(str(error), 503, HEADERS, "text/plain; charset=utf-8")


class EcorsePlugin(AirflowPlugin):
    """Mounts the page and puts it into the navigation."""

    name = "ecorse"
    fastapi_apps: ClassVar[list[Any]] = [
        {"app": app, "url_prefix": "/ecorse", "name": "Ecorse nights"}
    ]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Nights",
            "href": "ecorse/",
            "destination": "nav",
            "url_route": "ecorse-nights",
            "nav_top_level": True,
        }
    ]
