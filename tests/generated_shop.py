"""Order lines of a generated shop in a generated locale, with what each line is worth.

What belongs here: drawing a locale, rows with their fates, the file that says them and the mapping
that says how. What does not: what is expected of reading it (``integration``).

The truth is made of exact decimals before anything is written; writing never looks at the project.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")  # the shop's
NEW_YORK = ZoneInfo("America/New_York")
HEADER = ("order", "line", "sku", "title", "pieces", "price", "off", "customer", "shipping")
TITLES = (
    "Mug", "Straße 5", "a{d}b", "it's", 'q "x" q', "€ sign", "back\\slash", "x,y", "a;b|c", "ü",
)  # fmt: skip
TIMES = {  # formats, and the mapping's keys; how a time is written is in `_time`
    "iso": (["%Y-%m-%d %H:%M:%S"], ""),
    "day first": (["%d/%m/%Y %H:%M"], ""),
    "noon": (["%m/%d/%Y %I:%M:%S %p"], ""),
    "offset": (["%Y-%m-%dT%H:%M:%S%z"], ""),
    "epoch": (["epoch"], ""),
    "epoch_ms": (["epoch_ms"], ""),
    "date": (["%d.%m.%Y"], ""),
    "mixed": (["%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y"], ""),
    "two columns": (["%Y/%m/%d %H:%M"], ""),
    "utc": (["%Y-%m-%d %H:%M:%S"], ', zone = "UTC"'),
    "new york": (["%Y-%m-%d %H:%M:%S"], ', zone = "America/New_York"'),
}


@dataclass(frozen=True)
class Locale:
    """How the file is written, and which of that the mapping says (``without``: what not)."""

    decimal: str
    group: str
    sign: str  # with {} for the number
    minus: str  # with {} for the digits
    percent: str
    null: str
    times: str
    delimiter: str
    quote: str
    escape: str
    encoding: str
    end: str
    preamble: int
    until: bool
    totals: str
    once: str  # "", "each" line or the "first" line of an order says its shipping
    fills: bool  # the customer stands on an order's first line only
    keyed: bool
    repeats: str

    @property
    def normalise(self) -> list[str]:
        names = {"({})": "parentheses", "{}-": "trailing_minus", "−{}": "unicode_minus"}
        return [names[self.minus]] if self.minus in names else []

    def mapping(self, *without: str) -> str:
        """The mapping file, with some of its keys left out."""
        keys = {
            "delimiter": self.delimiter, "quote": self.quote, "escape": self.escape,
            "encoding": self.encoding, "decimal": self.decimal, "group": self.group,
            "normalise": self.normalise, "nulls": [self.null] if self.null else "",
            "skip_rows": 0 if self.until else self.preamble,
            "skip_until": "^.?order.?" if self.until and self.preamble else "",
            "stop_at": "^Total" if self.totals == "stop" else "",
            "skip_matching": ["^Total"] if self.totals == "skip" else "",
            "line_key": ["line"] if self.keyed else "",
            "repeats": "" if self.keyed else self.repeats,
        }  # fmt: skip
        said = [
            f"{key} = {_toml(value)}"
            for key, value in keys.items()
            if key not in without and (value or key == "quote")
        ]
        formats, zone = TIMES[self.times]
        at = 'from = ["day", "time"]' if self.times == "two columns" else 'name = "at"'
        target = "ordered_at" if self.times in ("offset", "epoch", "epoch_ms") else "ordered_local"
        lines = [
            'about = "A generated shop."', 'table = "order_lines"', *said, "columns = [",
            '  { name = "order", target = "order_id" },', '  { name = "line" },',
            '  { name = "sku", target = "product_id" },',
            '  { name = "title", target = "product_name" },',
            '  { name = "pieces", target = "quantity", type = "integer" },',
            '  { name = "price", target = "unit_price", type = "decimal" },',
            '  { name = "off", target = "discount_share", type = "percent" },',
            '  { name = "customer", target = "customer_id" },',
            '  { name = "shipping", type = "decimal" },',
            f'  {{ {at}, target = "{target}", type = "timestamp", formats = {formats}{zone} }},',
            "]",
        ]  # fmt: skip
        if self.fills:
            lines += ["[fill_down]", 'within = "order"', 'columns = ["customer"]']
        if self.once:
            lines += ["[[also]]", 'kind = "shipping"', 'amount = "shipping"',
                      'once_per = "order_id"']  # fmt: skip
        return "\n".join(lines) + "\n"


@dataclass
class Row:
    """A record of the file, what it is worth, and its fate.

    ``fate`` is ``good``, ``repeat`` or the rule that refuses it; ``texts`` take the place of
    written values, by column.
    """

    order: str
    line: str
    sku: str
    title: str
    pieces: int
    price: Decimal
    off: Decimal | None
    customer: str | None
    shipping: Decimal | None
    at: datetime  # of the zone that the file is written in
    instant: datetime
    is_date: bool
    fate: str = "good"
    texts: dict[str, str] = field(default_factory=dict)
    more: int = 0
    source_line: int = 0
    says_customer: bool = True

    @property
    def money(self) -> Decimal:
        taken = abs(self.pieces) * abs(self.price) * (self.off or 0)
        return self.pieces * self.price - (taken if self.pieces >= 0 else -taken)


def draw_locale(rng: random.Random) -> Locale:
    """Any locale whose parts do not contradict each other."""
    decimal = rng.choice(".,")
    group = rng.choice([g for g in ("", ".", ",", " ", "'") if g != decimal])
    if decimal == "," and not group:
        group = "."
    delimiter = rng.choice([",", ";", "\t", "|", "||"])
    quote = rng.choice(['"', '"', "'"])
    return Locale(
        decimal=decimal,
        group=group,
        sign=rng.choice(["{}", "{}", "€{}", "€ {}", "{} €", "EUR {}", "{} EUR"]),
        minus=rng.choice(["-{}", "({})", "{}-", "−{}"]),
        percent=rng.choice(["{}", "{}%", "{} %"]),
        null=rng.choice(["", "NULL", "N/A", "-"]),
        times=rng.choice(sorted(TIMES)),
        delimiter=delimiter,
        quote=quote,
        escape=rng.choice(["", "", "\\"]),
        encoding=rng.choice(["utf-8", "utf-8", "cp1252", "utf-16"]),
        end=rng.choice(["\n", "\r\n"]),
        preamble=rng.choice([0, 0, 2]),
        until=rng.random() < 0.5,
        totals=rng.choice(["", "stop", "skip"]),
        once=rng.choice(["", "each", "first"]),
        fills=rng.random() < 0.4,
        keyed=rng.random() < 0.4,
        repeats=rng.choice(["drop", "keep", "flag"]),
    )


def writable(locale: Locale) -> Locale:
    """A locale that its own encoding can write: cp1252 has no real minus."""
    if locale.encoding == "cp1252" and locale.minus == "−{}":
        return Locale(**{**vars(locale), "encoding": "utf-8"})
    return locale


def draw_rows(rng: random.Random, locale: Locale, orders: int) -> list[Row]:
    """Orders of one to four lines, among them repeated and refused ones."""
    rows: list[Row] = []
    for number in range(orders):
        instant, at, is_date = _moment(rng, locale)
        customer = rng.choice([None, f"c{rng.randrange(9)}"])
        shipping = rng.choice([None, Decimal(0), Decimal(rng.randrange(1, 999999)) / 100])
        begin = len(rows)
        for place in range(rng.randrange(1, 5)):
            says = locale.once != "first" or place == 0
            pieces = rng.choice([1, 1, 2, 7, 1200, -1, -3, 0])
            # a credit below 0 is sold: with pieces below 0 as well the signs contradict each other
            cents = rng.choice([rng.randrange(9999), rng.randrange(10**8), -250])
            cents = abs(cents) if pieces <= 0 else cents
            row = Row(
                order=f"A-{number}", line=f"{number}.{place}", sku=f"p{rng.randrange(20)}",
                title=rng.choice(TITLES).replace("{d}", locale.delimiter),
                pieces=pieces,
                price=Decimal(cents) / 100,
                off=rng.choice([None, None, Decimal(5) / 100, Decimal(33) / 100]),
                customer=customer, shipping=shipping if says else None,
                at=at, instant=instant, is_date=is_date,
            )  # fmt: skip
            rows.append(row)
            if rng.random() < 0.15:
                rows.append(Row(**{**vars(row), "fate": "repeat"}))
        if rng.random() < 0.4:
            rows.append(_refused(rng, locale, rows[-1], number))
        if rng.random() < 0.2:
            _refuse_first(rng, locale, rows, begin)
        if rng.random() < 0.2:  # a line of the order that cannot be read, maybe its first
            place = rng.randrange(begin, len(rows))
            lost = Row(**{**vars(rows[begin]), "fate": "field_count", "more": 1, "texts": {}})
            lost.line = f"y{lost.line}"
            rows.insert(place, lost)
    if locale.fills:
        _fill_down(locale, rows)
    return rows


def _fill_down(locale: Locale, rows: list[Row]) -> None:
    """Say customers on first lines only; where such a line is lost, nobody knows them."""
    told: set[str] = set()
    last: str | None = None
    is_lost = is_unknown = False  # the line before; the customer of the row's order
    for row in rows:
        row.says_customer = row.order not in told
        told.add(row.order)
        if row.fate == "field_count":
            is_lost = True
            continue
        order = row.texts.get("order", row.order).strip()
        if order != last:
            is_unknown = is_lost
        writes_null = locale.null and row.fate in ("good", "repeat")
        if row.says_customer and (row.customer or writes_null):
            is_unknown = False
        if is_unknown:
            row.fate = "first_line_unread"
        last, is_lost = order, not order


def _refuse_first(rng: random.Random, locale: Locale, rows: list[Row], begin: int) -> None:
    """Put a refused line in front of an order, which then states what the order states once."""
    first = rows[begin]
    fate = rng.choice(["unit_price_invalid", "quantity_too_large", "foreign_currency"])
    column, text = rng.choice(BROKEN[fate])
    line = f"x{first.line}"
    rows.insert(begin, Row(**{**vars(first), "fate": fate, "line": line, "texts": {column: text}}))
    if locale.once == "first":
        for row in rows[begin + 1 :]:
            if row.order == first.order:
                row.shipping = None


def _refused(rng: random.Random, locale: Locale, like: Row, number: int) -> Row:
    """A row of an order of its own that one known rule refuses."""
    row = Row(**{**vars(like), "order": f"B-{number}", "line": f"b{number}", "texts": {}})
    row.fate = rng.choice(list(BROKEN) + ["field_count"] + ["line_key_empty"] * locale.keyed)
    if row.fate == "field_count":
        row.more = 1
    elif row.fate == "line_key_empty":
        row.texts = {"line": ""}
    else:
        column, text = rng.choice(BROKEN[row.fate])
        row.texts = {column: text.replace("{n}", f"{number:02}")}
    return row


BROKEN = {
    "unit_price_invalid": [("price", "abc"), ("price", "1e5"), ("price", "1.2.3"), ("price", "²")],
    "unit_price_empty": [("price", "")],
    "order_id_empty": [("order", ""), ("order", "  ")],
    "quantity_invalid": [("pieces", "x"), ("pieces", "1,5.2")],
    "quantity_too_large": [("pieces", "1000001")],
    "foreign_currency": [("price", "5 USD"), ("price", "$5"), ("price", "CHF 5")],
    "order_id_too_long": [("order", "{n}" + "o" * 501)],
    "order_id_shortened": [("order", "2.02{n}E+11")],
    "discount_share_invalid": [("off", "ten")],
    "time": [("at", "2024-02-30"), ("at", "soon"), ("at", "-2024-01-01")],
}


def _moment(rng: random.Random, locale: Locale) -> tuple[datetime, datetime, bool]:
    """An instant and how the file's clock tells it; hours of a change of clocks are in it too."""
    zone = {"utc": UTC, "new york": NEW_YORK}.get(locale.times, BERLIN)
    wall = datetime(2023, 12, 31) + timedelta(minutes=rng.randrange(366 * 24 * 60))
    if rng.random() < 0.1:
        wall = datetime(2024, 10, 27, 2, rng.randrange(60))  # twice in Berlin: the first is meant
    if datetime(2024, 3, 31, 2) <= wall < datetime(2024, 3, 31, 3) or datetime(
        2024, 3, 10, 2
    ) <= wall < datetime(2024, 3, 10, 3):
        wall += timedelta(hours=1)  # never on one of the clocks
    is_date = locale.times == "date" or (locale.times == "mixed" and rng.random() < 0.5)
    if is_date:
        wall = datetime(wall.year, wall.month, wall.day)
    at = wall.replace(tzinfo=zone)
    if locale.times == "offset":
        at = at.astimezone(timezone(timedelta(minutes=rng.choice([0, 60, -300, 330, 765]))))
    return at.astimezone(UTC), at, is_date


def _toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return str(value)
