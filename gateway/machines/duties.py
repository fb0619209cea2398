"""Endless work that one process does for the whole market: in a market of one process it, among several gateways whoever holds a lease.

Each duty is safe to be done twice (ids, cursors, locks), so the lease saves work and noise; it guards nothing by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import asyncpg

from engine.journal.queries import load_queries
from gateway.accounts.model import UNREACHABLE
from gateway.working import keep_at

LEASE: Final = "duties"
LEASE_S: Final = 6.0
RENEW_S: Final = 2.0
MARGIN_S: Final = 1.5
"""The holder stops so long before the database would give the lease to another, by its own steady clock."""
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")

Work = Callable[[], Coroutine[Any, Any, None]]
log = logging.getLogger(__name__)


class Duties:
    """What is to be done once in the market. With a `holder` it is done while this process has the lease, else always."""

    def __init__(self, stack: AsyncExitStack, pool: asyncpg.Pool, holder: str | None) -> None:
        self._stack = stack
        self._pool = pool
        self._holder = holder
        self._works: list[Work] = []
        self.held = holder is None
        """This process does the work now."""

    def begin(self) -> None:
        """Everything is ready and all duties are named: from now on the lease is asked for."""
        if self._holder is not None:
            keep_at(self._stack, self._keep_lease)

    def keep(self, work: Work) -> None:
        """Do this from now on, or whenever the lease is held; what was added first is done first."""
        if self._holder is None:
            keep_at(self._stack, work)
        else:
            self._works.append(work)

    async def _keep_lease(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                asked_s = loop.time()
                if await self._ask(asked_s + RENEW_S):
                    await self._work_until(asked_s + LEASE_S - MARGIN_S)
                else:
                    await asyncio.sleep(RENEW_S)
        finally:
            await self._let_go()

    async def _work_until(self, until_s: float) -> None:
        """Work, and go on as long as the lease is renewed in time."""
        loop = asyncio.get_running_loop()
        log.info("duties_taken")
        async with AsyncExitStack() as works:
            for work in self._works:
                keep_at(works, work)
            self.held = True
            try:
                while loop.time() < until_s:
                    await asyncio.sleep(min(RENEW_S, max(0.0, until_s - loop.time())))
                    asked_s = loop.time()
                    if asked_s < until_s and await self._ask(until_s):
                        until_s = asked_s + LEASE_S - MARGIN_S
            finally:
                self.held = False
        log.warning("duties_lost")

    async def _ask(self, by_s: float) -> bool:
        try:
            async with asyncio.timeout_at(by_s):
                return await self._pool.fetchval(_QUERIES["hold"], LEASE, self._holder, LEASE_S) is True
        except UNREACHABLE:
            return False

    async def _let_go(self) -> None:
        try:
            async with asyncio.timeout(MARGIN_S):
                await self._pool.execute(_QUERIES["let_go"], LEASE, self._holder)
        except UNREACHABLE:
            log.warning("lease_not_returned")  # it ends by itself
