"""Whole DAG runs on a real warehouse, by ``dag.test()``: what the UI starts does the work."""

from __future__ import annotations


def test_rollback_without_an_earlier_night_fails_at_the_first_try(play):
    run = play("rollback")
    assert run["state"] == "failed"
    assert run["tasks"] == {"rollback": "failed"}
    assert run["events"] == {}
