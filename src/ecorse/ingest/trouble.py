"""Whose trouble an error is: one file's, one source's, or everybody's.

What belongs here: telling them apart, and one sentence for an error that nobody foresaw. What does
not: what is done about it (``run``).
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ecorse.errors import (
    ConfigError,
    ContractError,
    Defect,
    DiskFull,
    EcorseError,
    Fenced,
    SourceUnavailable,
    StoreBusy,
)
from ecorse.log import TOLD
from ecorse.show import escaped, said
from ecorse.warehouse.connect import explain

log = logging.getLogger(__name__)
# the disk, the database and the source's declaration are not one file's
EVERYBODYS = (ConfigError, DiskFull, Fenced, StoreBusy)
DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def of_one_file(file_name: str, error: Exception) -> EcorseError:
    """The error of one file as one sentence that names it; what is everybody's is raised on.

    Parameters
    ----------
    error
        What came of loading the file; the one that is being handled.

    Raises
    ------
    EcorseError
        It is no trouble of this file alone.
    """
    if isinstance(error, EVERYBODYS):
        raise error
    if isinstance(error, EcorseError):
        return error
    if isinstance(error, DATABASE_AWAY):
        raise explain(error) from error
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        raise DiskFull(
            f"{file_name}: no space is left ({escaped(error.filename or 'on the disk')}). Free "
            "some space and run this again."
        ) from error
    if isinstance(error, OSError):
        return SourceUnavailable(
            f"{file_name}: cannot be read ({error.strerror or type(error).__name__}). Check that "
            "the file is there and may be read, and run this again."
        )
    log.error("%s: could not be loaded", file_name, exc_info=error, extra=TOLD)
    return Defect(
        f"{file_name}: could not be loaded: {said(error)}. Nothing of the file was loaded. This is "
        "a fault of the program or of a plug-in rather than of the file; the log has the traceback."
    )


@contextmanager
def of_one_source(shop_id: str, source: str) -> Iterator[None]:
    """Let an error that nobody foresaw be one sentence that names shop and source.

    Raises
    ------
    EcorseError
        Whatever went wrong in the block.
    """
    try:
        yield
    except EcorseError:
        raise
    except psycopg.Error as error:
        raise explain(error) from error
    except Exception as error:
        log.error("%s/%s: could not be loaded", shop_id, source, exc_info=error, extra=TOLD)
        raise Defect(
            f"{shop_id}/{source}: could not be loaded: {said(error)}. Files that it had loaded "
            "before that stay. This is a fault of the program or of a plug-in; the log has the "
            "traceback."
        ) from error


def worst(errors: list[EcorseError], told: str) -> EcorseError:
    """One error for several: what may pass is tried again, even where a file was refused too."""
    kinds = [type(error) for error in errors]
    for kind in (SourceUnavailable, Defect):
        if kind in kinds:
            return kind(told)
    return ContractError(told)
