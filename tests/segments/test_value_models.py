"""The models of purchases and of their worth, against published figures and brute force.

What belongs here: the mathematics. What does not: the segmentation (``test_value_tiers``).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special

from ecorse.segments.purchases_ahead import Counts, PurchasesAhead, fit_purchases
from ecorse.segments.spend_ahead import SpendAhead, fit_spend

# Fader, Hardie & Lee (2005), table 2 and page 281: CDNOW, in weeks
CDNOW = PurchasesAhead(0.243, 4.414, 0.793, 2.426, -9582.4)
# Fader & Hardie (2013), page 3 and 7: the same customers
CDNOW_SPEND = SpendAhead(6.25, 3.74, 15.44, 0.0)


def one(repeats: float, last: float, age: float) -> Counts:
    return Counts(np.array([repeats]), np.array([last]), np.array([age]))


def drawn(model: PurchasesAhead, ages: np.ndarray, seed: int, ahead: float = 0.0):
    """Customers as the model says they are, each drawn purchase by purchase; with ``ahead`` also
    how many purchases each makes after its age."""
    rng = np.random.default_rng(seed)
    repeats, last, later = [], [], []
    for age in ages:
        rate, leaving = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
        count, after, latest, day = 0, 0, 0.0, 0.0
        while True:
            day += rng.exponential(1 / rate) if rate > 0 else np.inf
            if day > age + ahead:
                break
            if day <= age:
                count, latest = count + 1, day
            else:
                after += 1
            if rng.random() < leaving:
                break
        repeats.append(float(count))
        last.append(latest)
        later.append(float(after))
    return Counts(np.array(repeats), np.array(last), np.asarray(ages, float)), np.array(later)


def test_published_expectation_of_a_cdnow_customer():
    customer = one(2, 30.43, 38.86)  # the paper's example: 1.226 purchases in 39 weeks
    assert CDNOW.expected(customer, 39.0)[0] == pytest.approx(1.226, abs=0.0015)


def test_published_worth_of_a_cdnow_customer():
    # two purchases of 22.35 on average: 24.66; who never came back is worth the mean, 35.25
    assert CDNOW_SPEND.expected(np.array([2.0]), np.array([22.35]))[0] == pytest.approx(
        24.66, abs=0.01
    )
    assert CDNOW_SPEND.mean == pytest.approx(6.25 * 15.44 / 2.74)
    assert CDNOW_SPEND.expected(np.array([0.0]), np.array([0.0]))[0] == CDNOW_SPEND.mean


@pytest.mark.parametrize(("x", "last", "age"), [(0, 0, 30), (1, 2, 30), (3, 29, 30), (9, 12, 60)])
def test_likelihood_is_that_of_the_story(x, last, age):
    """Integrating one customer's likelihood over rate and probability by brute force."""
    model = PurchasesAhead(1.7, 6.0, 1.3, 2.9, 0.0)

    def of_a_customer(leaving, rate):
        bought = (1 - leaving) ** x * rate**x * np.exp(-rate * age)
        gone = leaving * (1 - leaving) ** (x - 1) * rate**x * np.exp(-rate * last) if x else 0.0
        mixed = (
            model.alpha**model.r / special.gamma(model.r)
            * rate ** (model.r - 1) * np.exp(-rate * model.alpha)
            * leaving ** (model.a - 1) * (1 - leaving) ** (model.b - 1)
            / special.beta(model.a, model.b)
        )  # fmt: skip
        return (bought + gone) * mixed, bought * mixed

    def integral(value):
        return integrate.dblquad(value, 0, 4, 1e-12, 1, epsabs=0.0, epsrel=1e-7)[0]

    whole = integral(lambda p, rate: of_a_customer(p, rate)[0])
    here = integral(lambda p, rate: of_a_customer(p, rate)[1])
    ahead = integral(lambda p, rate: of_a_customer(p, rate)[1] * -np.expm1(-rate * p * 20) / p)
    customer = one(x, last, age)
    assert model.probability_alive(customer)[0] == pytest.approx(here / whole, rel=1e-5)
    assert model.expected(customer, 20)[0] == pytest.approx(ahead / whole, rel=1e-4)


@pytest.mark.parametrize("x", [0.0, 1.0, 7.0, 60.0])
def test_expectation_equals_the_papers_formula(x):
    r, alpha, a, b, age, last, t = 0.6, 9.0, 1.4, 3.1, 100.0, 80.0 * (x > 0), 45.0
    model = PurchasesAhead(r, alpha, a, b, 0.0)
    z = t / (alpha + age + t)
    hyper = special.hyp2f1(r + x, b + x, a + b + x - 1, z)
    numerator = (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (r + x) * hyper)
    odds = (a / (b + x - 1) * ((alpha + age) / (alpha + last)) ** (r + x)) if x else 0.0
    assert model.expected(one(x, last, age), t)[0] == pytest.approx(numerator / (1 + odds))


def test_a_fit_finds_the_parameters_that_customers_were_drawn_from():
    truth = PurchasesAhead(0.8, 40.0, 0.9, 3.0, 0.0)
    counts, later = drawn(truth, np.full(12_000, 400.0), seed=3, ahead=100.0)
    found = fit_purchases(counts)
    assert found.r == pytest.approx(0.8, rel=0.06)
    assert found.alpha == pytest.approx(40.0, rel=0.08)
    assert found.a / (found.a + found.b) == pytest.approx(0.9 / 3.9, rel=0.08)
    assert not found.is_at_bound
    assert found.expected(counts, 100.0).sum() == pytest.approx(later.sum(), rel=0.05)


def test_days_and_weeks_are_one_model():
    counts, _ = drawn(PurchasesAhead(0.8, 40.0, 0.9, 3.0, 0.0), np.full(800, 400.0), seed=4)
    weeks = Counts(counts.repeats, counts.last / 7, counts.age / 7)
    by_day, by_week = fit_purchases(counts), fit_purchases(weeks)
    assert by_week.r == pytest.approx(by_day.r, rel=1e-3)
    assert by_week.alpha * 7 == pytest.approx(by_day.alpha, rel=1e-3)
    # the density of each repeat is per unit of time
    moved = counts.repeats.sum() * np.log(7)
    assert by_week.log_likelihood == pytest.approx(by_day.log_likelihood + moved, abs=1e-3)


def test_no_other_parameters_fit_better():
    """The slopes of the likelihood are right: a search that uses none finds nothing better."""
    counts, _ = drawn(PurchasesAhead(1.5, 30.0, 1.0, 4.0, 0.0), np.full(600, 300.0), seed=8)
    found = fit_purchases(counts)

    def likelihood(r, alpha, a, b):
        x = counts.repeats
        here = special.beta(a, b + x) / special.beta(a, b) * (alpha + counts.age) ** -(r + x)
        gone = np.where(
            x > 0,
            special.beta(a + 1, b + np.maximum(x, 1) - 1) / special.beta(a, b)
            * (alpha + counts.last) ** -(r + x),
            0.0,
        )  # fmt: skip
        front = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
        return float((front + np.log(here + gone)).sum())

    best = likelihood(found.r, found.alpha, found.a, found.b)
    assert best == pytest.approx(found.log_likelihood, rel=1e-9)
    rng = np.random.default_rng(1)
    for _ in range(300):
        r, alpha, a, b = np.array([found.r, found.alpha, found.a, found.b]) * rng.normal(1, 0.1, 4)
        assert likelihood(r, alpha, a, b) <= best + 1e-6


def test_next_purchase_comes_by_the_day_with_the_said_probability():
    truth = PurchasesAhead(3.0, 60.0, 0.4, 6.0, 0.0)
    ages = np.full(6_000, 300.0)
    counts, _ = drawn(truth, ages, seed=5)
    days = truth.days_until(counts, 0.5)
    # the story again: who is still here buys first after a mixed exponential time
    rng = np.random.default_rng(6)
    here = rng.random(len(ages)) < truth.probability_alive(counts)
    rate = rng.gamma(truth.r + counts.repeats, 1 / (truth.alpha + ages))
    after = np.where(here, rng.exponential(1 / rate), np.inf)
    told = np.isfinite(days)
    assert told.sum() > 1000
    assert (after[told] <= days[told]).mean() == pytest.approx(0.5, abs=0.02)
    assert (truth.probability_alive(counts)[~told] <= 0.5).all()


def test_a_fit_of_worth_finds_what_was_drawn():
    rng = np.random.default_rng(2)
    truth = SpendAhead(6.25, 3.74, 15.44, 0.0)
    purchases = rng.integers(1, 12, 8_000).astype(float)
    scale = rng.gamma(truth.q, 1 / truth.v, len(purchases))
    mean = rng.gamma(truth.p * purchases, 1 / scale) / purchases
    found = fit_spend(purchases, mean)
    # p and v alone are known within some 20 % only: more of one is less of the other
    assert found.p == pytest.approx(truth.p, rel=0.25)
    assert found.p * found.v == pytest.approx(truth.p * truth.v, rel=0.04)
    assert found.q == pytest.approx(truth.q, rel=0.06)
    assert found.mean == pytest.approx(truth.mean, rel=0.03)
    cents = fit_spend(purchases, mean * 100)
    assert cents.expected(purchases, mean * 100) == pytest.approx(
        100 * found.expected(purchases, mean), rel=1e-4
    )


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (Counts(*(np.empty(0) for _ in range(3))), "No customer"),
        (one(1, 12, 10), "1 customers have purchases after"),
        (one(0, 3, 10), "1 customers have purchases after"),
        (one(-1, 0, 10), "1 customers have purchases after"),
    ],
)
def test_counts_that_cannot_be_are_refused(counts, words):
    with pytest.raises(ValueError, match=words):
        fit_purchases(counts)


@pytest.mark.parametrize(
    ("purchases", "mean"), [([2.0], [9.0]), ([1.0, 0.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 0.0])]
)
def test_worth_that_cannot_be_is_refused(purchases, mean):
    with pytest.raises(ValueError):
        fit_spend(np.array(purchases), np.array(mean))


def test_nobody_ever_leaves_or_comes_back():
    """Shops at the edge: the fit ends, and its answers are finite."""
    for repeats, last in ((0.0, 0.0), (5.0, 100.0)):
        counts = Counts(np.full(50, repeats), np.full(50, last), np.full(50, 100.0))
        found = fit_purchases(counts)
        assert np.isfinite(found.expected(counts, 30)).all()
        assert np.isfinite(found.probability_alive(counts)).all()
