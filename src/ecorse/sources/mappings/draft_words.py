"""What the words of a header mean, in seven languages, and which target a column's name names.

What belongs here: names. What does not: the values below them (``draft_values``), deciding between
columns (``draft_roles``). The words themselves are data: ``draft_words.toml``.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LINKING = ("s", "n", "en", "e", "es")  # letters between the parts of a compound word
SMALL_WORDS = frozenset(
    (
        *("a", "al", "at", "da", "das", "de", "del", "della", "delle", "den", "der", "des", "di"),
        *("die", "do", "dos", "du", "e", "een", "el", "en", "et", "for", "het", "il", "in", "l"),
        *("la", "le", "les", "los", "met", "of", "on", "por", "pour", "the", "to", "und", "un"),
        *("una", "van", "von", "y", "zum", "zur", "d", "m", "o"),
    )
)
PLACES = ("address", "street", "city", "region", "postal_code", "country", "customer_email")
LEAST = 0.55  # a name that means less of a target's meaning than this is another's


@dataclass(frozen=True)
class Words:
    """The vocabulary: meanings by word, patterns by table and target."""

    meanings: dict[str, frozenset[str]]
    patterns: dict[str, dict[str, list[frozenset[str]]]]
    weak: frozenset[str]
    never: frozenset[str]
    places: frozenset[str]


@lru_cache(maxsize=1)
def words() -> Words:
    """The words, read once."""
    text = Path(__file__).with_name("draft_words.toml").read_text(encoding="utf-8")
    said = tomllib.loads(text)
    meanings: dict[str, set[str]] = {}
    for meaning, known in said.pop("words").items():
        for word in known:
            meanings.setdefault(_plain(word), set()).add(meaning)
    beside = said.pop("beside")
    return Words(
        {word: frozenset(found) for word, found in meanings.items()},
        {
            table: {t: [frozenset(p.split()) for p in patterns] for t, patterns in targets.items()}
            for table, targets in said.items()
        },
        frozenset(beside["weak"]),
        frozenset(beside["never"]),
        frozenset(beside["places"]),
    )


def _plain(text: str) -> str:
    """Small letters without accents."""
    folded = text.replace("ø", "o").replace("Ø", "O").casefold()
    return "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))


@dataclass(frozen=True)
class Meaning:
    """What a column's name says: meanings, and how many of its words say nothing known."""

    said: frozenset[str]
    unknown: int


@lru_cache(maxsize=4096)
def meaning_of(name: str) -> Meaning:
    """The meaning of a column's name."""
    apart = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])", " ", name)  # customerId
    apart = re.sub(r"\b(\w)\.(\w)\.", r"\1\2", apart)  # P.U.
    apart = re.sub(r"\bq\.t", "qt", apart, flags=re.IGNORECASE)  # Q.tà
    apart = apart.replace("%", " percent ").replace("#", " number ")
    apart = re.sub(r"\bsold for\b", "soldfor", apart, flags=re.IGNORECASE)
    tokens = re.findall(r"[^\W_]+", _plain(apart))
    said: set[str] = set()
    unknown = 0
    for token in tokens:
        bare = token.rstrip("0123456789") or token
        if token in SMALL_WORDS:
            continue
        parts = _parts(token) or _parts(bare)
        if parts is None:
            unknown += 1
        for part in parts or ():
            said |= words().meanings[part]
    return Meaning(frozenset(_told_of_money(said)), unknown)


def _told_of_money(said: set[str]) -> set[str]:
    """What words beside each other mean: a price with tax is no tax.

    Nor is a subtotal after discount a discount; a fee for shipping is shipping; a gift card is
    neither a gift nor a card.
    """
    of_money = said & {"price", "total", "shipping", "cost", "product", "unit", "fee"}
    if "tax" in said and said & {"net", "gross"} and of_money:
        said -= {"tax"}
    if "discount" in said and said & {"before", "after"} and of_money:
        said -= {"discount"}
    if "gift" in said and said & {"card", "discount", "invoice"}:
        said = (said - {"gift", "card", "discount", "invoice"}) | {"gift_card"}
    if "shipping" in said:
        said -= {"fee", "cost"}
    return said


def _parts(token: str) -> tuple[str, ...] | None:
    """Known words that a token is made of; None where it is not."""
    known = words().meanings
    if token in known:
        return (token,)
    for end in range(len(token) - 2, 2, -1):
        if token[:end] not in known:
            continue
        rest = token[end:]
        for linking in ("", *LINKING):
            if rest.startswith(linking) and len(rest) - len(linking) >= 2:
                behind = _parts(rest[len(linking) :])
                if behind is not None:
                    return (token[:end], *behind)
    return None


def targets_of(name: str, table: str) -> dict[str, float]:
    """How well a name fits each target of a table, from 0 to 1; targets it does not fit are left.

    A pattern's meanings have to be said; what is said besides counts against it.
    """
    meaning = meaning_of(name)
    found: dict[str, float] = {}
    for target, patterns in words().patterns.get(table, {}).items():
        is_place = target in PLACES
        score = max(_fit(meaning, p, 0.01 * n, is_place) for n, p in enumerate(patterns))
        if score >= LEAST:
            found[target] = score
    return found


def _fit(meaning: Meaning, pattern: frozenset[str], later: float, is_place: bool) -> float:
    if not pattern <= meaning.said:
        return 0.0
    known = words()
    beside = meaning.said - pattern
    if beside & known.never:
        return 0.0
    against = 0.6 * meaning.unknown
    for one in beside:
        if one in known.weak:
            against += 0.30 if one == "net" else 0.25  # what a customer pays has its tax
        else:
            against += 0.4 if is_place and one in known.places else 2.0
    return len(pattern) / (len(pattern) + against) - later


def says(name: str, *meanings: str) -> bool:
    """Whether a name says all of these."""
    return set(meanings) <= meaning_of(name).said
