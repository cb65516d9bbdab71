"""How many purchases are still to come, and whether a customer is still one: the BG/NBD model.

What belongs here: the model as pure functions on counts and days, its fit, its answers. What does
not: money (``spend_ahead``), reading purchases, tiers and tables (``value_tiers``).

A customer buys at random with a rate of their own, and after each purchase leaves for good with a
probability of their own. Rates vary between customers as a gamma, the probabilities as a beta.

Source: Fader, Hardie & Lee, "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24 (2005), https://doi.org/10.1287/mksc.1040.0098
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, special

Floats = npt.NDArray[np.float64]
LOG_BOUNDS = (-8.0, 12.0)  # of each parameter's logarithm, with time in units of the mean age
SMALLEST_NODE = 1e-12
NODES = 64  # of the quadrature over the probability to leave


@dataclass(frozen=True)
class Counts:
    """What is known of each customer's purchases, ``(n,)`` each, in days.

    Attributes
    ----------
    repeats : purchase days after the first, at least 0.
    last : days from the first purchase to the last; 0 without repeats.
    age : days from the first purchase to the day of the look.
    """

    repeats: Floats
    last: Floats
    age: Floats

    def grouped(self) -> tuple[Counts, Floats]:
        """Each different combination once, and how many customers have it."""
        rows = np.column_stack([self.repeats, self.last, self.age])
        unique, counts = np.unique(rows, axis=0, return_counts=True)
        return Counts(*unique.T), counts.astype(np.float64)


@dataclass(frozen=True)
class PurchasesAhead:
    """A fitted BG/NBD model.

    Attributes
    ----------
    r, alpha : shape, and rate in days, of the gamma of purchase rates.
    a, b : of the beta of the probability to leave after a purchase.
    log_likelihood : of the data it was fitted to.
    is_at_bound : whether a parameter ran into its bound, as where nobody seems ever to leave.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    is_at_bound: bool = False

    def probability_alive(self, counts: Counts) -> Floats:
        """The probability that each customer is still one, ``(n,)``, 0 to 1; 1 without repeats.

        Without a second purchase the model knows of no occasion to leave: read it beside how many
        repeats it rests on.
        """
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x = counts.repeats
        with np.errstate(over="ignore"):
            odds = (a / (b + np.maximum(x, 1.0) - 1.0)) * np.exp(
                (r + x) * np.log((alpha + counts.age) / (alpha + counts.last))
            )
            return np.where(x > 0, 1.0 / (1.0 + odds), 1.0)

    def expected(self, counts: Counts, days: float) -> Floats:
        """Expected purchase days of each customer within the next ``days``, ``(n,)``.

        For a customer still here the rate is a gamma of shape ``r + x``, and the probability to
        leave a beta of ``a`` and ``b + x``; the mean over the first is closed, that over the second
        is taken by quadrature. It is equation (10) of the paper, which writes it
        with a hypergeometric function that loses its digits for busy customers.
        """
        found = np.zeros(len(counts.repeats))
        for x in np.unique(counts.repeats):
            rows = counts.repeats == x
            leaving, weights = beta_nodes(self.a, self.b + x)
            found[rows] = self._mean_over(
                leaving, weights, self.r + x, days / (self.alpha + counts.age[rows])
            )
        return found * self.probability_alive(counts)

    @staticmethod
    def _mean_over(leaving: Floats, weights: Floats, shape: float, ahead: Floats) -> Floats:
        """Mean of ``(1 - (1 + p t)^-shape) / p`` over nodes ``p``, for each of ``ahead`` (t)."""
        different, place = np.unique(ahead, return_inverse=True)
        found = np.zeros(len(different))
        for p, weight in zip(leaving, weights, strict=True):
            found += weight * -np.expm1(-shape * np.log1p(p * different)) / p
        return found[place]

    def days_until(self, counts: Counts, share: float) -> Floats:
        """Days until the next purchase has come with probability ``share``, ``(n,)``.

        Infinite where it never gets as likely, since the customer may have left.
        """
        alive = self.probability_alive(counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = 1.0 - share / alive  # the share of those still here who have not bought yet
            ahead = (self.alpha + counts.age) * np.expm1(-np.log(left) / (self.r + counts.repeats))
        return np.where(left > 0, ahead, np.inf)


def beta_nodes(a: float, b: float) -> tuple[Floats, Floats]:
    """Nodes in 0 to 1 and weights, adding to 1, of the mean over a beta distribution.

    They are taken from the Jacobi matrix, which has no gamma function to overflow for large ``b``.

    Source: Golub & Welsch, Calculation of Gauss quadrature rules, Math. Comp. 23 (1969).
    """
    right, left = b - 1.0, a - 1.0  # exponents of (1 - s) and (1 + s) on -1 to 1
    both = right + left
    n = np.arange(1.0, NODES)
    middle = np.empty(NODES)
    middle[0] = (left - right) / (both + 2.0)
    middle[1:] = (left**2 - right**2) / ((2 * n + both) * (2 * n + both + 2.0))
    square = 4.0 * n * (n + right) * (n + left) / ((2 * n + both) ** 2 * (2 * n + both + 1.0))
    square[0] = 4.0 * (1 + right) * (1 + left) / ((2 + both) ** 2 * (3 + both))
    square[1:] *= (n[1:] + both) / (2 * n[1:] + both - 1.0)
    nodes, vectors = linalg.eigh_tridiagonal(middle, np.sqrt(square))
    return np.maximum((nodes + 1.0) / 2.0, SMALLEST_NODE), vectors[0] ** 2


def fit_purchases(counts: Counts) -> PurchasesAhead:
    """Fit the four parameters by maximum likelihood (equation 6 of the paper).

    Time is measured in mean ages while fitting, so that days, weeks or years give one model.

    Raises
    ------
    ValueError
        There is no customer, or ages and counts contradict each other.
    """
    n = len(counts.repeats)
    if not n:
        raise ValueError("No customer to fit the purchases of.")
    wrong = (
        (counts.repeats < 0)
        | (counts.last < 0)
        | (counts.last > counts.age)
        | ((counts.repeats == 0) & (counts.last > 0))
    )
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} customers have purchases after the day of the look.")
    unit = max(float(counts.age.mean()), 1.0)
    groups, weights = counts.grouped()
    scaled = Counts(groups.repeats, groups.last / unit, groups.age / unit)

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, gradient = _log_likelihood(np.exp(logs), scaled, weights)
        return -value / n, -gradient * np.exp(logs) / n

    best = min(
        (
            optimize.minimize(
                loss, np.log(start), jac=True, method="L-BFGS-B", bounds=[LOG_BOUNDS] * 4,
                options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 2000},
            )
            for start in ((0.5, 0.5, 0.5, 1.5), (2.0, 2.0, 1.0, 8.0))
        ),
        key=lambda result: float(result.fun),
    )  # fmt: skip
    r, alpha, a, b = (float(value) for value in np.exp(best.x))
    repeats = float(counts.repeats.sum())
    return PurchasesAhead(
        r, alpha * unit, a, b,
        # the density of each repeat's time is per mean age: in days it is smaller by that unit
        -float(best.fun) * n - repeats * float(np.log(unit)),
        bool(np.any(np.isclose(best.x, LOG_BOUNDS[0]) | np.isclose(best.x, LOG_BOUNDS[1]))),
    )  # fmt: skip


def _log_likelihood(parameters: Floats, counts: Counts, weights: Floats) -> tuple[float, Floats]:
    """The log-likelihood of all customers and its slope by each parameter, ``(4,)``."""
    r, alpha, a, b = parameters
    x, repeated = counts.repeats, counts.repeats > 0
    log_age, log_last = np.log(alpha + counts.age), np.log(alpha + counts.last)
    after = b + np.where(repeated, x, 1.0) - 1.0
    here = -(r + x) * log_age
    gone = np.where(repeated, np.log(a) - np.log(after) - (r + x) * log_last, -np.inf)
    both = np.logaddexp(here, gone)
    left = np.exp(gone - both)  # how much of each likelihood is that of having left
    stayed = 1.0 - left
    value = (
        special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
        + special.betaln(a, b + x) - special.betaln(a, b) + both
    )  # fmt: skip
    total = special.digamma(a + b) - special.digamma(a + b + x)
    slopes = np.array(
        [
            special.digamma(r + x) - special.digamma(r) + np.log(alpha)
            - stayed * log_age - left * log_last,
            r / alpha - (r + x) * (stayed / (alpha + counts.age) + left / (alpha + counts.last)),
            # betaln(a, b + x) - betaln(a, b) is free of digamma(a)
            total + left / a,
            total + special.digamma(b + x) - special.digamma(b) - left / after,
        ]
    )  # fmt: skip
    return float(weights @ value), slopes @ weights
