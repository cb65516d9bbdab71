"""What ``make run`` starts and stops: the embedded Postgres and Airflow.

What belongs here: the life of other programs. What does not: anything a night does.
"""

from ecorse.stack.postgres import EmbeddedPostgres, database_url

__all__ = ["EmbeddedPostgres", "database_url"]
