"""Which shops there are: reading ``include/shops.toml``.

What belongs here: the file's shape and its checks, with the standard library only, since DAG
files read it at every parse. What does not: fetching or reading the shops' files.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from ecorse.columns import SIMULATED_SUFFIX
from ecorse.errors import ConfigError
from ecorse.origins import origin_names
from ecorse.settings import Settings, get_settings
from ecorse.sources import source_names

# what a shop may declare otherwise than a source's contract, and the values it may have
READING: dict[str, type | tuple[str, ...]] = {
    "drift": ("evolve", "quarantine", "freeze"),
    "encoding": str,
    "delimiter": str,
    "customer_rungs": list,
    "purchases_are_orders": bool,
}
_RUNGS = ("id", "email", "address")
_SHOP_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

# Source: ISO 4217, active codes of money that prices are stated in.
_CURRENCIES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP
    BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES
    KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND
    TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR
    ZMW ZWG
"""


@dataclass(frozen=True)
class ShopSource:
    """One source of a shop: how its files are read (``name``), and where they come from.

    ``reading`` holds what this shop declares otherwise than the source's contract.
    """

    name: str
    origin: str
    options: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shop:
    """One shop of ``shops.toml``."""

    shop_id: str
    shop_name: str
    time_zone: str
    currency: str
    sources: tuple[ShopSource, ...]


def load_shops(settings: Settings | None = None) -> list[Shop]:
    """Read the shops, in the order of the file.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or an entry is wrong; the message names file and key.
    """
    path = (settings or get_settings()).shops_file
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). "
            "ECORSE_SHOPS_FILE says where the shops are listed."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    _expect_keys(document, {"shops"}, set(), f"{path}")
    tables = document["shops"]
    if not isinstance(tables, list) or not tables:
        raise ConfigError(f"{path}: shops: expected at least one [[shops]] table.")
    shops = [_read_shop(table, f"{path}: shops[{i}]") for i, table in enumerate(tables)]
    _expect_unique([shop.shop_id for shop in shops], f"{path}: shop_id")
    return shops


def _read_shop(table: object, where: str) -> Shop:
    """Check one ``[[shops]]`` table."""
    texts = ("shop_id", "shop_name", "time_zone", "currency")
    shop = _expect_keys(table, {*texts, "sources"}, set(), where)
    shop_id, shop_name, time_zone, currency = (_text(shop, key, where) for key in texts)
    if not _SHOP_ID.fullmatch(shop_id) or shop_id.endswith(SIMULATED_SUFFIX):
        raise ConfigError(
            f"{where}.shop_id = {shop_id!r}: use lower-case letters, digits, - and _ (at most 63), "
            f"not ending in {SIMULATED_SUFFIX!r}, which marks simulated rows."
        )
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(
            f"{where}.time_zone = {time_zone!r}: no such zone; "
            "use an IANA name such as 'America/New_York'."
        ) from None
    if currency not in _CURRENCIES.split():
        raise ConfigError(
            f"{where}.currency = {currency!r}: no such currency; "
            "use an ISO 4217 code such as 'USD'."
        )
    tables = shop["sources"]
    if not isinstance(tables, list) or not tables:
        raise ConfigError(f"{where}.sources: expected at least one [[shops.sources]] table.")
    sources = tuple(_read_source(t, f"{where}.sources[{i}]") for i, t in enumerate(tables))
    _expect_unique([source.name for source in sources], f"{where}.sources: source")
    return Shop(shop_id, shop_name, time_zone, currency, sources)


def _read_source(table: object, where: str) -> ShopSource:
    """Check one ``[[shops.sources]]`` table; the options are checked by their origin."""
    source = _expect_keys(table, {"source", "origin"}, {"options", "reading"}, where)
    names = {"source": source_names(), "origin": origin_names()}
    for key, known in names.items():
        if _text(source, key, where) not in known:
            raise ConfigError(
                f"{where}.{key} = {source[key]!r}: no such {key}; there are {', '.join(known)}."
            )
    options = source.get("options", {})
    if not isinstance(options, dict):
        raise ConfigError(f'{where}.options: expected a table such as {{ path = "data" }}.')
    reading = source.get("reading", {})
    _check_reading(reading, f"{where}.reading")
    return ShopSource(source["source"], source["origin"], options, reading)


def _check_reading(reading: object, where: str) -> None:
    """Check a ``reading`` table: known keys, and values of their kind."""
    for key, value in _expect_keys(reading, set(), set(READING), where).items():
        kind = READING[key]
        is_right = value in kind if isinstance(kind, tuple) else isinstance(value, kind)
        if key == "customer_rungs" and is_right:
            is_right = all(rung in _RUNGS for rung in value)
        if key == "encoding" and is_right:
            is_right = _is_encoding(value)
        if not is_right:
            expected = {
                "drift": "'evolve', 'quarantine' or 'freeze'",
                "encoding": "a name such as 'utf-8', 'latin-1' or 'cp1252'",
                "delimiter": "one character",
                "customer_rungs": f"a list of {', '.join(map(repr, _RUNGS))}",
                "purchases_are_orders": "true or false",
            }[key]
            raise ConfigError(f"{where}.{key} = {value!r}: expected {expected}.")


def _is_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def _expect_keys(table: object, needed: set[str], optional: set[str], where: str) -> dict[str, Any]:
    """Check that a table has all needed keys and no unknown one."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected a table.")
    if unknown := sorted(set(table) - needed - optional):
        raise ConfigError(
            f"{where}: unknown key {', '.join(unknown)}; "
            f"it can have {', '.join(sorted(needed | optional))}."
        )
    if missing := sorted(needed - set(table)):
        raise ConfigError(f"{where}: {', '.join(missing)} is missing.")
    return table


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    """Give a value that must be a non-empty text."""
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}.{key} = {value!r}: expected a text that is not empty.")
    return value


def _expect_unique(values: list[str], where: str) -> None:
    """Check that no value stands twice."""
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ConfigError(f"{where} = {value!r} stands twice; each may stand once.")
