"""Prices whose column says whether their tax is in them: asked about, never decided.

What belongs here: the words, and the question. What does not: tax that has a column of its own
(``draft_beside``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

# English, German, French, Spanish, Portuguese, Italian, Dutch
_TAX = r"(?:btw|vat|gst|hst|tax(?:es)?|mwst|mehrwertsteuer|ust|umsatzsteuer|steuer|tva|taxes|iva)"
_BETWEEN = r"[^a-z0-9]*(?:de |du |of |l')?"
_WITH = r"(?:incl?[a-z]*|inkl[a-z]*|c/|con|com|avec|mit|met|with)"
_WITHOUT = r"(?:excl?[a-z]*|exkl[a-z]*|ex|zzgl|s/|sin|sem|senza|sans|hors|ohne|zonder|without|plus)"
_COMPRISED = rf"(?:{_WITH}|comprise?s?|compres[ao])"
INCLUDED = re.compile(
    rf"(?<![a-z])(?:{_WITH}{_BETWEEN}{_TAX}|{_TAX}{_BETWEEN}{_COMPRISED}|ttc|t\.t\.c|brutto[a-z]*"
    r"|bruto|gross(?:[ _-]?(?:unit[ _-]?)?price)|ivat[oa]|lordo)(?![a-z])"
)
APART = re.compile(
    rf"(?<![a-z])(?:{_WITHOUT}{_BETWEEN}{_TAX}|{_TAX}{_BETWEEN}(?:excl?[a-z]*|exkl[a-z]*|esclus[ao])|ht|h\.t"
    r"|netto[a-z]*|net(?:[ _-]?(?:unit[ _-]?)?price))(?![a-z])"
)
PRICES = ("unit_price", "line_total")


def tax_lines(targets: Mapping[str, str]) -> Iterator[str]:
    """The question about the prices whose names speak of their tax; ``targets`` by name."""
    prices = [name for name, target in targets.items() if target in PRICES]
    apart = [name for name in prices if APART.search(name.casefold())]
    included = [n for n in prices if n not in apart and INCLUDED.search(n.casefold())]
    for names, what, key in ((included, "with", "included"), (apart, "without", "apart")):
        if names:
            told = " and ".join(map(repr, names))
            yield f"# QUESTION: tax: by its name {told} is {what} tax. Does the file state the tax?"
            yield f'# Then map it, [[also]] kind = "tax", and say tax = "{key}". Else money here is'
            yield f"# {what} tax, as the prices are: compare it with figures that are {what} too."
