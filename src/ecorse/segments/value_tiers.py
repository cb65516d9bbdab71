"""Customers by what they are expected to be worth in the days ahead.

What belongs here: the segmentation, its configuration, when an expectation may be shown. What does
not: the models (``purchases_ahead``, ``spend_ahead``), how they are held against what came
(``value_calibration``), rows of tables (``value_rows``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ecorse.declared import Table
from ecorse.errors import ModelRejected
from ecorse.models.base import Segmentation, Task
from ecorse.models.space import FeatureSpace
from ecorse.segments.purchase_days import PurchaseDays, purchase_days
from ecorse.segments.purchases_ahead import PurchasesAhead
from ecorse.segments.silhouette import sample_rows
from ecorse.segments.spend_ahead import LEAST_CUSTOMERS, SpendAhead, fit_spend
from ecorse.segments.value_calibration import (
    ALL,
    INTERVAL,
    Calibration,
    Looked,
    Row,
    dated,
    fit_days,
    look_back,
    read_rows,
)
from ecorse.segments.value_rows import Expected, NextOrder, value_rows
from ecorse.segments.value_tables import CALIBRATION, VALUE

Floats = npt.NDArray[np.float64]
FILE = "value_tiers.json"
FORMAT = 1


class Tier(Table):
    """A tier: its name, and the share of customers that belong to it or to a better one."""

    name: str = Field(min_length=1)
    up_to_share: float = Field(gt=0, le=1)


class ValueTiersConfig(Table):
    """The ``[parameters]``.

    ``max_miss`` is how far the expected sum of purchases may have been from what came, as a share;
    ``max_interval_miss`` how far the share of hits from ``interval_share``.
    """

    days_ahead: int = Field(90, ge=7, le=730)
    tiers: tuple[Tier, ...] = Field(min_length=2)
    interval_share: float = Field(0.5, gt=0, lt=1)
    least_repeats: int = Field(2, ge=1, description="of who gets a date of the next order")
    least_customers: int = Field(100, ge=2, description="with a repeat, to fit a model of")
    fit_customers: int = Field(100_000, ge=100, description="a seeded sample of so many is fitted")
    origins: int = Field(3, ge=1, le=12)
    max_miss: float = Field(0.25, gt=0)
    max_interval_miss: float = Field(0.1, gt=0)
    least_cases: int = Field(50, ge=1, description="of an interval's share")

    def mistakes(self) -> list[str]:
        """Tiers whose shares do not rise to 1, or that have one name."""
        shares = [tier.up_to_share for tier in self.tiers]
        found = []
        if shares != sorted(set(shares)) or shares[-1] != 1.0:
            found.append(f"tiers: up_to_share must rise and end with 1.0, got {shares}")
        if len({tier.name for tier in self.tiers}) < len(self.tiers):
            found.append("tiers: two have the same name")
        return found


class ValueTiers(Segmentation):
    """Tiers of customers by the money expected of them: BG/NBD purchases times Gamma-Gamma worth.

    Source: Fader, Hardie & Lee, RFM and CLV: Using Iso-Value Curves for Customer Base Analysis,
    J. Marketing Research 42 (2005), https://doi.org/10.1509/jmkr.2005.42.4.415
    """

    config_class = ValueTiersConfig
    diagnostics: ClassVar = (VALUE, CALIBRATION)

    config: ValueTiersConfig
    purchases: PurchasesAhead | None = None
    spend: SpendAhead | None = None
    calibration: Calibration = Calibration()
    _tables: Mapping[str, pl.DataFrame] = {}

    def fit(
        self, space: FeatureSpace, task: Task, champion: ValueTiers | None = None
    ) -> ValueTiers:
        """Fit both models, and look how they would have held before."""
        config, days = self.config, purchase_days(space)
        chosen = _sample(days, config.fit_customers, task.seed)
        self.purchases = fit_days(chosen, config.least_customers)
        kept = chosen.mean_worth() > 0
        if self.purchases is not None and kept.sum() >= LEAST_CUSTOMERS:
            seen = chosen.purchases()[chosen.known()].astype(np.float64)
            self.spend = fit_spend(seen[kept], chosen.mean_worth()[kept])
        self.calibration = self._judged(
            look_back(
                days, self._looked(), lambda known: _sample(known, config.fit_customers, task.seed)
            )
        )
        return self

    def assign(self, space: FeatureSpace) -> npt.NDArray[np.int64]:
        """The tier of each customer; all of them in the last where no model could be fitted."""
        days = purchase_days(space)
        labels = np.full(space.n, len(self.config.tiers) - 1, dtype=np.int64)
        expected = self._expect(days)
        if expected is not None:
            labels[expected.known] = tiers_of(
                expected.value, [tier.up_to_share for tier in self.config.tiers]
            )
        self._tables = {
            VALUE.name: self._values(space, days, expected),
            CALIBRATION.name: self.calibration.frame(),
        }
        return labels

    def names(self) -> Mapping[int, str]:
        """The declared names."""
        return {number: tier.name for number, tier in enumerate(self.config.tiers)}

    def why_degenerate(self) -> str:
        """That too few customers came back to expect anything."""
        is_known = self.purchases is not None and self.spend is not None
        return "" if is_known else "too few customers came back to expect anything of any"

    def metrics(self, space: FeatureSpace, labels: Any, seed: int) -> Mapping[str, Any]:
        """How near expected purchases were at the last origin, and how often an interval hit."""
        latest = max((row.day for row in self.calibration.rows), default=0)
        found = {row.slice: row for row in self.calibration.rows if row.day == latest}
        figures: dict[str, Any] = {}
        if ALL in found and found[ALL].actual > 0:
            figures["expected_by_actual"] = found[ALL].expected / found[ALL].actual
        if INTERVAL in found:
            figures["interval_hits"] = found[INTERVAL].actual
        return figures

    def params(self) -> Mapping[str, Any]:
        """The parameters of both models."""
        return {
            "purchases": asdict(self.purchases) if self.purchases else None,
            "spend": asdict(self.spend) if self.spend else None,
        }

    def diagnose(self) -> Mapping[str, pl.DataFrame]:
        """Expected values, and how such expectations held before."""
        return self._tables

    def dump(self) -> Mapping[str, bytes]:
        """Both models and the calibration as JSON."""
        facts = {"format": FORMAT, **self.params(), "calibration": self.calibration.facts()}
        return {FILE: json.dumps(facts, sort_keys=True).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: ValueTiersConfig) -> ValueTiers:
        """The fitted models again.

        Raises
        ------
        ModelRejected
            The file is of another format, or damaged.
        """
        try:
            facts = json.loads(files[FILE])
            if facts["format"] != FORMAT:
                raise ModelRejected(f"{FILE} has format {facts['format']}; expected {FORMAT}.")
            made = cls(config)
            if facts["purchases"] is not None:
                made.purchases = PurchasesAhead(**facts["purchases"])
            if facts["spend"] is not None:
                made.spend = SpendAhead(**facts["spend"])
            made.calibration = made._judged(read_rows(facts["calibration"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelRejected(f"{FILE} cannot be read: {type(error).__name__}.") from error
        return made

    def _looked(self) -> Looked:
        config = self.config
        return Looked(
            config.days_ahead, config.origins, config.least_customers,
            config.interval_share, config.least_repeats,
        )  # fmt: skip

    def _judged(self, rows: Sequence[Row]) -> Calibration:
        config = self.config
        return Calibration(
            tuple(rows), config.max_miss, config.max_interval_miss, config.least_cases
        )

    def _expect(self, days: PurchaseDays) -> Expected | None:
        if self.purchases is None or self.spend is None:
            return None
        counts, mean = days.counts(), days.mean_worth()
        purchases = self.purchases.expected(counts, self.config.days_ahead)
        # who kept nothing of what they bought tells nothing of the worth of the next purchase
        seen = np.where(mean > 0, counts.repeats + 1.0, 0.0)
        spend = self.spend.expected(seen, np.maximum(mean, 0.0))
        return Expected(
            days.known(), self.purchases.probability_alive(counts), purchases, spend,
            purchases * spend,
        )  # fmt: skip

    def _values(
        self, space: FeatureSpace, days: PurchaseDays, expected: Expected | None
    ) -> pl.DataFrame:
        """The rows of ``customer_value``, without shop and segmentation."""
        counts = days.counts()
        low = middle = high = np.full(len(days.known()), np.nan)
        if self.purchases is not None and self.calibration.interval_holds:
            shown, low, high = dated(self.purchases, counts, self._looked())
            middle = np.ceil(self.purchases.days_until(counts, 0.5))
            low, middle, high = (np.where(shown, end, np.nan) for end in (low, middle, high))
        return value_rows(
            space.lines.ids, days, expected, NextOrder(low, middle, high),
            days_ahead=self.config.days_ahead, interval_share=self.config.interval_share,
            is_calibrated=self.calibration.is_near,
        )  # fmt: skip


def tiers_of(value: Floats, up_to: list[float]) -> npt.NDArray[np.int64]:
    """The tier of each value: by the share of customers that are worth more, ``(n,)``.

    Equal values share a tier: the best one that any of them reaches.
    """
    n = len(value)
    ordered = np.sort(value)
    more = (n - np.searchsorted(ordered, value, side="right")) / max(n, 1)
    return np.searchsorted(np.asarray(up_to), more, side="right").clip(max=len(up_to) - 1)


def _sample(days: PurchaseDays, size: int, seed: int) -> PurchaseDays:
    """The purchase days of a seeded sample of the customers that have any."""
    known = days.known()
    if len(known) <= size:
        return days
    chosen = np.zeros(days.n, dtype=bool)
    chosen[known[sample_rows(len(known), size, seed)]] = True
    keep = chosen[days.customer]
    return PurchaseDays(days.n, days.customer[keep], days.day[keep], days.worth[keep], days.last)


SEGMENTATION = ValueTiers
