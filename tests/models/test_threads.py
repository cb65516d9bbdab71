"""One thread for sums that must repeat, also while several ask for it at once."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ecorse.models.threads import in_threads, one_thread


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))  # it is there
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(limits=2, user_api="blas"):
        yield


def test_the_limit_ends_with_the_block():
    assert blas_threads() == {2}
    with one_thread():
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_the_first_to_leave_does_not_take_the_limit_from_the_others():
    inside, leave, seen = threading.Event(), threading.Event(), []

    def other() -> None:
        with one_thread():
            inside.set()
            leave.wait(10)
            seen.append(blas_threads())

    thread = threading.Thread(target=other)
    with one_thread():
        thread.start()
        inside.wait(10)
    assert blas_threads() == {1}  # the other is still at it
    leave.set()
    thread.join()
    assert seen == [{1}]
    assert blas_threads() == {2}


def test_an_error_in_the_block_ends_the_limit_too():
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert blas_threads() == {2}


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_the_order_of_the_parts(threads):
    assert list(in_threads(lambda n: n * n, range(50), threads)) == [n * n for n in range(50)]


def test_whoever_stops_early_has_begun_few_parts():
    """A night that ends must not work off all that a model had in mind."""
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    results = in_threads(work, range(1000), 2)
    assert next(results) == 0
    results.close()
    assert len(begun) <= 4
