"""Case 23: slips of the pen in the forms of the DAGs."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import ParamValidationError

from ecorse.errors import ConfigError
from ecorse.warehouse.connect import connect


@pytest.fixture(scope="session")
def take(dagbag):
    """Take a value for ``as_of`` as the API does before it makes a run; a ValueError is its 400."""
    from airflow.serialization.serialized_objects import DagSerialization

    refresh = DagSerialization.from_dict(DagSerialization.to_dict(dagbag.dags["refresh"]))
    return lambda value: refresh.params.deep_merge({"as_of": value}).validate()


@pytest.mark.parametrize(
    "value",
    ["last tuesday", "31.05.2024", "2024-13-01", "2024-05-31T25:00", "2024-05-31 or so", "1717"],
)
def test_what_is_no_date_time_is_refused_at_once(take, value):
    with pytest.raises(ParamValidationError, match="does not match"):
        take(value)


@pytest.mark.parametrize(
    "value",
    [None, "", "2024-05-31", "2024-05-31T22:00", "2024-05-31T22:00:00Z", "2024-05-31 22:00:00",
     "2024-05-31T22:00:00.000Z", "2024-05-31T22:00:00.123456+02:00"],
)  # fmt: skip
def test_what_is_one_is_taken_and_read(take, value):
    from ecorse.orchestration.tasks import instant

    take(value)
    moment = instant("as_of", value)
    assert (moment is None) == (not value)
    assert moment is None or str(moment).startswith("2024-05-31 ")


def test_a_day_that_the_calendar_has_not_is_refused_by_the_task():
    from ecorse.orchestration.tasks import instant

    with pytest.raises(ConfigError, match="as_of = '2024-02-30' is no date or time"):
        instant("as_of", "2024-02-30")


def test_wrong_runs_name_field_and_value_and_the_night_goes_on(play, warehouse):
    """Each ends at its first try, so that the run behind it is not held up."""
    shop, field, source, other = play(
        ("ingest", {"shop": "nope"}),
        ("ingest", {"shopp": "north"}),
        ("ingest", {"source": "nothing"}),
        ("refresh", {"asof": "2024-05-31"}),
    )
    log = other["log"]
    for run, task in ((shop, "list_sources"), (field, "list_sources"), (source, "list_sources"),
                      (other, "open_build")):  # fmt: skip
        assert (run["state"], run["tasks"][task], run["tries"][task]) == ("failed", "failed", 1)
        assert run["events"] == {}
    assert "The form says shop = 'nope'. There is no shop 'nope' in " in log
    assert "The form of the DAG ingest has no field 'shopp' ('north'); it has shop, " in log
    assert "The form says source = 'nothing'. No shop has a source 'nothing' in " in log
    assert "The form of the DAG refresh has no field 'asof' ('2024-05-31'); it has as_of" in log
    with connect() as conn:
        assert conn.execute("select count(*) from ops.build").fetchone() == (0,)
