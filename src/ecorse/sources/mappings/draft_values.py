"""What a column's sampled values are: type, how they are written, and what they leave open.

What belongs here: one column's values. What does not: its name (``draft_words``), other columns
(``draft_roles``, ``draft_rules``). Every reading is tried with the functions that a load reads by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from ecorse.clean import values
from ecorse.clean.times import has_time
from ecorse.schema.contract import Column, ColumnType, DecimalSign, Repair

PROBED = 40  # different values that decide which formats are tried at all
# so large a share of a column's values has to be read; the others are told
NEARLY_ALL = 0.99
NOTHING = ("null", "n/a", "na", "#n/a", "nan", "none", "nil", "-", "--", "—", "\\n", "?", "n.a.",
           "k.a.", "keine", "inconnu", "desconocido", "sconosciuto", "onbekend")  # fmt: skip
SURE_NOTHING = ("null", "n/a", "#n/a", "nan", "\\n", "n.a.")  # words that a text may not be
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", ", %H:%M", ", %H:%M:%S", " %I:%M %p",
          " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S%.f")  # fmt: skip
ZONES = ("", " %z", "%z", " UTC", "Z")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y",
        "%d-%b-%y", "%b %d, %Y", "%B %d, %Y",
        "%b-%d-%y", "%b-%d-%Y", "%Y.%m.%d", "%Y%m%d")  # fmt: skip
EITHER_WAY = (("%m/%d/%Y", "%d/%m/%Y"), ("%m/%d/%y", "%d/%m/%y"), ("%m-%d-%Y", "%d-%m-%Y"),
              ("%m-%d-%y", "%d-%m-%y"))  # fmt: skip
TIME_ONLY = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
WAYS: tuple[tuple[DecimalSign, str], ...] = (
    (".", ""), (".", ","), (",", "."), (",", " "), (".", " "), (".", "'"), (",", "'"),
)  # fmt: skip
REPAIRS: tuple[Repair, ...] = ("parentheses", "trailing_minus", "unicode_minus")


@dataclass
class Look:
    """What one column's values are.

    ``kind`` is a type of a mapping, or ``time`` for a time of day alone. ``others`` are formats
    that would fit as well as ``formats``; ``questions`` are for a person. ``unread`` counts
    sampled values that are not read so.
    """

    name: str
    texts: pl.Series
    kind: str = "text"
    formats: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    decimal: DecimalSign = ""
    group: str = ""
    normalise: tuple[Repair, ...] = ()
    nulls: tuple[str, ...] = ()
    is_date_only: bool = False
    unread: int = 0
    questions: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many sampled rows have a value."""
        return len(self.texts) - self.texts.null_count()

    @property
    def distinct_share(self) -> float:
        """Different values per value."""
        return self.texts.drop_nulls().n_unique() / self.rows if self.rows else 0.0

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return self.kind in ("integer", "decimal", "percent")

    def column(self, target: str | None = None, kind: str | None = None) -> Column:
        """The column as it would be declared."""
        return Column(
            self.name, target, kind or self.kind,  # type: ignore[arg-type]
            formats=self.formats, normalise=self.normalise, decimal=self.decimal,
            group=self.group or ("." if self.decimal == "," else ""),
            nulls=self.nulls, is_date_only=self.is_date_only,
        )  # fmt: skip

    def read(self, kind: str | None = None) -> pl.Series:
        """The values as a load would read them; null where it would not."""
        return read_as(self.texts, self.column(kind=kind))


def look(name: str, texts: pl.Series) -> Look:
    """Look at a column: the narrowest type that nearly every sampled value has.

    Parameters
    ----------
    texts
        Trimmed, null where there is none.
    """
    found = Look(name, texts)
    some = texts.drop_nulls()
    if not len(some):
        return found
    folded = some.str.to_lowercase()
    spare = tuple(some.filter(folded.is_in(list(NOTHING))).unique().sort().to_list())
    kept = some.filter(~folded.is_in(list(NOTHING)))
    if len(kept):
        for find in (_times, _numbers):
            if find(found, kept):
                found.nulls = spare
                return found
    _words(found, some)
    return found


def read_as(texts: pl.Series, column: Column) -> pl.Series:
    """Texts as a load would read them in a column."""
    if column.type == "text":
        return texts
    if column.nulls:
        texts = texts.to_frame("t").select(
            pl.when(~pl.col("t").is_in(list(column.nulls))).then(pl.col("t"))
        ).to_series()  # fmt: skip
    plain = pl.select(values.convert(pl.lit(texts), column)).to_series()
    if len(plain) != len(texts):
        plain = plain.new_from_index(0, len(texts))
    return values.read(plain, texts, column).values


def _words(found: Look, some: pl.Series) -> None:
    """Words for nothing, and yes and no."""
    folded = some.str.to_lowercase()
    words = set(folded.unique().to_list())
    if len(words) == 2 and words <= {"true", "false", "yes", "no"}:
        found.kind = "boolean"
    sure = some.filter(folded.is_in(list(SURE_NOTHING))).unique().sort().to_list()
    found.nulls = tuple(sure)


# --- times -------------------------------------------------------------------------------------


def _times(found: Look, kept: pl.Series) -> bool:
    probe = kept.unique(maintain_order=True).head(PROBED)
    looks = probe.str.contains(r"\d[/.:-]\d|\d [A-Za-zÀ-ÿ]{3,}|[A-Za-z]{3,} \d|^\d{8}$")
    if looks.sum() < 0.5 * len(probe):
        return _time_of_day(found, kept)
    fitting = [f for f in _formats() if _share(probe, f) > 0.2]
    shares = {f: _share(kept, f) for f in fitting}
    best = max(shares.values(), default=0.0)
    if best < NEARLY_ALL and not _several(shares, kept):
        return _time_of_day(found, kept)
    chosen = [f for f in shares if shares[f] == best]
    if best < NEARLY_ALL:
        chosen = list(_several(shares, kept))
        found.formats = tuple(chosen)
    else:
        found.formats = (chosen[0],)
        found.others = tuple(f for f in chosen[1:] if _swapped(f) == chosen[0])
    found.kind = "timestamp"
    found.unread = int(found.read().is_null().sum()) - found.texts.null_count()
    if all(has_time(f) for f in found.formats):
        times = found.read().drop_nulls()
        found.is_date_only = len(times) > 1 and bool((times == times.dt.truncate("1d")).all())
    return True


def _formats() -> Iterable[str]:
    """Every format that is tried, those that leave nothing to guess first."""
    days = (*DAYS, *(day for pair in EITHER_WAY for day in pair))
    return (
        day + clock + zone
        for day in days
        for clock in CLOCKS
        for zone in (ZONES if "%H:%M:%S" in clock else ("",))
    )


def _swapped(time_format: str) -> str:
    """The format with day and month the other way round."""
    for one, other in EITHER_WAY:
        for a, b in ((one, other), (other, one)):
            if time_format.startswith(a):
                return b + time_format[len(a) :]
    return ""


def _share(texts: pl.Series, time_format: str) -> float:
    """The share of texts that a format reads as a time that shops have."""
    read = _read_time(texts, time_format)
    years = read.dt.year()
    return float(years.is_between(1900, 2100).sum()) / max(len(texts), 1)


def _read_time(texts: pl.Series, time_format: str) -> pl.Series:
    column = Column("t", None, "timestamp", formats=(time_format,))
    try:
        return pl.select(values.convert(pl.lit(texts), column)).to_series()
    except pl.exceptions.ComputeError:  # a format that no value of this kind can have
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(texts))


def _several(shares: dict[str, float], kept: pl.Series) -> tuple[str, ...]:
    """Two formats that read nearly all together; none where one would contradict the other."""
    ordered = sorted(shares, key=lambda f: -shares[f])[:4]
    for first in ordered[:2]:
        rest = kept.filter(_read_time(kept, first).is_null())
        for second in ordered:
            if second in (first, _swapped(first)) or not len(rest):
                continue
            covered = 1 - (1 - _share(rest, second)) * len(rest) / len(kept)
            if covered >= NEARLY_ALL and shares[first] > 0.02:
                return first, second
    return ()


def epoch_of(kept: pl.Series) -> str:
    """The format of counts since 1970 between 1990 and 2100; empty where values are none."""
    if not kept.str.contains(r"^\d{9,16}(\.\d+)?$").all():
        return ""
    numbers = kept.cast(pl.Float64, strict=False)
    for name, per_second in (("epoch", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000)):
        if bool(((numbers / per_second).is_between(631_152_000, 4_102_444_800)).all()):
            return name
    return ""


def _time_of_day(found: Look, kept: pl.Series) -> bool:
    for time_format in TIME_ONLY:
        read = kept.str.to_time(time_format, strict=False)
        if not read.null_count():
            found.kind, found.formats = "time", (time_format,)
            return True
    return False


# --- numbers -----------------------------------------------------------------------------------


def _numbers(found: Look, kept: pl.Series) -> bool:
    if kept.str.contains(r"^[+-]?(0|[1-9]\d{0,17})$").all():
        found.kind = "integer"
        return True
    if (
        kept.str.contains(r"\d").sum() < NEARLY_ALL * len(kept)
        or kept.str.contains(r"[A-Za-z]{4}").any()
    ):
        return False
    repairs = tuple(r for r in REPAIRS if _needs(kept, r))
    kind: ColumnType = "percent" if kept.str.contains("%").any() else "decimal"
    ways = {
        (decimal, group): _unread(kept, Column("n", None, kind, decimal=decimal, group=group,
                                               normalise=repairs))
        for decimal, group in WAYS
    }  # fmt: skip
    if min(ways.values()) > (1 - NEARLY_ALL) * len(kept) and not _is_mixed(kept):
        return False
    found.kind, found.normalise = kind, repairs
    _signs(found, kept)
    whole = kept.str.contains(r"^[+-]?\d+([.,]0+)?$").all()
    if whole and kind == "decimal" and not found.questions:
        found.kind, found.normalise = "integer", (*repairs, "integral_decimal")
    found.unread = _unread(kept, found.column())
    return True


def _is_mixed(kept: pl.Series) -> bool:
    """Whether every text is a number in some way of writing, a currency beside it or not."""
    beside = r"([^\w.,]|[A-Z]{2,3}|R\$|kr|zł)?"
    return bool(kept.str.contains(rf"^\(?[-+−]?{beside} ?\d[\d.,'’\s]* ?{beside}[-−]?\)?$").all())


def _unread(texts: pl.Series, column: Column) -> int:
    return read_as(texts, column).null_count()


def _needs(kept: pl.Series, repair: str) -> bool:
    patterns = {"parentheses": r"^\(.*\)$", "trailing_minus": r"\d\s?[-−]$", "unicode_minus": "−"}
    return bool(kept.str.contains(patterns[repair]).any())


def _signs(found: Look, kept: pl.Series) -> None:
    """Which signs are proven by values that can be read in one way only.

    A comma is the decimal sign where ``12,50`` or ``1.234,56`` stands; then ``1.250`` is 1250 if
    points are seen to part thousands. Where values of both kinds stand, or some have two readings
    that nothing settles, nothing is declared and a person is asked.
    """
    bare = kept.str.replace_all(r"[^\d.,]", "").str.strip_chars(".,")

    def has(pattern: str) -> bool:
        return bool(bare.str.contains(pattern).any())

    point_groups = has(r"^\d{1,3}(\.\d{3})+,\d") or has(r"^\d{1,3}(\.\d{3}){2,}$")
    comma_groups = has(r"^\d{1,3}(,\d{3})+\.\d") or has(r"^\d{1,3}(,\d{3}){2,}$")
    comma = point_groups or has(r"^\d+,(\d{1,2}|\d{4,})$") or has(r"^(0|\d{4,}),\d+$")
    point = comma_groups or has(r"^\d+\.(\d{1,2}|\d{4,})$") or has(r"^(0|\d{4,})\.\d+$")
    two = bare.filter(bare.str.contains(r"^[1-9]\d{0,2}[.,]\d{3}$"))
    with_point, with_comma = (bool(two.str.contains(s, literal=True).any()) for s in ".,")
    if comma and point:
        _ask_signs(found, bare, "values prove both")
    elif comma and (point_groups or not with_point):
        found.decimal = ","
    elif point and (comma_groups or not with_comma):
        found.group = "," if comma_groups else ""
        found.decimal = "." if comma_groups or with_point else ""
    elif comma or point or len(two):
        _ask_signs(found, bare, "nothing settles it")
    if kept.str.contains(r"\d[\s\u00a0\u202f]\d{3}").any():
        found.group, found.decimal = " ", found.decimal or "."
    if kept.str.contains(r"\d['’]\d{3}").any():
        found.group, found.decimal = "'", found.decimal or "."


def _ask_signs(found: Look, bare: pl.Series, why: str) -> None:
    two = bare.filter(bare.str.contains(r"^[1-9]\d{0,2}[.,]\d{3}$"))
    example = two[0] if len(two) else bare[0]
    digits = re.sub("[.,]", "", example)
    found.questions.append(
        f"which sign stands before decimals? {example!r} can be {example.replace(',', '.')} or "
        f'{digits}, and {why}: say decimal = "," or decimal = "." (and group)'
    )


def example_of(texts: pl.Series, unlike: Sequence[str] = ()) -> str:
    """A value to show to a person."""
    some = texts.drop_nulls()
    return next((t for t in some.head(100).to_list() if t not in unlike), "")
