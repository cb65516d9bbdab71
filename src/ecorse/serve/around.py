"""What is around every request: its id, its size, its tag, its line in the log, its count.

What belongs here: the middleware and the metrics. What does not: any route.

Metrics are in the text format of Prometheus,
https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections import Counter

from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecorse.serve.problems import Problem, respond

log = logging.getLogger("ecorse.api")
BODY_BYTES = 1 << 20
BODY_SECONDS = 10.0
TAG = re.compile(r'"[^"]*"')
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Requests and seconds by route and status."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._counts[method, route, status] += 1
        self._seconds[route] += seconds  # type: ignore[assignment]
        for bound in BUCKETS:
            if seconds <= bound:
                self._buckets[route, bound] += 1

    def text(self, build_id: int | None) -> str:
        """All of it, as Prometheus reads it."""
        lines = ["# TYPE ecorse_api_requests_total counter"]
        for (method, route, status), n in sorted(self._counts.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            lines.append(f"ecorse_api_requests_total{{{labels}}} {n}")
        lines.append("# TYPE ecorse_api_request_seconds histogram")
        for route in sorted(self._seconds):
            total = sum(n for (_, of, _), n in self._counts.items() if of == route)
            name = "ecorse_api_request_seconds"
            lines += [
                f'{name}_bucket{{route="{route}",le="{bound}"}} {self._buckets[route, bound]}'
                for bound in BUCKETS
            ]
            lines.append(f'{name}_bucket{{route="{route}",le="+Inf"}} {total}')
            lines.append(f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}')
            lines.append(f'{name}_count{{route="{route}"}} {total}')
        if build_id is not None:
            lines += ["# TYPE ecorse_published_build gauge", f"ecorse_published_build {build_id}"]
        return "\n".join(lines) + "\n"


class BodyLimit:
    """Refuses a body of more than ``BODY_BYTES``, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        announced = request.headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > BODY_BYTES:
            await _too_large(request)(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            told = f"The body was not here within {BODY_SECONDS:.0f} seconds."
            late = Problem(408, told, headers={"Connection": "close"})
            await respond(late, request)(scope, receive, send)
            return
        if body is None:
            return
        if len(body) > BODY_BYTES:
            await _too_large(request)(scope, receive, send)
            return
        is_sent = False

        async def again() -> Message:
            nonlocal is_sent
            if is_sent:
                return await receive()
            is_sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)


async def _body(receive: Receive) -> bytes | None:
    """The body, or its beginning if it is too large; ``None`` if the client is gone."""
    body, more = b"", True
    while more and len(body) <= BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _too_large(request: Request) -> Response:
    told = f"The body has more than {BODY_BYTES:,} bytes, the most that is taken."
    return respond(Problem(413, told), request)


class Around:
    """Gives every request an id and a line in the log, counts it, and lets no error through."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note what came back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.method == "HEAD":  # what GET says, of which the server sends the head
            scope = {**scope, "method": "GET"}
        given = request.headers.get("x-request-id", "")
        request_id = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        request.state.request_id = request_id
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []), (b"x-request-id", request_id.encode())
                ]  # fmt: skip
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            log.error("request %s ended in a defect", request_id, exc_info=error)
            if status:
                raise
            told = "A defect of the server; its log names this request."
            await respond(Problem(500, told), request)(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path_format", "none")
            self._metrics.add(request.method, route, status, seconds)
            log.info(
                "%s %s %d %.1f ms id=%s key=%s build=%s",
                request.method, route, status, 1000 * seconds, request_id,
                getattr(request.state, "caller", "-"), getattr(request.state, "build_id", "-"),
            )  # fmt: skip


class Fresh:
    """Answers 304 where the client has this answer already (``If-None-Match``).

    Only in the place of a 200: what is not there is 404, whatever a client has.

    Source: RFC 9110, 13.1.2, https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and leave the body out if its tag is among those that the client has."""
        has = Headers(scope=scope).get("if-none-match") if scope["type"] == "http" else None
        if has is None or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        is_fresh = False

        async def cut(message: Message) -> None:
            nonlocal is_fresh
            if message["type"] == "http.response.start":
                tag = Headers(raw=message["headers"]).get("etag")
                is_fresh = message["status"] == 200 and tag is not None and _is_among(tag, has)
                if is_fresh:
                    kept = [h for h in message["headers"] if not h[0].startswith(b"content-")]
                    message = {**message, "status": 304, "headers": kept}
            elif is_fresh:
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, receive, cut)


def _is_among(tag: str, given: str) -> bool:
    """Whether a tag is in a list of them; ``W/`` makes no difference here, ``*`` is any."""
    return given.strip() == "*" or tag in TAG.findall(given)


def install(app: FastAPI, metrics: Metrics) -> None:
    """Put them around every request; the last that is added is the outermost."""
    app.add_middleware(Fresh)
    app.add_middleware(BodyLimit)
    app.add_middleware(Around, metrics=metrics)
