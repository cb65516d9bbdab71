"""Which clocks there are: time zones that tell the same time in a period count as one.

What belongs here: candidates for the zone of a report. What does not: choosing one (``search``).
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from ecorse.reports.reconcile.daily import Days

# of zones with one clock, the one that is named
KNOWN = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "America/New_York",
    "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "Pacific/Honolulu", "America/Halifax", "America/Sao_Paulo",
    "America/Bogota", "Asia/Dubai", "Asia/Karachi", "Asia/Kolkata", "Asia/Bangkok", "Asia/Shanghai",
    "Asia/Tokyo", "Australia/Brisbane", "Australia/Sydney", "Australia/Adelaide",
    "Australia/Perth", "Pacific/Auckland", "Africa/Johannesburg", "Africa/Lagos",
)  # fmt: skip


def clocks(days: Days, shop_zone: str) -> dict[str, int]:
    """The zones to try, one per clock, the shop's own first; and how many zones share it."""
    moments = [
        datetime.combine(days.first + timedelta(days=n), time(hour), UTC)
        for n in range(-1, len(days) + 1, 7 if len(days) > 400 else 1)
        for hour in (3, 15)
    ]
    preferred = [shop_zone, *KNOWN]
    rest = sorted(
        z
        for z in available_timezones() - set(preferred)
        if "/" in z and z[:3] not in ("Etc", "Sys")
    )
    named: dict[tuple[timedelta | None, ...], str] = {}
    sharing: dict[str, int] = {}
    for name in [*preferred, *rest]:
        zone = ZoneInfo(name)
        clock = tuple(moment.astimezone(zone).utcoffset() for moment in moments)
        first = named.setdefault(clock, name)
        sharing[first] = sharing.get(first, 0) + 1
    return sharing
