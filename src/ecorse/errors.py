"""The errors Ecorse raises, by what a caller should do about them.

What belongs here: the two classes a scheduler tells apart (give up, try again) and their kinds.
What does not: messages; whoever raises says what, where (file, row, column), what was expected
and what to do next. A message never holds a password.
"""

from collections.abc import Mapping
from typing import Any


class EcorseError(Exception):
    """Base of every error that Ecorse raises on purpose."""

    exit_code = 1


class TerminalError(EcorseError):
    """Trying again without changing something cannot help."""


class ConfigError(TerminalError):
    """A setting, configuration file, SQL header or model file is wrong."""

    exit_code = 78  # EX_CONFIG of sysexits.h


class ContractError(TerminalError):
    """A file does not have the shape its source's contract declares; nothing of it was loaded."""

    exit_code = 65  # EX_DATAERR


class TooManyRejects(ContractError):
    """More rows of a file are rejected than may be; ``detail`` has the figures, JSON-ready."""

    def __init__(self, message: str, detail: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.detail = dict(detail)


class Unreadable(ContractError):
    """A file made its reader crash, or its reader wanted more than it may take."""


class DataError(TerminalError):
    """Rows or figures break a rule: a check failed or an account does not balance."""

    exit_code = 65


class ModelRejected(TerminalError):
    """A model file was refused (tampered, truncated, foreign) or did not earn its place."""

    exit_code = 65


class Defect(TerminalError):
    """Something that nobody foresaw: a fault of the program or of a plug-in."""

    exit_code = 70  # EX_SOFTWARE


class Fenced(TerminalError):
    """This writer was replaced by a later one; its commit was refused."""

    exit_code = 75


class TransientError(EcorseError):
    """Trying again later may help."""

    exit_code = 75  # EX_TEMPFAIL


class SourceUnavailable(TransientError):
    """Where the files come from could not be reached, or changed while it was read."""


class StoreBusy(TransientError):
    """The warehouse is down, or another run holds the lock that this one needs."""


class AlreadyRunning(StoreBusy):
    """Another refresh is at work."""


class TimeLimit(TerminalError):
    """A step took longer than it may; nothing of it was kept."""


class DiskFull(TransientError):
    """A disk ran out of space; the message names the path and the bytes."""

    exit_code = 74  # EX_IOERR
