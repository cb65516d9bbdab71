"""A published night of a small shop whose customers are known, and what they like."""

from __future__ import annotations

import pytest

from ecorse import flow
from known_shop import stage_known


@pytest.fixture(scope="session")
def known_night(snapshot):
    """That shop's first published night, kept."""

    def fill() -> int:
        stage_known()
        return flow.refresh(holder="test").build_id

    return snapshot(fill)


@pytest.fixture
def asked(known_night, restore) -> int:
    """A warehouse with that night; gives its number."""
    return restore(known_night)
