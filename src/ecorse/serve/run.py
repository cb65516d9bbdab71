"""Starting the API's server.

What belongs here: uvicorn and its settings. What does not: the API (``app``).
"""

from __future__ import annotations

import uvicorn

from ecorse.errors import ConfigError
from ecorse.postgres.cluster import is_port_used
from ecorse.settings import get_settings


def serve(host: str, port: int, workers: int) -> None:
    """Serve until a signal ends it.

    Raises
    ------
    ConfigError
        The port is taken.
    """
    if is_port_used(port):
        raise ConfigError(
            f"Port {port} is taken by another program. Stop that program, or give another: "
            "--port, or ECORSE_API_PORT."
        )
    get_settings()  # a wrong setting is told before anything starts
    uvicorn.run(
        "ecorse.serve.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
