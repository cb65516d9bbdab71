"""Which sources of which shops one run loads.

What belongs here: those that are configured, and for data that is handed over also those that are
not. What does not: where a source's files come from (``choice``), which file is for which
(``recognise``).
"""

from __future__ import annotations

import logging

from ecorse.errors import ConfigError, EcorseError
from ecorse.ingest.choice import ORIGIN_OF_DATA, choose
from ecorse.ingest.shops import Shop, ShopSource, load_shops, select_sources
from ecorse.settings import get_settings
from ecorse.sources import get_source

log = logging.getLogger(__name__)


def select(
    shop: str | None, source: str | None, *, origin: str | None = None, data: str | None = None
) -> list[tuple[str, str]]:
    """Shop and source of everything that one run is to load; empty means every one.

    Where the run or the settings say where files are, a source that no shop has configured takes
    part under the first shop (or the one that is named): the one that is named, or each that one
    of these files is for.

    Raises
    ------
    ConfigError
        Nothing fits, or ``shops.toml`` is wrong.
    """
    settings = get_settings()
    if not (data or settings.data):
        return select_sources(shop, source)
    shops = [one for one in load_shops(settings) if shop in (None, one.shop_id)]
    if not shops:
        return select_sources(shop, source)  # which says that there is no such shop
    configured = [(one.shop_id, used.name) for one in shops for used in one.sources]
    if source:
        get_source(source)  # or says which there are
        named = [pair for pair in configured if pair[1] == source]
        return named or [(shops[0].shop_id, source)]
    return configured + [(shops[0].shop_id, n) for n in _unconfigured(shops, origin, data)]


def _unconfigured(shops: list[Shop], origin: str | None, data: str | None) -> list[str]:
    """The sources that no shop has configured and that a file is for."""
    from ecorse.ingest.admit import fetch_admitted
    from ecorse.ingest.recognise import candidates, sources_met

    settings = get_settings()
    anyone = ShopSource(name=shops[0].sources[0].name, origin=ORIGIN_OF_DATA)
    try:
        choice = choose(anyone, settings, origin=origin, data=data)
        files = fetch_admitted(choice.origin, settings, choice.options).files
    except EcorseError:
        return []  # each configured source will say what is wrong with it
    except Exception as error:  # not foreseen: it stops no source that is configured
        log.warning("only configured sources are asked: %s", type(error).__name__, exc_info=error)
        return []
    everyone = candidates(shops)
    configured = {one.name for one in everyone if one.is_configured}
    return [name for name in sources_met(files, everyone) if name not in configured]


def find_source(shop_id: str, source: str, *, is_named: bool = False) -> tuple[Shop, ShopSource]:
    """The configured shop and its source.

    Parameters
    ----------
    is_named
        The run says where files are: then a source that is not configured is one as well.

    Raises
    ------
    ConfigError
        ``shops.toml`` has no such shop, or the shop no such source.
    """
    settings = get_settings()
    shops = {shop.shop_id: shop for shop in load_shops(settings)}
    if shop_id not in shops:
        raise ConfigError(
            f"There is no shop {shop_id!r} in {settings.shops_file}; there are {', '.join(shops)}."
        )
    shop = shops[shop_id]
    for configured in shop.sources:
        if configured.name == source:
            return shop, configured
    if is_named:
        return shop, ShopSource(name=source, origin=ORIGIN_OF_DATA)
    raise ConfigError(
        f"Shop {shop_id!r} has no source {source!r} in {settings.shops_file}; it has "
        f"{', '.join(s.name for s in shop.sources)}."
    )
