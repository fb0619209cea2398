"""The timer of the next deadline: whoever asked too early asks again."""

from __future__ import annotations

import asyncio

from engine.runtime.deadlines import Deadlines
from engine.values import InstantUs, LotId
from tests.simulation.virtual_loop import VirtualClock, run_virtual

A, B = LotId("a"), LotId("b")


def test_a_deadline_that_waits_for_an_earlier_bid_wakes_again_until_it_is_taken() -> None:
    async def main() -> None:
        clock, woken = VirtualClock(), asyncio.Event()
        deadlines = Deadlines(clock, woken.set)
        due_us = InstantUs(clock.now_us() + 1_000_000)
        deadlines.plan(A, due_us)
        deadlines.plan(B, InstantUs(due_us + 5_000_000))
        await asyncio.sleep(1.1)
        assert woken.is_set()
        woken.clear()
        assert deadlines.take_due(InstantUs(due_us - 1)) == [], "a bid of that time waits to be decided first"
        async with asyncio.timeout(1.0):
            await woken.wait()
        assert deadlines.take_due(clock.now_us()) == [A]
        assert deadlines.take_due(clock.now_us()) == []
        woken.clear()
        async with asyncio.timeout(10.0):
            await woken.wait()
        assert deadlines.take_due(clock.now_us()) == [B]

    run_virtual(main())
