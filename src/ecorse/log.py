"""How Ecorse logs: the standard library, one format, lazy arguments.

What belongs here: the set-up. What does not: progress bars (``ecorse.cli``).
"""

import logging


def configure(level: str = "INFO") -> None:
    """Send Ecorse's log lines to standard error, once."""
    logger = logging.getLogger("ecorse")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
    logger.setLevel(level)
