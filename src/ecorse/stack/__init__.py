"""What ``make run`` starts and stops: the embedded Postgres and Airflow.

What belongs here: the life of other programs. What does not: anything a night does.
"""

from ecorse.stack.address import database_url
from ecorse.stack.postgres import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "database_url"]
