"""Which shops there are: ``include/shops.toml``.

What belongs here: what the file may say. Nothing heavy is imported, since DAG files read it at
every parse. What does not: fetching or reading the shops' files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from ecorse.columns import SIMULATED_SUFFIX
from ecorse.currency import currency_codes
from ecorse.declared import Table, read
from ecorse.errors import ConfigError
from ecorse.origins import origin_names
from ecorse.settings import Settings, get_settings
from ecorse.sources import source_names
from ecorse.sources.reading import Reading

_SHOP_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class ShopSource(Table):
    """One source of a shop: how its files are read (``name``), and where they come from.

    ``reading`` holds what this shop declares otherwise than the source's contract. The options
    are checked by their origin.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    name: str = Field(alias="source", description="the name of a source (`ecorse source list`)")
    origin: str = Field(description="where the files come from, such as 'folder'")
    options: Mapping[str, Any] = Field(default_factory=dict)
    reading: Reading = Reading()

    @field_validator("name", "origin")
    @classmethod
    def _exists(cls, name: str, info: ValidationInfo) -> str:
        field = "source" if info.field_name == "name" else "origin"
        known = (info.context or {}).get(field)
        if known is not None and name not in known:
            raise ValueError(f"no such {field}; there are {', '.join(known)}")
        return name


class Shop(Table):
    """One shop of ``shops.toml``."""

    shop_id: str = Field(description="a short name in small letters; it stands in every table")
    shop_name: str = Field(min_length=1, description="how people call the shop")
    time_zone: str = Field(description="an IANA zone such as 'America/New_York'")
    currency: str = Field(description="an ISO 4217 code such as 'USD'")
    sources: tuple[ShopSource, ...] = Field(
        default=(), description="a table [[shops.sources]] per source"
    )

    def reading_of(self, source: str) -> Reading:
        """What the shop declares otherwise than a source's contract; nothing if it has it not."""
        return next((used.reading for used in self.sources if used.name == source), Reading())

    @field_validator("shop_id")
    @classmethod
    def _is_short_name(cls, shop_id: str) -> str:
        if not _SHOP_ID.fullmatch(shop_id) or shop_id.endswith(SIMULATED_SUFFIX):
            raise ValueError(
                "expected lower-case letters, digits, - and _ (at most 63), not ending in "
                f"{SIMULATED_SUFFIX!r}, which marks simulated rows"
            )
        return shop_id

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, time_zone: str) -> str:
        try:
            ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError("expected an IANA zone such as 'America/New_York'") from None
        return time_zone

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, currency: str) -> str:
        if currency not in currency_codes():
            raise ValueError("expected an ISO 4217 code such as 'USD'")
        return currency


class ShopsFile(Table):
    """The whole file."""

    shops: tuple[Shop, ...] = Field(description="a table [[shops]] per shop")

    def mistakes(self) -> Iterable[str]:
        """Nothing may stand twice."""
        if not self.shops:
            yield "shops: expected at least one [[shops]] table"
        yield from _twice([shop.shop_id for shop in self.shops], "shop_id")
        for number, shop in enumerate(self.shops):
            names = [source.name for source in shop.sources]
            yield from _twice(names, f"shops[{number}].sources: source")


class _LoadedShops(ShopsFile):
    """The file of shops that are loaded: every one has a source."""

    def mistakes(self) -> Iterable[str]:
        """Also shops without a source."""
        yield from super().mistakes()
        for number, shop in enumerate(self.shops):
            if not shop.sources:
                yield f"shops[{number}].sources: expected at least one [[shops.sources]] table"


def load_shops(settings: Settings | None = None, *, need_sources: bool = True) -> list[Shop]:
    """Read the shops, in the order of the file.

    Parameters
    ----------
    need_sources
        Every shop has to say where its files come from; for looking at a file none has to.

    Raises
    ------
    ConfigError
        The file is missing or says something wrong; the message names every mistake.
    """
    path = (settings or get_settings()).shops_file
    if not path.is_file():
        raise ConfigError(
            f"{path}: there is no such file. ECORSE_SHOPS_FILE says where the shops are listed."
        )
    known = {"source": source_names(), "origin": origin_names()}
    form = _LoadedShops if need_sources else ShopsFile
    return list(read(path, form, context=known).shops)


def select_sources(shop: str | None, source: str | None) -> list[tuple[str, str]]:
    """Shop and source of everything that is configured and fits; empty means every one.

    Raises
    ------
    ConfigError
        Nothing fits, or the file is wrong.
    """
    settings = get_settings()
    shops = load_shops(settings)
    chosen = [
        (configured.shop_id, used.name)
        for configured in shops
        for used in configured.sources
        if (shop or configured.shop_id) == configured.shop_id and (source or used.name) == used.name
    ]
    if not chosen:
        there = {one.shop_id: ", ".join(used.name for used in one.sources) for one in shops}
        if shop and shop not in there:
            told = f"There is no shop {shop!r} in {settings.shops_file}; there are "
            raise ConfigError(f"{told}{', '.join(there)}.")
        whose = f"Shop {shop!r} has" if shop else "No shop has"
        has = there[shop] if shop else "; ".join(f"{name}: {used}" for name, used in there.items())
        no = "no source" if shop else "a source"
        raise ConfigError(f"{whose} {no} {source!r} in {settings.shops_file}; there are {has}.")
    return chosen


def _twice(values: list[str], what: str) -> Iterator[str]:
    for value in dict.fromkeys(v for v in values if values.count(v) > 1):
        yield f"{what} = {value!r} stands twice; each may stand once"
