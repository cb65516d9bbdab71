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
    "orders": "Orders in the whole period (default 60000; of a shop with customers: 10 for each)",
    "year": "The year (default 2019)",
    "format": "How the files are written: a module of src/ecorse/simulate/formats "
    "(default sales_csv)",
    "customers": "Customers of the seeded shop (default 1500); without it sales_csv is a small "
    "shop of its own that knows no customers",
    "products": "Products of the seeded shop (default 200)",
    "events": "Events in the whole period (default 80 for each customer)",
    "years": "How many years from the first on (default 1)",
    "time_zone": "The shop's wall clock, for formats that are written in UTC "
    "(default America/New_York)",
    "images": "true writes a small picture of each product beside the products' file",
    "suffix": "How a file's name ends: .csv, .csv.gz, .csv.zst or .parquet (default .csv)",
}
DEFAULTS = {"seed": 20190101, "orders": 60_000, "year": 2019}
SHOP_OPTIONS = (
    "format",
    "customers",
    "products",
    "events",
    "years",
    "time_zone",
    "images",
    "suffix",
)


def fetch(settings: Settings, options: Mapping[str, Any]) -> list[SourceFile]:
    """Give the files, making them first if they are not there yet.

    Once made, the files are left alone, so a second night finds what it loaded before, and what
    ``ecorse simulate`` appended stays.

    Raises
    ------
    ConfigError
        An option is not a number in range, or there is no such format.
    DiskFull
        There is no space for the files.
    """
    folder = simulated_folder(settings, options)
    # truth.json is written last: without it the folder is unfinished and is made again.
    if not (folder / "truth.json").exists():
        _make(folder, options)
    provenance = {"origin": "simulate", "is_simulated": True, **dict(options)}
    if not is_seeded_shop(options):
        provenance |= _numbers(options, DEFAULTS)
    return [
        SourceFile(path, path.name, {**provenance, "path": str(path)})
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name.lower().startswith("simulated_")
    ]


def simulated_folder(settings: Settings, options: Mapping[str, Any]) -> Path:
    """Give the folder of these options' files.

    It is named by the options that are not the default's: ``<seed>``, ``<seed>-<orders>-<year>``,
    or, of the seeded shop, ``<seed>-<option>-<value>...``.
    """
    numbers = _numbers(options, DEFAULTS)
    if is_seeded_shop(options):
        told = [
            f"{key}-{options[key]}"
            for key in OPTIONS
            if key in options and key != "seed" and options[key] is not None
        ]
        parts: list[object] = [numbers["seed"], *told]
    else:
        is_default_size = all(numbers[key] == DEFAULTS[key] for key in ("orders", "year"))
        parts = [numbers["seed"]] if is_default_size else list(numbers.values())
    name = "-".join(map(str, parts))
    return settings.home / "simulated" / "".join(c if c not in "/\\" else "_" for c in name)


def is_seeded_shop(options: Mapping[str, Any]) -> bool:
    """Whether these options name the seeded shop, or the small shop of monthly sales files."""
    return any(options.get(key) is not None for key in SHOP_OPTIONS)


def _make(folder: Path, options: Mapping[str, Any]) -> None:
    """Write the files."""
    from ecorse.simulate.files import simulate_shop
    from ecorse.simulate.images import write_images
    from ecorse.simulate.population import Plan, Shop, days_of_years
    from ecorse.simulate.write import simulate_year

    if not is_seeded_shop(options):
        of = _numbers(options, DEFAULTS)
        simulate_year(folder, seed=of["seed"], orders=of["orders"], year=of["year"])
        return
    customers = _numbers(options, {"customers": 1_500})["customers"]
    numbers = _numbers(
        options,
        {"seed": DEFAULTS["seed"], "year": DEFAULTS["year"], "years": 1, "products": 200,
         "orders": 10 * customers, "events": 80 * customers},
    )  # fmt: skip
    if not 1971 <= numbers["year"] <= 2100 or not 1 <= numbers["years"] <= 50:
        raise ConfigError(
            f"Origin 'simulate': year={numbers['year']}, years={numbers['years']}: the year must "
            "be 1971 to 2100 and the years 1 to 50."
        )
    plan = Plan(
        seed=numbers["seed"],
        customers=customers,
        products=numbers["products"],
        orders=numbers["orders"],
        events=numbers["events"],
        first_day=date(numbers["year"], 1, 1),
        days=days_of_years(numbers["year"], numbers["years"]),
        time_zone=str(options.get("time_zone") or "America/New_York"),
    )
    if options.get("images"):
        write_images(folder, Shop(plan))
    simulate_shop(
        folder,
        plan,
        str(options.get("format") or "sales_csv"),
        suffix=str(options.get("suffix") or ".csv"),
    )


def _numbers(options: Mapping[str, Any], defaults: Mapping[str, int]) -> dict[str, int]:
    """Fill in the defaults, and refuse what is no whole number."""
    numbers = {}
    for key, default in defaults.items():
        value = options.get(key, default)
        try:
            numbers[key] = int(str(value))
        except ValueError:
            raise ConfigError(
                f"Origin 'simulate': {key} must be a whole number, not {value!r}."
            ) from None
    return numbers


ORIGIN = Origin(fetch, OPTIONS)
