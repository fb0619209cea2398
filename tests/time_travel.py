"""Statutory days in seconds: a running engine's clock is put forward. It is no stall: nobody stood still."""

from __future__ import annotations

import asyncio

from engine.runtime.engine import Engine
from engine.values import InstantUs


async def travel(engine: Engine, to_us: int) -> None:
    """Put the market's clock forward to an instant and let everything that fell due happen."""
    by_us = to_us - engine.clock.now_us()
    assert by_us >= 0, "time goes one way"
    engine.clock._offset_us += by_us
    engine._last_beat_us = InstantUs(engine._last_beat_us + by_us)
    async with asyncio.timeout(10):
        while any(_overdue(lane) for lane in engine._lanes):
            await asyncio.sleep(0.01)  # the writer's timer looks at the clock at least twice a second


def _overdue(lane: object) -> bool:
    rules, writer = lane.rules, lane.writer  # type: ignore[attr-defined]
    now_us = writer._clock.now_us()
    dues = (rules.next_deadline(state) for state in list(writer.committed.values()))
    return any(due_us is not None and due_us <= now_us for due_us in dues)
