"""Statutory days in seconds: a running engine's clock is put forward. It is no stall: nobody stood still."""

from __future__ import annotations

import asyncio

from engine.bus.ports import MarketPort
from engine.runtime.engine import Engine
from engine.values import InstantUs


async def travel(engine: MarketPort, to_us: int) -> None:
    """Put the market's clock forward to an instant, from one deadline to the next, as if somebody had served all the while."""
    assert isinstance(engine, Engine), "its clock is in this process"
    assert to_us >= engine.clock.now_us(), "time goes one way"
    while (due_us := _next_due(engine)) is not None and due_us <= to_us:
        _put_forward(engine, due_us)
        async with asyncio.timeout(60):
            while (next_us := _next_due(engine)) is not None and next_us <= engine.clock.now_us():
                await asyncio.sleep(0.01)  # the writer's timer looks at the clock at least twice a second
    _put_forward(engine, to_us)


def _put_forward(engine: Engine, to_us: int) -> None:
    by_us = max(0, to_us - engine.clock.now_us())
    engine.clock._offset_us += by_us
    engine._last_beat_us = InstantUs(engine._last_beat_us + by_us)


def _next_due(engine: Engine) -> int | None:
    dues = [
        due_us
        for lane in engine._lanes
        for state in list(lane.writer.committed.values())
        if (due_us := lane.rules.next_deadline(state)) is not None
    ]
    return min(dues, default=None)
