"""Generated rows as the bytes of a file: the other half of ``generated_shop``.

What belongs here: how a locale writes values, fields and what surrounds them. What does not:
which values there are.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

from generated_shop import HEADER, TIMES, Locale, Row


def write_file(rng: random.Random, locale: Locale, rows: Sequence[Row]) -> bytes:
    """The file's bytes; every row learns the line that it begins on."""
    times = ("day", "time") if locale.times == "two columns" else ("at",)
    records = [f"Export {n} of the shop" for n in range(locale.preamble)]
    records.append(locale.delimiter.join(_field(locale, name) for name in (*HEADER, *times)))
    totals = locale.delimiter.join(["Total", *[""] * (len(HEADER) + len(times) - 1)])
    for row in rows:
        if locale.totals == "skip" and rng.random() < 0.1:
            records.append(totals)
        row.source_line = len(records) + 1
        fields = _values(locale, row)
        fields += [""] * row.more
        records.append(locale.delimiter.join(_field(locale, value) for value in fields))
    if locale.totals == "stop":
        records += [totals, "", "printed by the till"]
    return (locale.end.join(records) + locale.end).encode(locale.encoding)


def _values(locale: Locale, row: Row) -> list[str]:
    nothing = locale.null if row.fate in ("good", "repeat") else ""
    said = {
        "order": row.order,
        "line": row.line,
        "sku": row.sku,
        "title": row.title,
        "pieces": _number(locale, Decimal(row.pieces)),
        "price": locale.sign.format(_number(locale, row.price)),
        "off": "" if row.off is None else locale.percent.format(_plain(locale, row.off * 100)),
        "customer": row.customer if row.says_customer else "",
        "shipping": "" if row.shipping is None else _number(locale, row.shipping),
    }
    values = [said[name] or nothing for name in HEADER]
    if not row.says_customer:
        values[HEADER.index("customer")] = ""
    at = _time(locale, row)
    for column, text in row.texts.items():
        if column == "at":
            at = [text] * len(at)
        else:
            values[HEADER.index(column)] = text
    return values + at


def _time(locale: Locale, row: Row) -> list[str]:
    if locale.times == "epoch":
        return [str(int(row.instant.timestamp()))]
    if locale.times == "epoch_ms":
        return [str(int(row.instant.timestamp()) * 1000)]
    if locale.times == "two columns":
        return [row.at.strftime("%Y/%m/%d"), row.at.strftime("%H:%M")]
    formats = TIMES[locale.times][0]
    if locale.times == "mixed":  # a date is written in one of two ways, the same for a row
        choice = 0 if not row.is_date else 1 + len(row.order) % 2
        return [row.at.strftime(formats[choice])]
    return [row.at.strftime(formats[0])]


def _plain(locale: Locale, number: Decimal) -> str:
    return f"{number.normalize():f}".replace(".", locale.decimal)


def _number(locale: Locale, number: Decimal) -> str:
    """Digits with the locale's signs; thousands are parted where the locale parts them."""
    text = f"{abs(number):,}" if locale.group else f"{abs(number)}"
    text = text.translate({ord(","): locale.group, ord("."): locale.decimal})
    return locale.minus.format(text) if number < 0 else text


def _field(locale: Locale, text: str) -> str:
    """A field as it is written: quoted where it has to be."""
    special = (locale.delimiter, locale.quote, "\n", *([locale.escape] if locale.escape else []))
    if not any(sign in text for sign in special):
        return text
    if locale.escape:
        text = text.replace(locale.escape, locale.escape * 2)
        text = text.replace(locale.quote, locale.escape + locale.quote)
    else:
        text = text.replace(locale.quote, locale.quote * 2)
    return f"{locale.quote}{text}{locale.quote}"
