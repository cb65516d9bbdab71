"""The assets that tie the DAGs together: one name, one URI, one place.

What belongs here: every asset of the project (a name with two URIs is silently deactivated by
Airflow). What does not: who produces or consumes them; that stands in the DAG files.
"""

from airflow.sdk import Asset, AssetAlias

STAGING = Asset(name="staging", uri="x-ecorse://warehouse/staging", group="ecorse")
MARTS = Asset(name="marts", uri="x-ecorse://warehouse/marts", group="ecorse")
LATE = AssetAlias(name="late loads", group="ecorse")
"""What came after its run had announced: an event of STAGING only where a task adds one."""

ALL = (STAGING, MARTS)
