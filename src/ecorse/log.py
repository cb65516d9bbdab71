"""How Ecorse logs: the standard library, one format, lazy arguments.

What belongs here: the set-up. What does not: progress bars (``ecorse.cli``).
"""

import logging
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ecorse.show import escaped

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILE_BYTES = 5 << 20
TOLD = {"is_told": True}


class _Escaping(logging.Formatter):
    """One line per message, with what a terminal would obey spelled out; tracebacks if wanted."""

    def __init__(self, *, with_traceback: bool) -> None:
        super().__init__(FORMAT)
        self._with_traceback = with_traceback

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line itself."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        """The traceback, below the line."""
        return escaped(super().formatException(ei), keep="\n")  # type: ignore[arg-type]

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback below it if it is wanted here."""
        if not self._with_traceback and record.exc_info:
            record = logging.makeLogRecord({**vars(record), "exc_info": None, "exc_text": None})
        return super().format(record)


def _is_for_a_terminal(record: logging.LogRecord) -> bool:
    """Whether nobody says the same in a sentence of its own."""
    return not getattr(record, "is_told", False)


class _File(RotatingFileHandler):
    """The log file; where it cannot be written the terminal still tells."""

    def _open(self) -> TextIOWrapper:
        # a home that is not there yet is not made for a line of the log
        Path(self.baseFilename).parent.mkdir(exist_ok=True, mode=0o700)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: a log that cannot be written ends no night."""


def log_file(home: Path) -> Path:
    """Where warnings, and tracebacks of errors that nobody foresaw, are written."""
    return home / "logs" / "ecorse.log"


def configure(level: str = "INFO", *, home: Path | None = None, debug: bool = False) -> None:
    """Send Ecorse's log lines to standard error, once, and warnings to a file of ``home`` too.

    Tracebacks stand in the file; on standard error with ``debug`` only. So does what a caller says
    in a sentence of its own (``extra=TOLD``).
    """
    logger = logging.getLogger("ecorse")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_Escaping(with_traceback=debug))
        handler.setLevel(level)
        if not debug:
            handler.addFilter(_is_for_a_terminal)
        logger.addHandler(handler)
        if home is not None:
            file = _File(
                log_file(home), maxBytes=FILE_BYTES, backupCount=2, encoding="utf-8", delay=True
            )
            file.setLevel(logging.WARNING)
            file.setFormatter(_Escaping(with_traceback=True))
            logger.addHandler(file)
        logger.setLevel(min(handler.level, logging.WARNING))
