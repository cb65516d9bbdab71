"""One file cleaned as a load would, without a database: ``ecorse.clean``.

What belongs here: the cleaned rows as frames. What does not: the cleaning (``clean.cleaner``), and
listing a file's problems (``check``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from ecorse.errors import ConfigError
from ecorse.ingest.dry import dry_load
from ecorse.ingest.rates import rates_of_file
from ecorse.ingest.shops import load_shops
from ecorse.layers import is_project
from ecorse.settings import get_settings
from ecorse.show import html_table
from ecorse.sources import get_source
from ecorse.sources.reading import Reading

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cleaned:
    """What became of every row of a file.

    ``rows`` are typed and canonical, with the line they stood on; ``rejects`` have rule, column,
    sentence and raw text. ``tables`` has rows of further tables that the file fills, and lines made
    of values beside its rows. ``account``: rows read = rows + rejected + duplicate + ignored.
    ``money`` says what became of the file's money, in the shop's currency.
    """

    rows: pd.DataFrame
    rejects: pd.DataFrame
    account: Mapping[str, int]
    money: Mapping[str, Decimal] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{warning}</p>" for warning in self.warnings)
        return html_table(self.account) + said + str(self.rows.head().to_html(index=False))


@dataclass(frozen=True)
class _Shop:
    """What cleaning needs to know of a shop."""

    shop_id: str
    shop_name: str
    time_zone: str
    currency: str


def clean_file(
    file: str | Path,
    source: str,
    *,
    shop: str | None = None,
    time_zone: str | None = None,
    currency: str | None = None,
    rates: str | Path | None = None,
) -> Cleaned:
    """Clean a file as a load would, ``ecorse.clean``; no database is needed or started.

    Parameters
    ----------
    file
        The file, in any of the formats that are understood.
    source
        As which source it is read; ``ecorse source list`` names them. Of a shop of the project,
        with what the shop declares otherwise (``reading``).
    shop
        Whose file it is: a shop of the project's ``include/shops.toml``, which says zone and
        currency. Left out: the shops that use this source, if they agree on these.
    time_zone, currency
        Said here instead, e.g. ``Europe/Berlin`` and ``EUR``; then no project is needed.
    rates
        A file of rates (columns date, from, to, rate), where the source converts other currencies.

    Raises
    ------
    ConfigError
        There is no such source or shop; or zone and currency are neither given nor declared.
    ContractError
        The file as a whole is not what the source expects.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file.")
    whose, reading = _shop(source, shop, time_zone, currency)
    stated = (
        rates_of_file(Path(rates).expanduser(), get_source("fx_rates"), whose) if rates else None
    )
    dry = dry_load(path, get_source(source, reading), whose, keep=True, rates=stated)
    counted, rows = dry.counted, dry.rows
    if not rows.is_empty():
        rows = rows.sort("source_line")
    account = {
        "read": counted.rows_read,
        "rows": counted.rows_staged,
        "rejected": counted.rows_rejected,
        "duplicate": counted.rows_duplicate,
        "ignored": counted.rows_ignored,
    }
    tables = {name: frame.to_pandas() for name, frame in dry.companions.items()}
    return Cleaned(
        rows.to_pandas(), dry.rejected.to_pandas(), account, counted.money, dry.cleaner.warnings,
        tables,
    )  # fmt: skip


def _shop(
    source: str, shop: str | None, time_zone: str | None, currency: str | None
) -> tuple[_Shop, Reading]:
    """Whose file it is, and how it is read: as given, else as the project's shops say."""
    if time_zone and currency:
        return _Shop(shop or "main", shop or "main", time_zone, currency), Reading()
    settings = get_settings()
    if not is_project(settings.project_dir):
        raise ConfigError(
            "Which time zone and currency is the file in? Say time_zone='Europe/Berlin', "
            "currency='EUR', or clean it in a project, whose include/shops.toml says it."
        )
    shops = load_shops(settings)
    if shop is not None:
        chosen = [s for s in shops if s.shop_id == shop]
    else:
        chosen = [s for s in shops if source in [u.name for u in s.sources]] or shops
    if not chosen:
        known = ", ".join(s.shop_id for s in shops)
        raise ConfigError(f"There is no shop {shop!r} in {settings.shops_file}; there are {known}.")
    readings = [s.reading_of(source) for s in chosen]
    is_one_reading = all(reading == readings[0] for reading in readings)
    if not is_one_reading or len({(s.time_zone, s.currency) for s in chosen}) > 1:
        told = ", ".join(f"{s.shop_id} ({s.time_zone}, {s.currency})" for s in chosen)
        raise ConfigError(f"Whose file is it? Say shop=...: {told}.")
    first = chosen[0]
    whose = _Shop(
        first.shop_id, first.shop_name, time_zone or first.time_zone, currency or first.currency
    )
    return whose, readings[0]
