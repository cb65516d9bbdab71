"""Settings that cannot be meant are refused by name."""

from __future__ import annotations

import pytest

from ecorse.errors import ConfigError
from ecorse.settings import get_settings


@pytest.mark.parametrize("name", ["ECORSE_HOME", "ECORSE_SHOPS_FILE"])
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_path_does_not_mean_the_working_directory(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    with pytest.raises(ConfigError, match=rf"{name} = .*expected a path; leave the variable out"):
        get_settings()
    monkeypatch.delenv(name)
    get_settings.cache_clear()
