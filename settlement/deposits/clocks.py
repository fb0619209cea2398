"""What is due by time or by what was received: holding, lapsing, counting again, releasing, taking what is lost.

Each deposit is a transaction of its own. One that cannot be done is written down and passed over, so that it never stands before the
others; a database that does not answer ends the turn, and the next turn begins after a pause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from engine.journal.follower import BEHIND, GONE
from settlement.deposits.deposits import Deposits, Outcome
from settlement.deposits.store import QUERIES, Changed

A_TURN: Final = 200
"""Deposits handled by one turn of a clock."""
AGAIN_S: Final = 1.0
"""Pause after a turn that the database did not answer."""

log = logging.getLogger(__name__)


class Clocks:
    """The worker that looks at what is due."""

    def __init__(self, pool: asyncpg.Pool, deposits: Deposits, now_us: Callable[[], int]) -> None:
        self._pool = pool
        self._deposits = deposits
        self._now_us = now_us

    async def run(self, pause_s: float = 1.0) -> None:
        """Do for ever what is due by time or by what was received."""
        woken = self._deposits.woken
        while True:
            woken.clear()
            try:
                if await self.tick():
                    continue
            except BEHIND:
                log.warning("deposits_wait", exc_info=True)
                await asyncio.sleep(AGAIN_S)
            try:
                async with asyncio.timeout(pause_s):
                    await woken.wait()
            except TimeoutError:
                continue

    async def tick(self) -> int:
        """Do once what is due now; return how much was done."""
        steps = (self.hold_paid, self.lapse_due, self.recount, self.release_due, self.forfeit_due)
        return sum([await step() for step in steps])

    async def hold_paid(self) -> int:
        """Hold what is paid from the party's own verified account; mark the rest for an operator. Return how many were held."""
        return await self._each("paid_unchecked", self._deposits.hold_if_own)

    async def lapse_due(self) -> int:
        """Close what was not paid in time. Return how many."""
        return await self._each("to_lapse", self._deposits.lapse, self._now_us())

    async def recount(self) -> int:
        """Count again what ran past the holiday table. Return how many changed."""
        return await self._each("to_recount", self._deposits.count_again)

    async def release_due(self) -> int:
        """Order the pay-back of everything whose time has come. Return how many."""
        return await self._each("to_release", self._deposits.release, self._now_us())

    async def forfeit_due(self) -> int:
        """Take what is lost. Return how many."""
        return await self._each("to_forfeit", self._deposits.forfeit, self._now_us())

    async def _each(self, query: str, work: Callable[[str], Awaitable[Outcome | None]], *at_us: int) -> int:
        """Do each deposit found; what another worker did meanwhile is refused by its state and passed over."""
        done = 0
        for row in await self._pool.fetch(QUERIES[query], *at_us, A_TURN):
            try:
                done += isinstance(await work(row["id"]), Changed)
            except GONE:
                raise
            except Exception:  # a deadlock, or a defect of one deposit, must not keep the others' money
                log.exception("deposit_stands_still", extra={"deposit": row["id"], "step": query})
        return done
