"""Case 26: a schedule that is none is refused at once; a night can keep its hour in a zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ecorse.errors import ConfigError
from ecorse.reports.doctor import examine
from ecorse.settings import get_settings

WRONG = ["every night", "0 25 * * *", "0 2 * *", "0 0 2 * * *", "@once", "0 2 30 2 *"]


@pytest.fixture
def configured(monkeypatch):
    """The settings with these values in the environment."""

    def read(**values: str):
        for name, value in values.items():
            monkeypatch.setenv(f"ECORSE_{name}", value)
        get_settings.cache_clear()
        return get_settings()

    yield read
    get_settings.cache_clear()


@pytest.mark.parametrize("schedule", WRONG)
def test_a_wrong_schedule_is_refused_at_start_with_setting_value_and_example(configured, schedule):
    with pytest.raises(ConfigError) as refused:
        configured(SCHEDULE=schedule)
    assert f"ECORSE_SCHEDULE = '{schedule}': expected" in str(refused.value)
    assert "such as '0 2 * * *'" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"), [("SCHEDULE", "every night"), ("SCHEDULE_ZONE", "Berlin")]
)
def test_the_doctor_says_the_same(configured, name, value):
    with pytest.raises(ConfigError):
        configured(**{name: value})
    (finding,) = examine()
    assert (finding.part, finding.is_ok) == ("settings", False)
    assert f"ECORSE_{name} = '{value}': expected" in finding.sentence


@pytest.mark.parametrize("schedule", ["0 2 * * *", "30 1 * * 1-5", "@daily", "", " 0 2 * * * "])
def test_a_right_one_is_taken(configured, schedule):
    assert configured(SCHEDULE=schedule).schedule == schedule.strip()


def test_other_settings_say_their_value_too_and_secrets_never(configured, monkeypatch):
    """A sibling: what was wrong with a number was told without the number."""
    with pytest.raises(ConfigError, match="ECORSE_KEEP_BUILDS = '1': "):
        configured(KEEP_BUILDS="1")
    from ecorse.settings import _mistake

    told = _mistake({"loc": ("database_url",), "msg": "wrong", "input": "postgresql://u:secret@h"})
    assert told == "ECORSE_DATABASE_URL: wrong"


@pytest.mark.parametrize(
    ("zone", "winter", "summer"), [("UTC", 2, 2), ("Europe/Berlin", 1, 0), ("Asia/Tokyo", 17, 17)]
)
def test_a_night_keeps_its_hour_in_its_zone(zone, winter, summer):
    """Two o'clock is 01:00 UTC in Berlin's winter, 00:00 UTC in its summer."""
    from airflow.serialization.encoders import coerce_to_core_timetable
    from pendulum import instance

    from ecorse.orchestration.defaults import nightly

    timetable = coerce_to_core_timetable(nightly("0 2 * * *", zone))
    for month, hour in ((1, winter), (7, summer)):
        after = instance(datetime(2024, month, 10, 0, 0, 1, tzinfo=UTC))
        following = timetable._get_next(timetable._get_next(after))
        assert following.astimezone(UTC).hour == hour
