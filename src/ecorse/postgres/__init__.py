"""The database server: the embedded one, or the address of one's own.

What belongs here: starting, stopping and naming servers, roles and passwords. What does not:
connections and statements of a night (``ecorse.warehouse``).
"""

from ecorse.postgres.address import database_url, embedded_postgres
from ecorse.postgres.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "database_url", "embedded_postgres"]
