"""Currencies: their codes, and which of them a sign in a text may stand for.

What belongs here: codes of ISO 4217 and signs. What does not: rates, and what becomes of a line
in another currency (``ecorse.clean``, ``ecorse.ingest``).

A sign is a statement even where it names several currencies: ``$`` rules the euro out.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_CODES = Path(__file__).with_name("currencies.txt")
_DOLLARS = (
    "USD AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD XCD "
    "ARS CLP COP CUP DOP MXN UYU CVE"
)
# Signs as price columns have them; several currencies share some.
_SIGNS = {
    "$": _DOLLARS,
    "US$": "USD",
    "C$": "CAD NIO",
    "CA$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "S$": "SGD",
    "NT$": "TWD",
    "MX$": "MXN",
    "AR$": "ARS",
    "CL$": "CLP",
    "CO$": "COP",
    "COL$": "COP",
    "U$S": "USD",
    "U$": "USD UYU",
    "RD$": "DOP",
    "B/.": "PAB",
    "Bs.": "BOB VES",
    "KSh": "KES",
    "din.": "RSD",
    "руб.": "RUB",
    "руб": "RUB",
    "грн.": "UAH",
    "грн": "UAH",
    "元": "CNY",
    "円": "JPY",
    "원": "KRW",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP EGP FKP GIP SHP SYP LBP SDG",
    "¥": "JPY CNY",
    "₹": "INR",
    "₨": "INR PKR LKR NPR MUR SCR",
    "₽": "RUB",
    "₺": "TRY",
    "₩": "KRW KPW",
    "₪": "ILS",
    "₫": "VND",
    "฿": "THB",
    "₱": "PHP CUP",
    "₴": "UAH",
    "₦": "NGN",
    "₡": "CRC",
    "₲": "PYG",
    "₵": "GHS",
    "₸": "KZT",
    "₼": "AZN",
    "₾": "GEL",
    "kr": "SEK NOK DKK ISK",
    "kr.": "SEK NOK DKK ISK",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "lei": "RON MDL",
    "лв": "BGN",
    "лв.": "BGN",
    "Fr": "CHF",
    "Fr.": "CHF",
    "SFr.": "CHF",
    "Rp": "IDR",
    "RM": "MYR",
    "S/": "PEN",
}


@lru_cache(maxsize=1)
def currency_codes() -> frozenset[str]:
    """ISO 4217 codes of the currencies that prices may be stated in."""
    lines = _CODES.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


@lru_cache(maxsize=1)
def currency_signs() -> dict[str, frozenset[str]]:
    """Every sign and code that may stand beside a number, and the codes it may mean."""
    signs = {sign: frozenset(codes.split()) for sign, codes in _SIGNS.items()}
    # "AU $12.00", "C $5.00": some write a blank between the letters and the sign
    signs |= {f"{s[:-1]} $": codes for s, codes in signs.items() if len(s) > 1 and s[-1] == "$"}
    return signs | {code: frozenset((code,)) for code in currency_codes()}
