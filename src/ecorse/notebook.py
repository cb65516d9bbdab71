"""What ``import ecorse`` gives a notebook: a project and its nights.

What belongs here: the verbs of the flow as methods, results that show themselves. What does not:
the work (``ecorse.flow``), and what a night can be asked (``ecorse.night``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ecorse import flow
from ecorse.errors import ConfigError
from ecorse.ingest.run import IngestSummary
from ecorse.ingest.shops import load_shops
from ecorse.layers import default_project, require_project
from ecorse.night import Night
from ecorse.provenance import holder
from ecorse.settings import get_settings
from ecorse.show import html_table
from ecorse.warehouse.migrate import migrate

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Ingested:
    """What was loaded: a summary per shop and source."""

    summaries: Sequence[IngestSummary]

    @property
    def sources(self) -> pd.DataFrame:
        """One row per shop and source: files and their row account."""
        rows = [{"shop_id": s.shop_id, "source": s.source, **s.counts()} for s in self.summaries]
        return pl.DataFrame(rows).to_pandas()

    def _repr_html_(self) -> str:
        return str(self.sources.to_html(index=False))


@dataclass(frozen=True)
class Refreshed:
    """What a refresh made: the build, rows per table, and how its audit ended."""

    build_id: int
    is_published: bool
    rows: Mapping[str, int | None]
    checks_passed: int
    checks_warned: Sequence[str]

    def _repr_html_(self) -> str:
        shown = {
            **vars(self),
            "rows": f"{sum(filter(None, self.rows.values())):,} in {len(self.rows)} tables",
        }
        return html_table(shown | {"checks_warned": ", ".join(self.checks_warned) or "none"})


class Project:
    """A project: where its shops, marts and models are declared, and its nights are kept.

    Settings belong to the process: a method first makes its own project the one that is meant.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._night: Night | None = None

    @property
    def night(self) -> Night:
        """The night that is published now: the same object until another is published.

        Raises
        ------
        DataError
            No night is published yet.
        """
        self._use()
        current = Night()
        if self._night is not None and self._night.build == current.build:
            current.close()
        else:
            self._night = current
        return self._night

    def ingest(
        self,
        shop: str | None = None,
        source: str | None = None,
        *,
        origin: str | None = None,
        data: str | Path | None = None,
        progress: Progress | None = print,
    ) -> Ingested:
        """Load what is new or changed of every configured source that fits into staging.

        Parameters
        ----------
        shop, source
            Only these; None means every one of ``include/shops.toml``.
        origin, data
            Where from instead, and what: a folder or file, an address, Kaggle's owner/name.
        progress
            Gets a line of text for each step.

        Raises
        ------
        ContractError
            Files were refused; the others are in.
        ConfigError, SourceUnavailable, StoreBusy
            A source failed; the others are in.
        """
        self._use()
        migrate()
        summaries, failure = flow.ingest_all(
            shop,
            source,
            origin=origin,
            data=None if data is None else str(data),
            holder=holder("notebook"),
            progress=progress,
        )
        if failure is not None:
            raise failure
        return Ingested(summaries)

    def refresh(
        self,
        *,
        as_of: datetime | None = None,
        known_by: datetime | None = None,
        accept: Collection[str] = (),
        publish: bool = True,
        progress: Progress | None = print,
    ) -> Refreshed:
        """Build the marts, train, audit and publish.

        Parameters
        ----------
        as_of
            Leave out rows dated later; an aware datetime.
        known_by
            Use only the files that were loaded by then.
        accept
            Shops that may have lost most of their rows; else these stay as they were published.
        publish
            Publish the build if its audit passes.
        progress
            Gets a line of text for each step.

        Raises
        ------
        ConfigError
            A moment has no time zone, or a mart or model is declared wrongly.
        DataError
            The audit failed; the night before stays published.
        StoreBusy
            Another refresh is at work.
        """
        for name, moment in (("as_of", as_of), ("known_by", known_by)):
            if moment is not None and moment.tzinfo is None:
                raise ConfigError(
                    f"{name} = {moment}: says no time zone; write datetime(..., tzinfo=UTC)."
                )
        self._use()
        migrate()
        made = flow.refresh(
            as_of=as_of,
            known_by=known_by,
            accept=accept,
            publish=publish,
            holder=holder("notebook"),
            progress=progress,
        )
        audit = made.audit
        return Refreshed(made.build_id, made.is_published, made.rows, audit.passed, audit.warned)

    def _use(self) -> None:
        if get_settings().project_dir != self.path:
            os.environ["ECORSE_PROJECT_DIR"] = str(self.path)
            get_settings.cache_clear()

    def __repr__(self) -> str:
        return f"<Project {self.path}>"

    def _repr_html_(self) -> str:
        self._use()
        settings = get_settings()
        shops = ", ".join(shop.shop_id for shop in load_shops(settings))
        return html_table({"project": self.path, "shops": shops, "home": settings.home})


def open_project(path: str | Path | None = None) -> Project:
    """Open a project, ``ecorse.open``; nothing is started or read yet.

    Parameters
    ----------
    path
        Its folder. None: what ``ECORSE_PROJECT_DIR`` names, else the nearest one upwards from the
        working directory, else the checkout that this code is in.

    Raises
    ------
    ConfigError
        There is no project.
    """
    folder = default_project() if path is None else Path(path).expanduser().resolve()
    return Project(require_project(folder))
