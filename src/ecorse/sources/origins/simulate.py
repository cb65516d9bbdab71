"""Origin ``simulate``: a year of simulated, marked sales, made once and then kept.

What belongs here: where the simulated files stand and when they are made. What does not: making
them (``ecorse.simulate``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecorse.errors import ConfigError
from ecorse.sources.origins import SourceFile
from ecorse.sources.origins._files import find_files

if TYPE_CHECKING:
    from ecorse.settings import Settings

OPTIONS = {
    "seed": "Another seed gives another shop's sales (default 20190101)",
    "orders": "Orders in the year (default 60000)",
    "year": "The year (default 2019)",
}
DEFAULTS = {"seed": 20190101, "orders": 60_000, "year": 2019}


def fetch(settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Give the twelve files, making them first if they are not there yet.

    Once made, the files are left alone, so a second night finds what it loaded before, and what
    ``ecorse simulate`` appended stays.

    Raises
    ------
    ConfigError
        An option is not a number in range.
    DiskFull
        There is no space for the files.
    """
    numbers = _numbers(options)
    folder = simulated_folder(settings, options)
    from ecorse.simulate.write import TRUTH_FILE, simulate_year

    # truth.json is written last: without it the folder is unfinished and is made again.
    if not (folder / TRUTH_FILE).exists():
        simulate_year(folder, seed=numbers["seed"], orders=numbers["orders"], year=numbers["year"])
    provenance = {"origin": "simulate", "is_simulated": True, **numbers}
    return [
        SourceFile(path, path.name, {**provenance, "path": str(path)})
        for path in find_files(folder, recursive=False)
    ]


def simulated_folder(settings: Settings, options: Mapping[str, Any]) -> Path:
    """Give the folder of these options' files: ``<seed>``, or ``<seed>-<orders>-<year>``."""
    numbers = _numbers(options)
    is_default_size = all(numbers[key] == DEFAULTS[key] for key in ("orders", "year"))
    parts = [numbers["seed"]] if is_default_size else list(numbers.values())
    return settings.home / "simulated" / "-".join(map(str, parts))


def _numbers(options: Mapping[str, Any]) -> dict[str, int]:
    """Fill in the defaults, and refuse what is no whole number."""
    numbers = {}
    for key, default in DEFAULTS.items():
        value = options.get(key, default)
        try:
            numbers[key] = int(str(value))
        except ValueError:
            raise ConfigError(
                f"Origin 'simulate': {key} must be a whole number, not {value!r}."
            ) from None
    return numbers
