"""What a purchase of each customer is worth on average: the Gamma-Gamma model.

What belongs here: the model as pure functions, its fit, its answer. What does not: how many
purchases are to come (``purchases_ahead``), tiers and tables (``value_tiers``).

A customer's purchases vary around a mean of their own, and the means vary between customers. One
purchase says little of that mean, so its estimate stays near the shop's; many say much.

Source: Fader & Hardie, The Gamma-Gamma Model of Monetary Value (2013),
http://www.brucehardie.com/notes/025/
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Floats = npt.NDArray[np.float64]
LOG_BOUNDS = (-6.0, 10.0)  # of each parameter's logarithm, with money in units of the shop's mean
LEAST_CUSTOMERS = 2


@dataclass(frozen=True)
class SpendAhead:
    """A fitted Gamma-Gamma model: shape ``p`` of one customer's purchases, ``q`` and ``v`` (in
    money) of the gamma of their scale between customers."""

    p: float
    q: float
    v: float
    log_likelihood: float
    is_at_bound: bool = False

    @property
    def mean(self) -> float:
        """What a purchase is worth over all customers; infinite where ``q`` is 1 or less."""
        return self.p * self.v / (self.q - 1.0) if self.q > 1.0 else float("inf")

    def expected(self, purchases: Floats, mean: Floats) -> Floats:
        """Expected worth of each customer's next purchases, ``(n,)`` money.

        Parameters
        ----------
        purchases : how many were seen, at least 1, ``(n,)``.
        mean : their mean worth, ``(n,)``.
        """
        return self.p * (self.v + purchases * mean) / (self.p * purchases + self.q - 1.0)


def fit_spend(purchases: Floats, mean: Floats) -> SpendAhead:
    """Fit the three parameters by maximum likelihood (equation 1a of the note).

    Raises
    ------
    ValueError
        Fewer than two customers, one without a purchase, or means that are not above 0.
    """
    if len(purchases) < LEAST_CUSTOMERS:
        raise ValueError(f"{len(purchases)} customers; the worth of purchases needs at least 2.")
    if (purchases < 1).any() or not (mean > 0).all():
        raise ValueError("Each customer needs a purchase, and a mean above 0.")
    n, unit = len(purchases), float(mean.mean())
    scaled = mean / unit

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, gradient = _log_likelihood(np.exp(logs), purchases, scaled)
        return -value / n, -gradient * np.exp(logs) / n

    best = min(
        (
            optimize.minimize(
                loss, np.log(start), jac=True, method="L-BFGS-B", bounds=[LOG_BOUNDS] * 3,
                options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 2000},
            )
            for start in ((4.0, 4.0, 1.0), (1.5, 12.0, 8.0))
        ),
        key=lambda result: float(result.fun),
    )  # fmt: skip
    p, q, v = (float(value) for value in np.exp(best.x))
    return SpendAhead(
        p, q, v * unit,
        # the density of a mean is per unit of the shop's mean: in money it is smaller by that
        -float(best.fun) * n - n * float(np.log(unit)),
        bool(np.any(np.isclose(best.x, LOG_BOUNDS[0]) | np.isclose(best.x, LOG_BOUNDS[1]))),
    )  # fmt: skip


def _log_likelihood(parameters: Floats, x: Floats, z: Floats) -> tuple[float, Floats]:
    """The log-likelihood of all customers and its slope by each parameter, ``(3,)``."""
    p, q, v = parameters
    log_sum = np.log(v + x * z)
    value = (
        special.gammaln(p * x + q) - special.gammaln(p * x) - special.gammaln(q)
        + q * np.log(v) + (p * x - 1.0) * np.log(z) + p * x * np.log(x) - (p * x + q) * log_sum
    )  # fmt: skip
    both = special.digamma(p * x + q)
    slopes = np.array(
        [
            x * (both - special.digamma(p * x) + np.log(z) + np.log(x) - log_sum),
            both - special.digamma(q) + np.log(v) - log_sum,
            q / v - (p * x + q) / (v + x * z),
        ]
    )
    return float(value.sum()), slopes.sum(axis=1)
