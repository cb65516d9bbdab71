"""Time zones by the words that exports have for them.

What belongs here: from a word to a name of the IANA database. What does not: times (``clock``).
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones

# As web frameworks and tills write them. An abbreviation such as CST or IST stands for several
# zones and is none of these.
_WORDS = {
    "Eastern Time (US & Canada)": "America/New_York",
    "Central Time (US & Canada)": "America/Chicago",
    "Mountain Time (US & Canada)": "America/Denver",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Atlantic Time (Canada)": "America/Halifax",
    "Indiana (East)": "America/Indiana/Indianapolis",
    "Newfoundland": "America/St_Johns",
    "Saskatchewan": "America/Regina",
    "Puerto Rico": "America/Puerto_Rico",
    "Arizona": "America/Phoenix",
    "Alaska": "America/Juneau",
    "Hawaii": "Pacific/Honolulu",
    "London": "Europe/London",
    "Edinburgh": "Europe/London",
    "Dublin": "Europe/Dublin",
    "Paris": "Europe/Paris",
    "Madrid": "Europe/Madrid",
    "Berlin": "Europe/Berlin",
    "Sydney": "Australia/Sydney",
    "Canberra": "Australia/Sydney",
    "Melbourne": "Australia/Melbourne",
    "Hobart": "Australia/Hobart",
    "Brisbane": "Australia/Brisbane",
    "Adelaide": "Australia/Adelaide",
    "Darwin": "Australia/Darwin",
    "Perth": "Australia/Perth",
    "AWST": "Australia/Perth",
    "Tokyo": "Asia/Tokyo",
    "Osaka": "Asia/Tokyo",
    "Sapporo": "Asia/Tokyo",
}


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    by_name = {name.casefold(): name for name in available_timezones()}
    return by_name | {word.casefold(): name for word, name in _WORDS.items()}


def zone_of(word: str) -> str | None:
    """The IANA name that a word stands for; None where it is none that is known."""
    return _known().get(word.strip().casefold())
