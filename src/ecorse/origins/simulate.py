"""Origin ``simulate``: simulated, marked data, made once and then kept.

What belongs here: where the simulated files stand and when they are made. What does not: making
them (``ecorse.simulate``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecorse.errors import ConfigError
from ecorse.origins import Origin, SourceFile

if TYPE_CHECKING:
    from ecorse.settings import Settings

OPTIONS = {
    "seed": "Another seed gives another shop (default 20190101)",
    "format": "How the files are written: a module of src/ecorse/simulate/formats, or the export "
    "of a shop system, a module of src/ecorse/simulate/platforms (default sales_csv)",
    "store": "What is planted: a module of src/ecorse/simulate/stores (default: electronics for "
    "sales_csv, department for every other format)",
    "customers": "How many customers (default: the store's own number)",
    "products": "How many products (default: the store's own number)",
    "orders": "Orders in the whole period (default: so many for each customer as the store has)",
    "events": "Events in the whole period (default: so many for each customer as the store has)",
    "year": "The first year (default 2019)",
    "years": "How many years from the first on (default 1)",
    "time_zone": "The shop's wall clock, for formats that are written in UTC "
    "(default America/New_York)",
    "images": "true writes a small picture of each product beside the products' file",
    "suffix": "How a file's name ends: .csv, .csv.gz, .csv.zst or .parquet (default .csv)",
}
DEFAULTS = {"seed": 20190101, "year": 2019, "years": 1}
SIZES = ("customers", "products", "orders", "events")


def fetch(settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Give the files, making them first if they are not there yet.

    Once made, the files are left alone, so a second night finds what it loaded before, and what
    ``ecorse simulate`` appended stays.

    Raises
    ------
    ConfigError
        An option is not a number in range, or there is no such format or store.
    DiskFull
        There is no space for the files.
    """
    folder = simulated_folder(settings, options)
    # truth.json is written last: without it the folder is unfinished and is made again.
    if not (folder / "truth.json").exists():
        _make(folder, options)
    provenance = {"origin": "simulate", "is_simulated": True, **_numbers(options), **dict(options)}
    files = [
        SourceFile(path, path.name, {**provenance, "path": str(path)})
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name.lower().startswith("simulated_")
    ]
    if not files:
        raise ConfigError(
            f"Origin 'simulate': nothing happens in a shop with the options {dict(options)}, so "
            "there is no file; ask for more orders or events."
        )
    return files


def simulated_folder(settings: Settings, options: Mapping[str, Any]) -> Path:
    """Give the folder of these options' files, named ``<seed>-<option>-<value>...``.

    Only the options that are given stand in the name.
    """
    told = [
        f"{key}-{options[key]}" for key in OPTIONS if key != "seed" and options.get(key) is not None
    ]
    name = "-".join([str(_numbers(options)["seed"]), *told])
    return settings.home / "simulated" / "".join(c if c not in "/\\" else "_" for c in name)


def _make(folder: Path, options: Mapping[str, Any]) -> None:
    """Write the files."""
    from ecorse.simulate import Plan, simulate_shop
    from ecorse.simulate.formats import format_names, get_format
    from ecorse.simulate.images import write_images
    from ecorse.simulate.plan import days_of_years
    from ecorse.simulate.platforms import platform_names
    from ecorse.simulate.platforms.write_platform import simulate_platform
    from ecorse.simulate.shop import Shop
    from ecorse.simulate.stores import get_store

    numbers = _numbers(options)
    if not 1971 <= numbers["year"] <= 2100 or not 1 <= numbers["years"] <= 50:
        raise ConfigError(
            f"Origin 'simulate': year={numbers['year']}, years={numbers['years']}: the year must "
            "be 1971 to 2100 and the years 1 to 50."
        )
    name = str(options.get("format") or "sales_csv")
    if name not in (*format_names(), *platform_names()):
        raise ConfigError(
            f"Origin 'simulate': there is no format {name!r}; there are "
            f"{', '.join((*format_names(), *platform_names()))}."
        )
    is_platform = name in platform_names()
    suffix = str(options.get("suffix") or ".csv")
    if is_platform and suffix != ".csv":
        raise ConfigError(
            f"Origin 'simulate': suffix={suffix!r}: the export {name} is written as the platform "
            "writes it, so leave the suffix out."
        )
    store = "department" if is_platform else get_format(name).store
    plan = Plan.of(
        get_store(str(options.get("store") or store)),
        **{size: numbers[size] for size in SIZES if size in numbers},
        seed=numbers["seed"],
        first_day=date(numbers["year"], 1, 1),
        days=days_of_years(numbers["year"], numbers["years"]),
        time_zone=str(options.get("time_zone") or "America/New_York"),
    )
    if options.get("images"):
        write_images(folder, Shop(plan))
    if is_platform:
        simulate_platform(folder, plan, name)
    else:
        simulate_shop(folder, plan, name, suffix=suffix)


def _numbers(options: Mapping[str, Any]) -> dict[str, int]:
    """The options that are numbers, with their defaults; refuse what is no whole number."""
    numbers = {}
    for key, default in (DEFAULTS | dict.fromkeys(SIZES)).items():
        value = options.get(key, default)
        if key in SIZES and value is None:
            continue
        try:
            numbers[key] = int(str(value))
        except ValueError:
            raise ConfigError(
                f"Origin 'simulate': {key} must be a whole number, not {value!r}."
            ) from None
    return numbers


ORIGIN = Origin(fetch, OPTIONS)
