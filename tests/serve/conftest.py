"""The API over the published night of a small shop, asked over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from api_server import served
from ecorse import flow
from ecorse.serve import access
from ecorse.serve.app import create_app
from ecorse.serve.keys import make_key
from ecorse.settings import get_settings
from known_shop import stage_known


@pytest.fixture(scope="session")
def served_night(snapshot):
    """The shop's first published night, kept."""

    def fill() -> int:
        stage_known()
        return flow.refresh(holder="test").build_id

    return snapshot(fill)


@pytest.fixture
def night(served_night, restore) -> int:
    """A warehouse with that night; gives its number."""
    return restore(served_night)


@pytest.fixture
def start(night, monkeypatch) -> Iterator[Callable[..., httpx.Client]]:
    """Start the API with other settings; keys are looked up each time."""
    monkeypatch.setattr(access, "KNOWN_SECONDS", -1.0)
    with ExitStack() as running:

        def begin(**settings: object) -> httpx.Client:
            app = create_app(get_settings().model_copy(update=settings))
            return running.enter_context(served(app))

        yield begin


@pytest.fixture
def client(start) -> httpx.Client:
    """A client whose key opens everything."""
    made = start(api_burst=100_000, api_rate=100_000)
    made.headers["Authorization"] = f"Bearer {make_key('all', ['read', 'customers', 'events'])}"
    return made
