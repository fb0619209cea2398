"""Short forms of the two load tests on the real server: kills of server and database, and many lots that close at once."""

from __future__ import annotations

import pytest

from loadtests import closing_rush, kill_rounds


@pytest.mark.slow
async def test_kills_of_server_and_database_lose_nothing() -> None:
    outcome = await kill_rounds.run(kill_rounds.Plan(rounds=3, database_every=3, seats=12, lots=3))
    assert not outcome.problems
    assert all(outcome.back_s.values()), "both victims were killed and answered again"


@pytest.mark.slow
async def test_every_bid_of_a_rush_is_answered_once_and_every_lot_ends() -> None:
    outcome = await closing_rush.run(closing_rush.Plan(bids=2_000, lots=4, waves=1, rate=1_000.0, bidders=20))
    assert not [problem for problem in outcome.problems() if "ms late" not in problem], "lateness belongs in the bench"
