"""The short form of `make faults`: real processes of one machine and of several, the checker from outside."""

from __future__ import annotations

import pytest

from loadtests.faults.running import without_service
from loadtests.faults.series import Plan, hold


def test_time_without_service_is_the_longest_pause_that_touches_the_fault() -> None:
    times = {"a": [0.0, 1.0, 9.0, 9.5], "b": [0.0, 4.5, 5.0, 6.0, 20.0]}
    assert without_service(times, 4.0, 10.0) == 14.0, "on the worst lot, even where it begins late"
    assert without_service({"a": times["a"]}, 4.0, 5.0) == 8.0
    assert without_service(times, 30.0, 40.0) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stack", "faults"), [("serve", ("cut-database",)), ("cluster", ("kill-engine", "flush-redis"))]
)
async def test_real_processes_are_broken_and_no_promise_is(stack: str, faults: tuple[str, ...]) -> None:
    plan = Plan(stack, ("many-rooms",), faults, rounds=1, seed=1)
    outcome = await hold(plan, lambda line: None)
    assert outcome.kept, outcome.text()
    assert all(one.verdict.acknowledged and one.verdict.views for line in outcome.lines for one in line.rounds)
